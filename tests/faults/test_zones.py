"""The server's own zone: as the C library finds it, and named where it is not found."""

import shutil
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.settings.zones import find_local_zone
from faults.programs import run
from store.fleet import Fleet

SYSTEM = Path("/usr/share/zoneinfo")
NOW = "2026-11-20T21:00+01:00"
needs_zones = pytest.mark.skipif(not SYSTEM.exists(), reason="the system has no zones (tzdata)")


def find(etc: Path, environment: Mapping[str, str]) -> str:
    """Return the key of the zone that is found, '' for none."""
    return "".join(zone.key for zone in find_local_zone(environment, etc))


@needs_zones
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Europe/Zurich", "Europe/Zurich"),
        (":Europe/Zurich", "Europe/Zurich"),
        ("EST5EDT", "EST5EDT"),
        (":/etc/localtime", "America/Lima"),
        ("/etc/localtime", "America/Lima"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        (":/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("/usr/share/zoneinfo/right/Asia/Tokyo", "Asia/Tokyo"),
        ("posix/Asia/Tokyo", "Asia/Tokyo"),
        ("", "UTC"),
        ("UTC0", "Etc/UCT"),  # another name of it
        ("CET-1CEST,M3.5.0,M10.5.0/3", "Africa/Ceuta"),  # the first of many
        ("Europe/Zurch", ""),
        ("../../../../etc/passwd", ""),
        ("/dev/null", ""),
        ("/nowhere/Nowhere", ""),
        ("nonsense\udcff\n", ""),
    ],
)
def test_a_zone_in_the_environment(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "localtime").symlink_to(SYSTEM / "America" / "Lima")
    text = text.replace("/etc", str(tmp_path))

    assert find(tmp_path, {"TZ": text}) == expected


@needs_zones
@pytest.mark.parametrize(
    "rule",
    [
        "CET-1CEST,M3.5.0,M10.5.0/3",
        ":CET-1CEST,M3.5.0/02:00:00,M10.5.0/03:00:00",
        "MEZ-01MESZ,M3.5.0/2,M10.5.0/3",
        "<+01>-1<+02>,M3.5.0,M10.5.0/3",
    ],
)
def test_a_rule_is_a_zone_that_has_it(tmp_path: Path, rule: str) -> None:
    (tmp_path / "timezone").write_text("Europe/Zurich\n")

    assert find(tmp_path, {"TZ": rule}) == "Europe/Zurich"
    (tmp_path / "timezone").unlink()
    (found,) = find_local_zone({"TZ": rule}, tmp_path)
    assert _changes_of(found) == _changes_of(zoneinfo.ZoneInfo("Europe/Zurich"))


@needs_zones
@pytest.mark.parametrize(
    ("name", "noted", "expected"),
    [
        pytest.param("Asia/Kathmandu", "", "Asia/Kathmandu", id="alone"),
        pytest.param("Europe/Zurich", "Europe/Zurich\n", "Europe/Zurich", id="named"),
        pytest.param("Asia/Kathmandu", "Europe/Zurich\n", "Asia/Kathmandu", id="wrongly named"),
        pytest.param("Asia/Kathmandu", "\udcff", "Asia/Kathmandu", id="named in no text"),
    ],
)
def test_a_copy_is_the_zone_with_its_content(
    tmp_path: Path, name: str, noted: str, expected: str
) -> None:
    shutil.copy(SYSTEM / name, tmp_path / "localtime")
    if noted:
        (tmp_path / "timezone").write_bytes(noted.encode(errors="surrogateescape"))

    assert find(tmp_path, {}) == expected


@needs_zones
def test_a_copy_of_an_older_version_is_a_zone_with_its_rule(tmp_path: Path) -> None:
    content = (SYSTEM / "Asia" / "Kathmandu").read_bytes()
    (tmp_path / "localtime").write_bytes(content[:60] + b"\1" + content[61:])

    assert find(tmp_path, {}) == "Asia/Kathmandu"


@pytest.mark.parametrize(
    ("noted", "expected"), [("", "UTC"), ("Europe/Zurich\n", "Europe/Zurich"), ("No/where\n", "")]
)
def test_without_a_file(tmp_path: Path, noted: str, expected: str) -> None:
    if noted:
        (tmp_path / "timezone").write_text(noted)

    assert find(tmp_path, {}) == expected


@pytest.mark.parametrize("content", [b"", b"TZif", b"TZif2\n\n", b"hello\nCET-1\n"])
def test_a_file_that_is_no_zone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "localtime").write_bytes(content)

    assert find(tmp_path, {}) == ""


def test_a_zone_that_is_not_known_is_said(fleet: Fleet) -> None:
    fleet.file.write_text(fleet.file.read_text().replace('zones = ["Europe/Zurich"]', ""))
    given = {"TZ": "Mars/Base"}
    said = (
        "this server: its time zone is not known (TZ=Mars/Base is not one of the IANA zones); "
        "set [schedule] zones"
    )

    tried = run(fleet, NOW, "backup_settings", "--test", environment=given)
    collected = run(fleet, NOW, "collect_backup_state", "-v", environment=given)
    checked = run(fleet, NOW, "check_backup_monitoring", "-v", environment=given)

    assert f"FAILED  zone: {said}\n" in tried.text
    assert f"zone: {said}" in collected.text
    assert checked.code == 1
    assert "1 finding of kind zone (this server's time zone is not known)" in checked.text
    known = run(fleet, NOW, "backup_settings", "--test", environment={"TZ": "Asia/Tokyo"})
    assert "time zone" not in known.text
    again = run(fleet, NOW, "collect_backup_state", "-v", environment={"TZ": "Asia/Tokyo"})
    assert "zone: " not in again.text


def _changes_of(zone: zoneinfo.ZoneInfo) -> list[object]:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return [(begin + timedelta(hours=n)).astimezone(zone).utcoffset() for n in range(9000)]
