"""What --help and --version raise; apart from the options, which most checks do not load."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser


class HelpRequested(Exception):  # noqa: N818 - not an error
    """--help or --version: the launcher prints *text*, and the program does nothing else.

    Args:
        parser: of the command line, for what is generated from it.
    """

    def __init__(self, text: str, parser: "ArgumentParser") -> None:
        super().__init__(text)
        self.text = text
        self.parser = parser
