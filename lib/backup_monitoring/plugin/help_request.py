"""What --help and --version raise; apart from the options, which most checks do not load."""


class HelpRequested(Exception):  # noqa: N818 - not an error
    """--help or --version: the launcher prints *text*, and the program does nothing else."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
