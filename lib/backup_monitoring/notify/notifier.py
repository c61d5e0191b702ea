"""Does the jobs of notify_backup, and returns exit code and output."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from backup_monitoring.mail import WAIT, AddressError, MailError, parse_address
from backup_monitoring.model import (
    DirectoryError,
    Event,
    EventKind,
    MonitoringError,
    Need,
    Needs,
    SettingsError,
    State,
    UsageError,
    format_count,
)
from backup_monitoring.notify.batch import Found, handle_calls, look_up_calls
from backup_monitoring.notify.call import Call
from backup_monitoring.notify.contact_check import check_contacts
from backup_monitoring.notify.dispatch import EventResult, choose_zone
from backup_monitoring.notify.dry_run import format_notifications
from backup_monitoring.notify.hook import apply_call, log_call
from backup_monitoring.notify.recipients import find_recipients
from backup_monitoring.notify.spooling import DONE, INCOMPLETE, NOT_WRITTEN, WRONG
from backup_monitoring.outbox import (
    DeliveryLog,
    LogAction,
    Outbox,
    OutboxError,
    Undeliverable,
    copy_outbox,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source, StoreError, open_source
from backup_monitoring.tasks import TASKS

if TYPE_CHECKING:
    from backup_monitoring.notify.explanations import Explanation

# A delivery's time is divided into so many parts. The last one is for the end of the process, half
# of one is the wait for an answer: all steps of a first mail, from DNS to the last answer, are 19.
_PARTS = 11
_MOST_TOKENS = 20  # of a report that are tried
_DRY = "dry run: nothing was changed"
_ENTRY = Needs(Need.NOTHING, None)
ExitResult = tuple[int, str]


def require_outbox(settings: Settings) -> Path:
    """Return the file of the outbox; SettingsError if the settings name none."""
    if settings.notify.outbox is None:
        remedy = 'set it, for example to "/var/lib/backup-monitoring/outbox/outbox.sqlite"'
        raise SettingsError(f"{settings.file}: [notify] outbox", "not set", remedy)
    return settings.notify.outbox


class Notifier:
    """A run of notify_backup.

    Args:
        settings: with [notify] outbox, which every job needs that queues or delivers.
        now: aware UTC. phase: called with a text before each wait.
        dry: print what would be sent, and change nothing.
    """

    def __init__(
        self, settings: Settings, now: datetime, phase: Callable[[str], None], dry: bool = False
    ) -> None:
        self._settings = settings
        self._policy = settings.notify
        self._now = now
        self._phase = phase
        self._dry = dry

    def preview_call(self, call: Call) -> ExitResult:
        """Show what a call of the hook would lead to now; nothing is spooled."""
        try:
            with self._open_outbox() as outbox:
                if call.kind is None:
                    prepared: Found = None
                else:
                    (prepared,) = look_up_calls(
                        [call], self._settings, self._open_source, self._undeliverable
                    )
                if isinstance(prepared, str):
                    return INCOMPLETE, f"{_DRY}\nit would wait: {prepared}"
                with outbox.transaction(self._now) as transaction:
                    if prepared is None:
                        done = log_call(call, transaction)
                    else:
                        done = apply_call(call, prepared, transaction, self._settings)
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        return self._make_result([done.result] if done.result else [], done.summary, outbox.log)

    def scan(self) -> ExitResult:
        """Evaluate all accounts, and notify of what has changed."""
        from backup_monitoring.notify.scan import scan_accounts

        try:
            with self._open_source() as source, self._open_outbox() as outbox:
                scanned = scan_accounts(outbox, source, self._settings, self._now)
                log = outbox.log
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        except (DirectoryError, StoreError) as error:
            return self._report_no_scan(str(error))
        accounts = format_count(scanned.accounts, "account")
        events = format_count(len(scanned.results), "event")
        count = sum(len(each.notifications) for each in scanned.results)
        summary = f"{accounts}, {events}, {count} to notify"
        if scanned.recorded:
            problems = format_count(scanned.recorded, "problem")
            summary += f"; first scan: {problems} recorded, to notify after notify_backup --release"
        code, text = self._make_result(scanned.results, summary, log)
        failures = [f"FAILED: {each}" for each in scanned.failures]
        if scanned.list_failure is not None:
            failures.append(f"no list was sent: {scanned.list_failure}")
        return (INCOMPLETE if failures else code), "\n".join((text, *failures))

    def _report_no_scan(self, reason: str) -> ExitResult:
        """Notify the operator, once per outage: a scan may be tried every minute of it."""
        from backup_monitoring.notify.composer import Composer, NoOperatorError
        from backup_monitoring.notify.scan import OUTAGE
        from backup_monitoring.outbox import queue_mail

        try:
            with self._open_outbox() as outbox, outbox.transaction(self._now) as transaction:
                since = transaction.get_meta(OUTAGE)
                if not since:
                    mail = Composer(self._settings, None, self._now).compose_no_scan(reason)
                    queue_mail(transaction, mail)
                    transaction.log(LogAction.NOT_SENT, reason=f"no scan: {reason}")
                    transaction.set_meta(OUTAGE, self._now.isoformat())
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        except (MailError, NoOperatorError) as error:
            return INCOMPLETE, f"no scan, nobody was notified ({error}): {reason}"
        how = f"the operator was notified {since}" if since else "handed to the operator"
        return INCOMPLETE, f"no scan, {how}: {reason}"

    def deliver(self, limit: float, left: float) -> ExitResult:
        """Handle the calls of the hook, and deliver what waits in the outbox.

        Args:
            limit: seconds after which this process ends. left: what is left of them.
        """
        end = time.monotonic() + left - limit / _PARTS
        try:
            with self._open_outbox() as outbox:
                calls, code = self._handle_calls(outbox)
                new, incomplete = self._catch_up(outbox)
                summaries = self._queue_summaries(outbox)
                mails = self._deliver_mails(outbox, min(WAIT, limit / 2 / _PARTS), end)
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        lines = (mails[1], *calls, *new, *filter(None, [summaries[1]]))
        return max(code, incomplete, mails[0], summaries[0]), "\n".join(lines)

    def _handle_calls(self, outbox: Outbox) -> tuple[list[str], int]:
        """Handle the calls of the hook; return lines of output, and the exit code."""
        try:
            done = handle_calls(outbox, self._settings, self._now, self._open_source)
        except OutboxError as error:  # mails that wait are delivered all the same
            return [f"FAILED: {error}"], NOT_WRITTEN
        results = [each.result for each in done.handled if each.result is not None]
        count = sum(len(each.notifications) for each in results)
        calls = format_count(len(done.handled), "call")
        code, text = self._make_result(results, f"{calls} handled, {count} to notify", outbox.log)
        lines = text.splitlines() if done.handled else []
        lines += [f"FAILED: {each}" for each in done.failures]
        return lines, max(code, INCOMPLETE if done.failures else DONE)

    def _catch_up(self, outbox: Outbox) -> tuple[list[str], int]:
        """Notify who is new among the recipients of problems that the hook was called about."""
        if self._policy.trigger != "monitoring":  # a scan does it itself
            return [], DONE
        from backup_monitoring.notify.scan import catch_up_called

        with self._open_stored_source() as source:
            if source is None:
                return [], DONE
            try:
                done = catch_up_called(outbox, source, self._settings, self._now)
            except OutboxError as error:
                return [f"FAILED: {error}"], NOT_WRITTEN
            except StoreError:  # too old, which check_backup_monitoring reports; tried again
                return [], DONE
        lines = [f"FAILED: {each}" for each in done.failures]
        if done.results:
            count = sum(len(each.notifications) for each in done.results)
            lines.insert(0, f"{count} to notify of problems that go on")
        return lines, INCOMPLETE if done.failures else DONE

    def _queue_summaries(self, outbox: Outbox) -> ExitResult:
        """Queue the weekly summaries that are due; the line of output is '' at other times."""
        if self._policy.summary != "weekly":
            return DONE, ""
        if self._settings.store.folder is None:
            return WRONG, "FAILED: [notify] summary: needs a store; set [store] folder"
        from backup_monitoring.notify.summary_mails import find_due_week, queue_summaries

        week = find_due_week(outbox, self._settings, self._now)
        if week is None:
            return DONE, ""
        with self._open_stored_source() as source:
            if source is None:
                return DONE, "no weekly summaries: the store is missing or too old"
            try:
                return DONE, queue_summaries(outbox, source, self._settings, self._now, week)
            except OutboxError:
                raise
            except MonitoringError as error:  # mails that wait are delivered all the same
                return DONE, f"no weekly summaries: {error}"

    def _deliver_mails(self, outbox: Outbox, wait: float, end: float) -> ExitResult:
        """Deliver what waits; wait *wait* seconds for each answer, at most until *end*."""
        from backup_monitoring.mail import TransportError, open_transport
        from backup_monitoring.notify.composer import Composer
        from backup_monitoring.outbox import UnknownServers, deliver

        with self._open_stored_source() as source:
            people = None if source is None else source.people
            composer = Composer(self._settings, people, self._now)
            self._phase(f"delivering mails to {self._policy.smtp}")
            transport = open_transport(self._policy, wait, end)
            servers, zone = source or UnknownServers(), choose_zone(self._settings)
            done = deliver(outbox, transport, self._policy, self._now, composer, servers, zone=zone)
        if done.busy:
            return DONE, "another delivery is running"
        lines = [f"{done.sent} sent, {done.retried} to retry, {done.refused} refused"]
        lines += [f"FAILED: {error}" for error in (*done.errors, outbox.log.failure) if error]
        # If a mail server is down, nothing is lost; all other errors are in the settings.
        if any(not isinstance(error, TransportError) for error in done.errors):
            return WRONG, "\n".join(lines)
        return (INCOMPLETE if done.refused else DONE), "\n".join(lines)

    def release(self) -> ExitResult:
        """Release what the storm guard holds, what the first scan only recorded, and bounces."""
        from backup_monitoring.notify.scan import release_recorded
        from backup_monitoring.outbox import forget_bounces, release_held

        try:
            with self._open_outbox() as outbox, outbox.transaction(self._now) as transaction:
                mails, problems = release_held(transaction), release_recorded(transaction)
                addresses = forget_bounces(transaction)
        except OutboxError as error:
            return NOT_WRITTEN, f"FAILED: {error}"
        text = (
            f"{format_count(mails, 'held mail')} released; "
            f"{format_count(problems, 'recorded problem')} released: the next scan "
            "notifies of those that still fail"
        )
        if addresses:
            bounced = ("address that bounced is", "addresses that bounced are")
            text += f"; {format_count(addresses, *bounced)} notified again"
        return DONE, f"{_DRY}\n{text}" if self._dry else text

    def explain(self, uids: Sequence[str], task: str | None) -> "Iterator[Explanation]":
        """Yield who is notified of accounts, by which rule, in *task* or else in every one."""
        from backup_monitoring.notify.explanations import Explanation

        if task is not None and task not in TASKS:
            problem = f"{task!r} is none of {', '.join(TASKS)}"
            raise UsageError("--task", problem, "give one of them")
        names = self._settings.directory.attributes
        with self._open_source() as source:
            for uid in uids:
                for name in (task,) if task else TASKS:
                    event = Event(uid, name, EventKind.PROBLEM, State.CRITICAL, self._now, "")
                    decision = find_recipients(
                        event, source.people, self._policy, names, self._undeliverable
                    )
                    yield Explanation(uid, name, decision)

    def check_contacts(self, uids: Sequence[str] | None) -> Iterator[str]:
        """Yield what is wrong with the contacts of accounts, None: of all."""
        names = self._settings.directory.attributes
        with self._open_source() as source:
            for uid in uids or ():
                if source.people.contact(uid) is None:
                    yield f"{uid}: no such account"
            for account, _ in source.accounts(uids, _ENTRY):
                contact = source.people.contact(account.uid)
                if contact is not None:
                    for finding in check_contacts(
                        contact, source.people, self._policy, names, self._undeliverable
                    ):
                        yield f"{account.uid}: {finding}"

    @cached_property
    def _undeliverable(self) -> Undeliverable:
        """The addresses that bounced, as far as the outbox can be read."""
        from backup_monitoring.outbox import read_undeliverable

        if self._policy.outbox is None:
            return Undeliverable()
        try:
            return read_undeliverable(self._policy.outbox, self._now)
        except OutboxError:  # check_backup_monitoring reports it
            return Undeliverable()

    def take_bounce(self, message: bytes) -> ExitResult:
        """Record what the report *message* of a mail server says of an address.

        Raises:
            SettingsError: the return path has no token.
        """
        from backup_monitoring.mail import TOKEN, find_tokens, parse_report
        from backup_monitoring.outbox import record_bounce

        if TOKEN not in self._policy.return_path:
            where = f"{self._settings.file}: [notify] return_path"
            remedy = f'set it, for example to "bounces+{TOKEN}@example.org"'
            raise SettingsError(where, f"has no {TOKEN}", remedy)
        report = parse_report(message)
        if not report.failures:
            return DONE, "ignored: it reports no address that does not exist"
        tokens = find_tokens(self._policy.return_path, report.sent_to)
        with self._open_outbox() as outbox, outbox.transaction(self._now) as transaction:
            for token in islice(tokens, _MOST_TOKENS):
                mail = record_bounce(transaction, token, report.failures[0])
                if mail is not None:
                    about = f" of account {mail.account}" if mail.account else ""
                    text = f"{mail.address}{about} is undeliverable: {report.failures[0]}"
                    return DONE, text
        return DONE, "ignored: it was sent to the return path of no mail that waits for one"

    def send_test_mails(self, address: str) -> ExitResult:
        """Send a mail of every kind and language to *address*, at once."""
        from backup_monitoring.mail import (
            SendOutcome,
            make_return_path,
            open_transport,
            preview_messages,
        )

        try:
            recipient = parse_address(address)
        except AddressError as error:
            raise UsageError("--test-mail", f"{address!r}: {error}", "give an address") from None
        lines, failed = [], False
        transport = open_transport(self._policy)
        return_path = make_return_path(self._policy.return_path, "test")
        for name, mail in preview_messages(recipient, self._policy):
            if self._dry:
                lines.append(f"{name}: {mail.subject}")
                continue
            self._phase(f"delivering a mail to {self._policy.smtp}")
            result = transport.send(return_path, recipient, mail.data)
            failed = failed or result.outcome is not SendOutcome.ACCEPTED
            lines.append(f"{name}: {result.outcome.value} {result.reason}".rstrip())
        transport.close()
        return (INCOMPLETE if failed else DONE), "\n".join(lines)

    @contextmanager
    def _open_outbox(self) -> Iterator[Outbox]:
        """Give the outbox, or a copy of it in a dry run; OutboxError if it cannot be opened."""
        file = require_outbox(self._settings)
        self._phase(f"opening {file}")
        with ExitStack() as stack:
            log = DeliveryLog(None if self._dry else self._policy.log)
            if self._dry:
                file = stack.enter_context(copy_outbox(file))
            yield stack.enter_context(Outbox(file, log))

    def _open_source(self) -> AbstractContextManager[Source]:
        return open_source(self._settings, self._now, self._phase)

    @contextmanager
    def _open_stored_source(self) -> Iterator[Source | None]:
        """Give the store; None without one, since each minute's delivery asks no directory."""
        with ExitStack() as stack:
            source = None
            if self._settings.store.folder is not None:
                with suppress(StoreError):  # drafted mails can be delivered without it
                    source = stack.enter_context(self._open_source())
            yield source

    def _make_result(
        self, results: Sequence[EventResult], summary: str, log: DeliveryLog
    ) -> ExitResult:
        """Return exit code and output after *results*."""
        reasons = [each.operator_reason for each in results if each.operator_reason is not None]
        lines = [summary, *(f"handed to the operator: {reason}" for reason in reasons)]
        if reasons and not self._policy.operator:
            lines.append("[notify] operator is not set: nobody was notified; set it")
        if log.failure:
            lines.append(f"FAILED: {log.failure}")
        if self._dry:
            lines = [_DRY, *format_notifications(results, self._settings, self._now), *lines]
        return (INCOMPLETE if reasons else DONE), "\n".join(lines)
