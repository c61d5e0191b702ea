"""An outbox with a spool over the example's directory, for tests within a process."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from backup_monitoring.model.errors import DirectoryError
from backup_monitoring.notify.batch import BatchResult, handle_calls
from backup_monitoring.notify.call_values import collect_values
from backup_monitoring.outbox.delivery_log import DeliveryLog
from backup_monitoring.outbox.spool_writer import write_call
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.load import Settings, read_settings
from backup_monitoring.store.source import Source, open_source

ROOT = Path(__file__).parents[2]
NOW = datetime.fromisoformat("2026-11-24T12:00:00+01:00")
OPERATOR = "operations@example.org"
OpenSource = Callable[[], AbstractContextManager[Source]]
_SETTINGS = f"""
[directory]
uri = "ldif:{ROOT}/examples/directory.ldif"
suffix = "dc=example,dc=org"
[homes]
root = "{ROOT}/examples/storage"
[notify]
from = "backup@example.org"
operator = "{OPERATOR}"
smtp = "sendmail:/bin/true"
outbox = "outbox/outbox.sqlite"
storm = false
"""


class Spooling:
    """An installation without a store; `call` is the hook, `handle` the delivery."""

    def __init__(self, folder: Path) -> None:
        (folder / "outbox").mkdir(exist_ok=True)
        (folder / "settings.toml").write_text(_SETTINGS)
        self.settings: Settings = read_settings(folder / "settings.toml")
        self.outbox = folder / "outbox" / "outbox.sqlite"
        self.spool = folder / "outbox" / "spool"
        self._log = folder / "log"
        self.clock = 0  # CLOCK_BOOTTIME in seconds

    def call(self, uid: str, kind: str, state: str, **values: str) -> None:
        self.clock += 1
        options = {"account": uid, "type": kind, "state": state, "task": "quota", **values}
        at = NOW + timedelta(minutes=self.clock)
        data = json.dumps(collect_values(options, {}, at)).encode()
        write_call(str(self.outbox), data, self.clock * 10**9)

    def handle(
        self, later: timedelta = timedelta(0), open_source: OpenSource | None = None
    ) -> BatchResult:
        with Outbox(self.outbox, DeliveryLog(self._log)) as outbox:
            return handle_calls(outbox, self.settings, NOW + later, open_source or self.open_source)

    def open_source(self) -> AbstractContextManager[Source]:
        return open_source(self.settings, NOW, lambda doing: None)

    def summaries(self, *arguments: Any) -> list[str]:
        return [each.summary for each in self.handle(*arguments).handled]

    def log(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def names(self) -> list[str]:
        return sorted(each.name for each in self.spool.glob("[!.]*"))

    def rows(self, query: str) -> list[Any]:
        """Return what *query* finds in the outbox; its first column if it has one."""
        with Outbox(self.outbox) as outbox, outbox.transaction(NOW) as transaction:
            found = transaction.execute(query).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def mails(self, uid: str) -> list[tuple[str, str]]:
        """Return kind and status of the mails about an account, a line per event."""
        return list(
            dict.fromkeys(
                self.rows(f"SELECT kind, status FROM mails WHERE account = '{uid}' ORDER BY id")
            )
        )


@contextmanager
def no_source() -> Iterator[Source]:
    raise DirectoryError("ldap://directory", "not reachable", "start it")
    yield  # a generator


def failing(spooling: Spooling, uids: Collection[str]) -> OpenSource:
    """Return a source in which these accounts cannot be looked up."""

    @contextmanager
    def opened() -> Iterator[Source]:
        with spooling.open_source() as source:
            people = source.people

            def contact(uid: str) -> object:
                if uid in uids:
                    raise DirectoryError(uid, "cannot be read", "correct it")
                return people.contact(uid)

            names = ("person", "customer", "reseller")
            others = {name: getattr(people, name) for name in names}
            yield cast(Source, SimpleNamespace(people=SimpleNamespace(contact=contact, **others)))

    return opened
