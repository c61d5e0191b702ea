"""The desk: does the jobs of notify_backup over outbox and source, and says what was done."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from backup_monitoring.mail import AddressError, MailError, parse_address
from backup_monitoring.model import (
    DirectoryError,
    Event,
    EventKind,
    Need,
    NoPeople,
    SettingsError,
    State,
    UsageError,
)
from backup_monitoring.notify.announce import Dispatcher, EventResult, Notification
from backup_monitoring.notify.contact_check import check_contacts
from backup_monitoring.notify.hook import (
    SEEN,
    Call,
    HookResult,
    PreparedCall,
    apply_call,
    log_call,
    make_plain_event,
    prepare_call,
    remember_call,
)
from backup_monitoring.notify.recipients import find_recipients
from backup_monitoring.outbox import (
    OVER,
    DeliveryLog,
    Draft,
    LogAction,
    Outbox,
    OutboxError,
    Transaction,
    make_error,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source, StoreError, open_source
from backup_monitoring.tasks import TASKS, Task

DONE, FALLBACK, NOT_WRITTEN, WRONG = 0, 1, 2, 3
_DRY = "dry run: nothing was changed"
_ENTRY = Task(Need.NOTHING, None)
ExitResult = tuple[int, str]


class Notifier:
    """One run of notify_backup.

    Args:
        settings: all of them; [notify] outbox is set.
        now: aware UTC. phase: told before each wait.
        dry: print what would be told, and change nothing.
    """

    def __init__(
        self, settings: Settings, now: datetime, phase: Callable[[str], None], dry: bool = False
    ) -> None:
        self._settings = settings
        self._policy = settings.notify
        self._now = now
        self._phase = phase
        self._dry = dry

    @contextmanager
    def _outbox(self) -> Iterator[Outbox]:
        file = self._policy.outbox
        if file is None:
            remedy = 'such as "/var/lib/backup-monitoring/outbox/outbox.sqlite"'
            raise SettingsError(f"{self._settings.file}: [notify] outbox", "not set", remedy)
        self._phase(f"opening {file}")
        if self._dry:
            with _copy(file) as copied, Outbox(copied) as outbox:
                yield outbox
            return
        log = DeliveryLog(self._policy.log)
        with Outbox(file, log) as outbox:
            yield outbox

    def call(self, call: Call, seconds: float) -> ExitResult:
        """Do what a notification asks for.

        Whatever cannot be looked up, or not within *seconds*, is handed to the fallback: a
        notification comes once.
        """
        try:
            with self._outbox() as outbox:
                prepared = None if call.kind is None else self._looked_up(call, seconds)
                with outbox.transaction(self._now) as t:
                    apply_call = self._answered(call, prepared, t)
                log = outbox.log
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        return self._result(
            [apply_call.outcome] if apply_call.outcome else [], apply_call.said, log
        )

    def _answered(
        self, call: Call, prepared: PreparedCall | str | None, t: Transaction
    ) -> HookResult:
        if prepared is None:
            return log_call(call, t)
        if isinstance(prepared, str):
            return self._unreached(call, t, prepared)
        return apply_call(call, prepared, t, self._settings)

    def _looked_up(self, call: Call, seconds: float) -> PreparedCall | str:
        """Return what *call* is about, or why that cannot be said."""
        if self._settings.store.folder is not None:
            return self._prepared(call)
        found: list[PreparedCall | str | BaseException] = []

        def look_up() -> None:
            try:
                found.append(self._prepared(call))
            except BaseException as error:  # raised again by whoever waits
                found.append(error)

        # A directory or a home may not answer at all: nothing else would end the waiting.
        worker = threading.Thread(target=look_up, name="looking up", daemon=True)
        worker.start()
        worker.join(seconds)
        if not found:
            return f"the directory and the home did not answer within {seconds:g} s"
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]

    def _prepared(self, call: Call) -> PreparedCall | str:
        try:
            with self._open() as source:
                return prepare_call(call, source, self._settings, self._now)
        except (DirectoryError, StoreError) as error:
            return str(error)

    def _open(self) -> AbstractContextManager[Source]:
        return open_source(self._settings, self._now, self._phase)

    def _unreached(self, call: Call, t: Transaction, reason: str) -> HookResult:
        event = make_plain_event(call)
        if t.seen(event):
            return HookResult(SEEN)
        if event.kind in OVER:  # what waits about it is not true any more, whoever it was for
            remember_call(call, t)
            t.note(event)
        nobody = NoPeople()
        letters, make_error = Dispatcher(t, nobody, self._settings).notify_operator(event, reason)
        decision = find_recipients(event, nobody, self._policy)._replace(unreached=reason)
        return HookResult(
            "handed to the fallback", EventResult(decision, tuple(letters), reason + make_error)
        )

    def _result(self, outcomes: Sequence[EventResult], said: str, log: DeliveryLog) -> ExitResult:
        unsent = [each.operator for each in outcomes if each.operator is not None]
        lines = [said, *(f"handed to the fallback: {reason}" for reason in unsent)]
        if unsent and not self._policy.operator:
            lines.append("[notify] operator is not set: nobody was told; set it")
        if log.failure:
            lines.append(f"FAILED: {log.failure}")
        if self._dry:
            lines = [_DRY, *self._shown(outcomes), *lines]
        return (FALLBACK if unsent else DONE), "\n".join(lines)

    def _shown(self, outcomes: Sequence[EventResult]) -> Iterator[str]:
        for outcome in outcomes:
            yield from outcome.decision.explained
            for letter in outcome.letters:
                yield from self._letter_lines(letter)

    def _letter_lines(self, letter: Notification) -> Iterator[str]:
        from backup_monitoring.notify.composer import Composer

        recipient, mail = letter
        yield f"to {recipient.address} ({recipient.role.value}): {recipient.reason}"
        if mail is None:
            yield "  a line in the next digest"
            return
        if isinstance(mail, Draft):
            mail = Composer(self._settings, None, self._now).written(mail)
        for line in mail.data.decode("utf-8", "replace").splitlines():
            yield f"  {line}"

    def scan(self) -> ExitResult:
        """Judge all accounts, and tell what is new."""
        from backup_monitoring.notify.scan import scan_accounts

        try:
            with self._open() as source, self._outbox() as outbox:
                scanned = scan_accounts(outbox, source, self._settings, self._now)
                log = outbox.log
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        except (DirectoryError, StoreError) as error:
            return self._no_scan(str(error))
        letters = sum(len(outcome.letters) for outcome in scanned.told)
        events = len(scanned.told)
        plural = "" if events == 1 else "s"
        said = f"{scanned.accounts} accounts, {events} event{plural}, {letters} to tell"
        if scanned.recorded:
            said += (
                f"; first scan: {scanned.recorded} problems are only recorded, "
                "and told after notify_backup --release"
            )
        code, text = self._result(scanned.told, said, log)
        return (FALLBACK if scanned.unsent else code), text

    def _no_scan(self, reason: str) -> ExitResult:
        """Tell the fallback, once an outage: a scan may be tried every minute of it."""
        from backup_monitoring.notify.composer import Composer, NoOperatorError
        from backup_monitoring.notify.scan import OUTAGE

        try:
            with self._outbox() as outbox, outbox.transaction(self._now) as t:
                since = t.meta(OUTAGE)
                if not since:
                    t.queue(Composer(self._settings, None, self._now).no_scan(reason))
                    t.log(LogAction.NOT_TOLD, reason=f"no scan: {reason}")
                    t.set_meta(OUTAGE, self._now.isoformat())
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        except (MailError, NoOperatorError) as error:
            return FALLBACK, f"no scan, nobody was told ({error}): {reason}"
        how = f"the fallback was told {since}" if since else "handed to the fallback"
        return FALLBACK, f"no scan, {how}: {reason}"

    def deliver(self) -> ExitResult:
        """Deliver what waits in the outbox."""
        from backup_monitoring.mail import TransportError, open_transport
        from backup_monitoring.notify.composer import Composer
        from backup_monitoring.outbox import deliver

        try:
            with self._outbox() as outbox, self._people() as source:
                composer = Composer(self._settings, source and source.people, self._now)
                self._phase(f"handing mails to {self._policy.smtp}")
                transport = open_transport(self._policy)
                counted = source.counted if source is not None else lambda host: None
                done = deliver(outbox, transport, self._policy, self._now, composer, counted)
                failure = outbox.log.failure
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        if done.busy:
            return DONE, "another delivery is under way"
        lines = [f"{done.sent} sent, {done.retried} to be tried again, {done.refused} refused"]
        lines += [f"FAILED: {error}" for error in done.errors]
        lines += [f"FAILED: {failure}"] if failure else []
        # A mail server that is down loses nothing; all other errors are in the settings.
        if any(not isinstance(error, TransportError) for error in done.errors):
            return WRONG, "\n".join(lines)
        return (FALLBACK if done.refused else DONE), "\n".join(lines)

    @contextmanager
    def _people(self) -> Iterator[Source | None]:
        """Give the source, None where it cannot be opened: mails that are written can go."""
        if self._settings.store.folder is None:
            yield None  # the directory is not asked at every minute's delivery
            return
        with ExitStack() as stack:
            try:
                source = stack.enter_context(self._open())
            except StoreError:
                source = None
            yield source

    def release(self) -> ExitResult:
        """Let what is held by the storm guard, or was only recorded, be told."""
        from backup_monitoring.notify.scan import release_recorded
        from backup_monitoring.outbox import release_held

        try:
            with self._outbox() as outbox, outbox.transaction(self._now) as t:
                mails, problems = release_held(t), release_recorded(t)
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        said = (
            f"{mails} held mails are released; of {problems} recorded problems those that still "
            "fail are told by the next scan"
        )
        return DONE, f"{_DRY}\n{said}" if self._dry else said

    def explain(self, uids: Sequence[str], task: str | None) -> Iterator[str]:
        """Yield, for each account and task, which rule decides who is told, and why."""
        if task is not None and task not in TASKS:
            raise UsageError("--task", f"{task!r} is none of {', '.join(TASKS)}", "name the task")
        names = self._settings.directory.attributes
        with self._open() as source:
            for uid in uids:
                explained: dict[tuple[str, ...], list[str]] = {}
                for each in (task,) if task else TASKS:
                    event = Event(uid, each, EventKind.PROBLEM, State.CRITICAL, self._now, "")
                    decision = find_recipients(event, source.people, self._policy, names)
                    told = [f"told: {r.address} ({r.role.value})" for r in decision.recipients]
                    lines = (*decision.explained, *told)
                    explained.setdefault(lines, []).append(each)
                for lines, tasks in explained.items():
                    yield f"{uid}, {', '.join(tasks)}:"
                    yield from (f"  {line}" for line in lines)

    def check_contacts(self, uids: Sequence[str] | None) -> Iterator[str]:
        """Yield what is wrong with the contacts of accounts."""
        names = self._settings.directory.attributes
        with self._open() as source:
            for uid in uids or ():
                if source.people.contact(uid) is None:
                    yield f"{uid}: no such account"
            for account, _ in source.accounts(uids, _ENTRY):
                contact = source.people.contact(account.uid)
                if contact is not None:
                    for finding in check_contacts(contact, source.people, self._policy, names):
                        yield f"{account.uid}: {finding}"

    def test_mail(self, address: str) -> ExitResult:
        """Send one mail of every kind and language to *address*."""
        from backup_monitoring.mail import SendOutcome, open_transport, preview_messages

        try:
            checked = parse_address(address)
        except AddressError as error:
            raise UsageError("--test-mail", f"{address!r}: {error}", "name an address") from None
        lines, make_error = [], 0
        transport = open_transport(self._policy)
        for name, mail in preview_messages(checked, self._policy):
            if self._dry:
                lines.append(f"{name}: {mail.subject}")
                continue
            self._phase(f"handing a mail to {self._policy.smtp}")
            apply_call = transport.send(self._policy.return_path, checked, mail.data)
            make_error += apply_call.outcome is not SendOutcome.ACCEPTED
            lines.append(f"{name}: {apply_call.outcome.value} {apply_call.reason}".rstrip())
        transport.close()
        return (FALLBACK if make_error else DONE), "\n".join(lines)


@contextmanager
def _copy(file: Path) -> Iterator[Path]:
    """Give a copy of the outbox, to try things on."""
    with tempfile.TemporaryDirectory() as folder:
        # with the journal of a process that was killed, or is at work
        for suffix in ("", "-journal"):
            part = file.with_name(file.name + suffix)
            try:
                if part.exists():
                    shutil.copyfile(part, Path(folder) / part.name)
            except OSError as error:
                raise make_error(file, error) from None
        yield Path(folder) / file.name
