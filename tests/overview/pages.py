"""Fleets with a page: a mixed one, a hostile one, and a large one."""

import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from overview.fleets import RUN, SETTINGS, run
from store.fleet import BASE, Fleet, entry
from store.test_same import fill

NEXT_DAY = "2026-11-22T12:00+01:00"
SHOWN = "2026-11-22T12:07+01:00"
PAGE = (
    '[overview]\nfolder = "page"\n'
    'icinga_url = "https://icinga.example.org/{host}/{account}/{task}?a=1&b=2"\n'
)
NOTIFIED = SETTINGS.partition("[overview]")[0] + PAGE
# What a customer may write, and a browser must not obey.
EVIL = (
    "<script>alert(1)</script>",
    "</script><script>document.title='owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "--><style>*{display:none}</style>",
    "\u202etxt.exe \u2028 line",
)
EVIL_UIDS = (
    "../../escaped",
    "index",
    "x-696e646578",
    "a/b",
    ".",
    "..",
    "<b>bold</b>",
    "Ünicode %41",
)


def encode(name: str, text: str) -> str:
    """Return a line of LDIF for any text."""
    return f"{name}:: {b64encode(text.encode()).decode()}\n"


def named(number: int, uid: str, name: str, customer: str) -> str:
    """Return an entry of an account whose names may be anything."""
    return (
        f"dn: cn=a{number},{BASE}\nobjectClass: sstBackup\n{encode('uid', uid)}{encode('cn', name)}"
        f"homeDirectory: /home/evil{number}\nsstIsActive: TRUE\nsstQuota: 1000\n"
        f"sstBackupSize: 990\ncreateTimestamp: 20250301101500Z\n"
        f"{encode('sstBelongsToCustomerUID', customer)}"
        f"{encode('sstBelongsToResellerUID', customer)}"
        f"{encode('mail', 'victim@example.org')}\n"
    )


def write(fleet: Fleet, now: str = SHOWN) -> Path:
    """Write the page; return its folder."""
    done = run(fleet, "backup_overview", now=now)
    assert done.code == 0, done.out
    return fleet.folder / "page"


def make_page(folder: Path, more: str = "") -> Fleet:
    """Accounts of every kind after runs on two days, with mails, and a page of them."""
    fleet = Fleet(folder)
    fleet.settings_text(NOTIFIED + more)
    fill(fleet)
    fleet.collect(RUN)
    (fleet.home / "good" / "incoming").rename(fleet.home / "good" / "left")
    fleet.collect(NEXT_DAY)
    for job in ("--scan", "--deliver"):
        assert run(fleet, "notify_backup", job, now=NEXT_DAY).code in (0, 1, 2)
    write(fleet)
    return fleet


def make_hostile(folder: Path, more: str = "") -> Fleet:
    """Accounts whose names, computers and programs are made to break a page."""
    fleet = Fleet(folder, ())
    fleet.settings_text(PAGE + more)
    uids = (*EVIL_UIDS, *(f"plain{number}" for number in range(len(EVIL))))
    texts = []
    for number, uid in enumerate(uids):
        evil = EVIL[number % len(EVIL)]
        texts.append(named(number, uid, f"{evil} info@example.org", evil))
        home = fleet.home / f"evil{number}"
        home.mkdir()
        name = evil.replace("/", "_")
        folder_of = home / "incoming" / name / ".sepiola_backup"
        folder_of.mkdir(parents=True)
        client = "".join(f"&#{ord(char)};" for char in evil if char.isprintable())
        (folder_of / "backupEnded.xml").write_text(
            "<backup_ended><enddate>2026-11-20T20:40:00+01:00</enddate><id>1</id><success>0</success>"
            f"<client><identifier>{client}</identifier><version>{client}</version></client>"
            "</backup_ended>"
        )
    fleet.entries(*texts)
    fleet.collect(RUN)
    fleet.collect(NEXT_DAY)
    write(fleet)
    return fleet


def make_many(folder: Path, accounts: int = 450) -> Fleet:
    """More accounts than a page shows at once: each third fails, of two servers."""
    fleet = Fleet(folder, ())
    fleet.settings_text(PAGE)
    texts = []
    for number in range(accounts):
        full = (990, 900, 100)[number % 3]
        texts.append(
            entry(
                f"{4000101 + number}",
                cn=f"Example {number}",
                createTimestamp="20261115101500Z",
                host=f"backup-0{1 + number % 2}",
                sstBackupSize=full,
                sstBelongsToCustomerUID=4900000 + number // 10,
                sstBelongsToResellerUID=4800000 + number % 3,
            )
        )
    fleet.entries(*texts)
    for number in range(accounts):
        (fleet.home / f"{4000101 + number}").mkdir()
    for number in range(0, accounts, 50):
        uid = f"{4000101 + number}"
        fleet.plan(uid, 20)
        fleet.start(uid, "2026-11-18T20:00:00+01:00")
        fleet.end(uid, "2026-11-18T20:40:00+01:00", number % 100 and 1)
    fleet.collect(RUN)
    fleet.collect(NEXT_DAY)
    write(fleet)
    return fleet


def read_data(page: Path) -> dict[str, Any]:
    """Return the data that the script shows."""
    text = (page / "data.js").read_text(encoding="ascii")
    found = re.fullmatch(r"window\.D=(\{.*\});\n", text)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


class Elements(HTMLParser):
    """Collects the elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def parse(file: Path) -> Elements:
    return Elements(file.read_text(encoding="utf-8"))


def list_files(page: Path) -> list[Path]:
    return sorted(file for file in page.rglob("*") if file.is_file())
