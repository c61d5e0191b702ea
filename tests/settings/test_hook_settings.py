"""The hook's short reading of the settings finds what reading all of them finds, or nothing."""

import os
from pathlib import Path

import pytest

from backup_monitoring.settings.hook_settings import find_hook_outbox
from backup_monitoring.settings.load import read_settings

MINIMAL = '[directory]\nuri = "ldif:x"\nsuffix = "dc=example"\n[notify]\noutbox = '


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + '"outbox.sqlite"',
        MINIMAL + "'/var/out \\ box.sqlite' # where mails wait",
        MINIMAL + '"../\\u00e4/outbox.sqlite"\r\ntrigger = "monitoring"\r\n',
        MINIMAL.replace("[notify]\noutbox", "[notify.reseller]\ndigest = false\n[notify]\n'outbox'")
        + '"""\noutbox.sqlite"""',
    ],
    ids=["relative", "absolute", "escaped", "written in other ways"],
)
def test_it_finds_the_outbox(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(text.encode())

    found = find_hook_outbox(str(file))

    assert found == str(read_settings(file).notify.outbox)
    assert found.startswith("/")


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + '"o"\ntrigger = "scan"',
        MINIMAL + '"o"\ntrigger = 1',
        MINIMAL + '""',
        MINIMAL + "1",
        MINIMAL + '"a\\u0000b"',
        MINIMAL + '"o"\n[notify]',
        MINIMAL.partition("[notify]")[0],
        MINIMAL.partition("[notify]")[0] + "notify = 1",
        "\ufeff" + MINIMAL + '"o"',
        "\ufffe".encode("utf-16-le").decode("latin-1"),
        "x = " + "[" * 5000,
        "",
    ],
)
def test_it_leaves_the_rest_to_the_complete_reading(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)

    assert find_hook_outbox(str(file)) is None


def test_it_opens_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert find_hook_outbox(str(tmp_path / "pipe")) is None
    assert find_hook_outbox(str(tmp_path)) is None
    assert find_hook_outbox(str(tmp_path / "none")) is None
