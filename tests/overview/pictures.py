"""The pictures of the documents, made anew: `PYTHONPATH=lib:tests python -m overview.pictures`."""

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from playwright.sync_api import Browser

from backup_monitoring.model.accounts import GIB
from overview.browser import Watched, launch
from overview.pages import PAGE, write
from store.fleet import Fleet, entry

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LAST_RUN = datetime.fromisoformat("2026-11-30T09:00:00+01:00")
SHOWN = LAST_RUN + timedelta(minutes=7)
SHOWN_ACCOUNT = 6
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = (
    *("Office", "Workshop", "Web server", "File server", "Accounting", "Laptops", "Database"),
    *("Reception", "Archive", "Warehouse", "Drawings"),
)
NEVER_USED = 25  # one account of so many
QUOTA = 70 * GIB


def make_fleet(folder: Path, accounts: int, nights: int) -> Fleet:
    """Accounts with one or two computers after a collector run each morning."""
    fleet = Fleet(folder, ())
    fleet.settings_text(PAGE)
    chance = Random(1)
    for number in range(accounts):
        (fleet.home / f"{4000101 + number}").mkdir()
        for name in list_computers(number):
            fleet.plan(f"{4000101 + number}", find_hour(number), name)
    for night in range(nights):
        morning = LAST_RUN - (nights - 1 - night) * DAY
        for number in range(accounts):
            for name in list_computers(number):
                back_up(fleet, number, name, morning, good=chance.random(), left=nights - night)
        fleet.entries(*(describe(number, night) for number in range(accounts)))
        fleet.collect(morning.isoformat())
    write(fleet, SHOWN.isoformat())
    return fleet


def describe(number: int, night: int) -> str:
    """Return the entry of an account, whose used space grows."""
    gib = 20 + 7.9 * number % 36 + night * (0.1 + 0.04 * (number % 7))
    return entry(
        f"{4000101 + number}",
        cn=NAMES[number % len(NAMES)],
        host=f"backup-0{1 + number % 3}",
        createTimestamp="20261001101500Z",
        sstQuota=QUOTA,
        sstBackupSize=round(gib * GIB),
        sstBelongsToCustomerUID=4900000 + number // 3,
        sstBelongsToResellerUID=4800000 + number % 4,
    )


def list_computers(number: int) -> tuple[str, ...]:
    if number % NEVER_USED == NEVER_USED - 1:
        return ()
    return ("db01", "web01") if number % 4 == SHOWN_ACCOUNT % 4 else ("pc01",)


def find_hour(number: int) -> int:
    return 18 + number % 6


def back_up(
    fleet: Fleet, number: int, name: str, morning: datetime, *, good: float, left: int
) -> None:
    """Leave what the client uploads in a night.

    Args:
        good: by chance, 0 to 1; the ends are bad. left: nights until the last one, which is 1.
    """
    is_missed = good < 0.04 or (number % 17 == 4 and left < 1 + number % 9)
    is_failed = good > 0.96 or (number % 19 == 7 and left < 1 + number % 7)
    if is_missed:
        return
    uid, run = f"{4000101 + number}", f"{left}{number}"
    began = morning.replace(hour=find_hour(number)) - DAY + timedelta(minutes=number % 7)
    fleet.start(uid, began.isoformat(), run, name)
    fleet.end(uid, (began + HOUR).isoformat(), 0 if is_failed else 1, run, name)
    for file, moment in (("backupStarted.xml", began), ("backupEnded.xml", began + HOUR)):
        # As the Perl client leaves it: it came when it was written.
        path = fleet.reports(uid, name) / file
        path.chmod(0o600)
        os.utime(path, (moment.timestamp(), moment.timestamp()))


def take_pictures(browser: Browser, fleet: Fleet, images: Path) -> None:
    """Write the front page and the page of an account as pictures into *images*."""
    for picture, page, width, height in (
        ("overview", "index", 1440, 800),
        ("account", f"{4000101 + SHOWN_ACCOUNT}", 1100, 1200),
    ):
        watched = Watched(browser, viewport={"width": width, "height": height})
        watched.page.set_default_timeout(60_000)
        watched.page.clock.set_fixed_time(SHOWN.isoformat())
        watched.page.goto((fleet.folder / "page" / f"{page}.html").as_uri())
        watched.page.screenshot(path=images / f"{picture}.png")
        watched.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fleet = make_fleet(Path(folder) / "fleet", 60, 30)
        with launch() as browser:
            take_pictures(browser, fleet, IMAGES)


if __name__ == "__main__":
    main()
