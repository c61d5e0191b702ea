"""When did a report come? By its file's mode, modification time and change time."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.uploads import Receipt
from backup_monitoring.uploads.arrivals import make_report_file
from backup_monitoring.uploads.safe_open import FileContent, find_owner, read_file
from cases import at

TEN, ELEVEN = "2026-11-23T10:00+01:00", "2026-11-23T11:00+01:00"


def content(modified: str, changed: str, mode: int = 0o644, later: float = 0) -> FileContent:
    after = timedelta(seconds=later)
    return FileContent(b"", at(modified) + after, at(changed) + after, mode)


@pytest.mark.parametrize(
    ("file", "moment"),
    [
        pytest.param(content(TEN, ELEVEN), ELEVEN, id="Sepiola: its client's own time"),
        pytest.param(content(ELEVEN, TEN), TEN, id="Sepiola, its clock is ahead"),
        pytest.param(content(TEN, ELEVEN, 0o600), TEN, id="Perl: chowned since"),
        pytest.param(content(ELEVEN, TEN, 0o600), TEN, id="Perl, touched"),
    ],
)
def test_when_a_file_came(file: FileContent, moment: str) -> None:
    found = make_report_file(file, "/home/a", ())

    assert found.received == Receipt(at(moment))
    assert found.by_client is (file.mode == 0o644)


@pytest.mark.parametrize(
    ("file", "other", "trusted"),
    [
        pytest.param(content(TEN, ELEVEN), content(ELEVEN, ELEVEN, later=0.1), False, id="at once"),
        pytest.param(
            content(TEN, ELEVEN), content(TEN, ELEVEN, later=0.11), True, id="not at once"
        ),
        pytest.param(content(TEN, TEN), content(TEN, ELEVEN), True, id="written at once"),
        pytest.param(
            content(TEN, ELEVEN, 0o600),
            content(ELEVEN, ELEVEN, 0o600),
            True,
            id="Perl: chowned together, but not uploaded",
        ),
        pytest.param(
            content(TEN, ELEVEN, 0o600),
            content(TEN, TEN, 0o600, later=-0.1),
            False,
            id="Perl: copied together",
        ),
    ],
)
def test_files_that_were_handled_together(
    file: FileContent, other: FileContent, trusted: bool
) -> None:
    far = content("2026-01-01T00:00Z", "2026-01-01T00:00Z")

    assert make_report_file(file, "/home/a", (far, other)).received.trusted is trusted


def test_what_is_read_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "backupStarted.xml"
    before = datetime.now(UTC) - timedelta(seconds=1)
    path.write_bytes(b"<a/>")
    path.chmod(0o600)
    os.utime(path, (10**9, 10**9))
    folder = os.open(tmp_path, os.O_PATH)

    found = read_file(folder, path.name, find_owner(folder))

    os.close(folder)
    assert found is not None
    assert (found.data, found.mode) == (b"<a/>", 0o600)
    assert found.modified == at("2001-09-09T01:46:40Z")
    assert before <= found.changed <= datetime.now(UTC) + timedelta(seconds=1)
