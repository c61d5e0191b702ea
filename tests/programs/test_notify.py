"""notify_backup as a program: who is notified by the hook, explanations, and exit codes."""

import email
import email.policy
import re
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from integration import slapd
from integration.conftest import StartSlapd, start_slapd  # noqa: F401 - a fixture
from programs.installed import NOW
from programs.notifier import Notifier, SentMail, entry
from records.schema import parse

pytestmark = pytest.mark.installed
LATER, LATEST = "2026-11-24T12:12:00+01:00", "2026-11-24T12:24:00+01:00"
CUSTOMER, RESELLER = "account-4000102@example.org", "person-4000003@example.org"
SUPPORT, OPERATOR = "support@example.org", "operations@example.org"
ALL = sorted([CUSTOMER, RESELLER, SUPPORT])


def test_explains_who_is_notified(notifier: Notifier) -> None:
    ran = notifier.run("--explain", "-a", "4000102", "--task", "quota")

    lines = ran.out.splitlines()
    base = "ou=backup,ou=services,dc=example,dc=org"
    assert ran.code == 0
    assert lines[0] == "4000102, quota:"
    assert lines[1] == (
        "  rule 1: the customer is notified: sstBackupWarningOn TRUE of "
        f"uid=4000102,ou=accounts,{base}"
    )
    assert f"  rule 2: mail of uid=4000102,ou=accounts,{base}: {CUSTOMER} is notified" in lines
    assert "  rule 3: does not apply: the account has its own addresses" in lines
    assert lines[-3:] == [
        f"  notify: {CUSTOMER} (customer)",
        f"  notify: {SUPPORT} (reseller)",
        f"  notify: {RESELLER} (reseller)",
    ]
    assert not notifier.outbox.exists()


def test_explains_all_checks_at_once(notifier: Notifier) -> None:
    ran = notifier.run("--explain", "-a", "4000103,4009999")

    headings = [line for line in ran.out.splitlines() if not line.startswith(" ")]
    assert headings == [
        "4000103, quota, schedule, status:",
        "4000103, client:",
        "4000103, unused:",
        "4009999, quota, schedule, status, client, unused:",
    ]
    assert "notify: person-4000002@example.org (customer)" in ran.out  # by the account's person
    assert "rule 4: reseller 4000000 is not notified: sstNotificationWarning of" in ran.out
    assert "rule 5: account 4009999: no such account: [notify] operator is notified" in ran.out


def test_checks_contacts(notifier: Notifier) -> None:
    good = notifier.run("--check-contacts")
    assert (good.code, good.out) == (0, "all contacts are valid\n")
    notifier.empty()
    notifier.entries(
        entry("1", mail="not an address"),
        entry("2", mail=None, sstBelongsToPersonUID="77"),
        entry("3", sstBackupWarningOn=None),
        entry("4"),
    )
    notifier.collect(LATER)

    ran = notifier.run("--check-contacts", now=LATER)

    assert ran.code == 1
    assert [line[:1] for line in ran.out.splitlines() if "mail 'not an address'" in line] == ["1"]
    assert "'77': no such person" in ran.out
    assert "sstBackupWarningOn missing" in ran.out
    assert not any(line.startswith("4:") for line in ran.out.splitlines())
    one = notifier.run("--check-contacts", "-a", "4", now=LATER)
    assert (one.code, one.out) == (0, "all contacts are valid\n")


def test_an_account_that_does_not_exist_has_no_valid_contacts(notifier: Notifier) -> None:
    ran = notifier.run("--check-contacts", "-a", "4000102,4009999")

    assert (ran.code, ran.out) == (1, "4009999: no such account\n")


def _files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("before", [False, True], ids=["no outbox yet", "an outbox"])
def test_a_dry_run_changes_nothing(notifier: Notifier, before: bool) -> None:
    if before:
        notifier.hook("4000103", "PROBLEM", "CRITICAL")
    files = _files(notifier.folder)

    ran = notifier.spool("4000102", "PROBLEM", "WARNING", "--output", "given", "--dry-run")

    assert ran.code == 0
    assert ran.first == "dry run: nothing was changed"
    assert "rule 2: mail of uid=4000102,ou=accounts,ou=backup" in ran.out
    assert f"\nto {CUSTOMER} (customer): rule 2: mail of uid=4000102" in ran.out
    assert f"\nto {SUPPORT} (reseller): rule 4: sstMailTo of" in ran.out
    for part in ("Message-ID: <", f"To: {CUSTOMER}", "Content-Type: text/plain", "</html>"):
        assert f"\n  {part}" in ran.out
    assert _files(notifier.folder) == files


def test_other_dry_runs_change_nothing(notifier: Notifier) -> None:
    notifier.settings(trigger="scan")
    notifier.run("--scan")
    files = _files(notifier.folder)

    for job in ("--release", "--scan"):
        ran = notifier.run(job, "--dry-run")
        assert (ran.code, ran.first) == (0, "dry run: nothing was changed")
    assert _files(notifier.folder) == files


def test_a_problem_and_its_recovery(notifier: Notifier) -> None:
    ran = notifier.hook("4000102", "PROBLEM", "WARNING", "--output", "given")
    assert (ran.code, ran.out) == (0, "3 queued\n")
    assert notifier.addresses() == ALL
    assert notifier.behaviour.got == []  # the hook only queues

    sent = notifier.deliver(LATER)
    assert sent == [SentMail("PROBLEM", "WARNING", "4000102", "quota", each) for each in ALL]
    assert sorted(each.address for each in notifier.behaviour.got) == ALL

    ran = notifier.hook("4000102", "RECOVERY", "OK", now=LATER)
    assert ran.out == "3 queued\n"
    sent = notifier.deliver(LATEST)
    assert sent == [SentMail("RECOVERY", "OK", "4000102", "quota", each) for each in ALL]
    assert notifier.hook("4000102", "RECOVERY", "OK", now=LATEST).out == "0 queued\n"


def test_the_helpdesk_reads_what_was_decided_and_sent(notifier: Notifier) -> None:
    assert "notify_backup has never used it" in notifier.run("--log").first
    notifier.settings(('log = "outbox/notify.jsonl"\n', ""))  # it does not need the log
    comment = ("--author", "Eve", "--comment", "done\n2026-11-24 12:00 +01:00  4000102: sent")
    notifier.hook("4000102", "ACKNOWLEDGEMENT", "WARNING", *comment)
    notifier.hook("4000102", "PROBLEM", "WARNING")
    assert notifier.run("--deliver", now=LATER).code == 0
    before = _files(notifier.folder)

    ran = notifier.run("--log", "-a", "4000102,4009999", now=LATEST)

    about, everybody = "4000102 quota PROBLEM WARNING", f"{CUSTOMER}, {SUPPORT}, {RESELLER}"
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            f"2026-11-24 12:12 +01:00  {about}: sent to {RESELLER}, {SUPPORT}; in a digest",
            f"2026-11-24 12:12 +01:00  {about}: sent to {CUSTOMER}; 250 2.0.0 queued",
            f"2026-11-24 12:12 +01:00  {about}: released to {everybody}; the storm guard is off",
            f"2026-11-24 12:00 +01:00  {about}: queued for {everybody}; waits for the storm guard",
            "2026-11-24 12:00 +01:00  4000102 quota CUSTOM WARNING: not sent; "
            "ACKNOWLEDGEMENT: Eve: done\\n2026-11-24 12:00 +01:00  4000102: sent",
        ],
    )
    assert len(notifier.run("--log", now=LATEST).out.splitlines()) >= 5
    found = parse(notifier.run("--log", "-a", "4000102", "--output=json", now=LATEST).out)
    assert [(each["action"], each["addresses"]) for each in found["decisions"]] == [
        ("sent", [RESELLER, SUPPORT]),
        ("sent", [CUSTOMER]),
        ("released", [CUSTOMER, SUPPORT, RESELLER]),
        ("queued", [CUSTOMER, SUPPORT, RESELLER]),
        ("not sent", []),
    ]
    assert found["decisions"][1] == {
        "time": "2026-11-24T11:12:00+00:00",
        "action": "sent",
        "account": "4000102",
        "task": "quota",
        "kind": "PROBLEM",
        "state": "WARNING",
        "addresses": [CUSTOMER],
        "reason": "250 2.0.0 queued",
        "pending": [],
    }
    assert (found["summary"], found["as_of"]) == ("5 decisions", "2026-11-24T11:24:00+00:00")
    assert _files(notifier.folder) == before
    notifier.outbox.write_bytes(b"")
    ran = notifier.run("--log", now=LATEST)
    assert (ran.code, ran.first[:7]) == (2, "FAILED:")
    failed = notifier.run("--log", "--output", "json", now=LATEST)
    assert parse(failed.out) | {"summary": ran.out.rstrip()} == parse(failed.out)
    assert (failed.code, parse(failed.out)["exit_code"]) == (2, 2)


def test_a_recovery_of_what_nobody_was_notified_of(notifier: Notifier) -> None:
    ran = notifier.hook("4000102", "RECOVERY", "OK")

    assert (ran.code, ran.out) == (0, "0 queued\n")
    assert notifier.waiting() == []
    reasons = {(line["address"], line["reason"]) for line in notifier.log()}
    assert reasons == {(each, "was not notified of a problem") for each in ALL}


def test_custom_texts_are_sent(notifier: Notifier) -> None:
    words = ("--author", "Ann of the NOC", "--comment", "We restore your files <now> & $HOME")

    ran = notifier.hook("4000103", "CUSTOM", "CRITICAL", *words)

    assert ran.code == 0
    notifier.deliver(LATER)
    mails = {each.address: each.content for each in notifier.behaviour.got}
    content = email.message_from_bytes(
        mails["person-4000002@example.org"], policy=email.policy.default
    )
    text = content.get_body(("plain",))
    html = content.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "We restore your files ‹now› & $HOME" in " ".join(text.get_content().split())
    assert "Ann of the NOC" in " ".join(text.get_content().split())
    assert "‹now› &amp; $HOME" in html.get_content()


def test_resellers_read_custom_texts_in_their_digest(notifier: Notifier) -> None:
    words = ("--author", "noc", "--comment", "We move your data on Friday")
    notifier.hook("4000101", "CUSTOM", "WARNING", *words)

    notifier.deliver(LATER)

    (digest,) = [each.content for each in notifier.behaviour.got if each.address == SUPPORT]
    text = email.message_from_bytes(digest, policy=email.policy.default).get_body(("plain",))
    assert text is not None
    assert "noc: We move your data on Friday" in " ".join(text.get_content().split())


@pytest.mark.parametrize(
    "kind",
    ["ACKNOWLEDGEMENT", "DOWNTIMESTART", "DOWNTIMEEND", "DOWNTIMECANCELLED", "FLAPPINGSTOP"],
)
def test_texts_for_the_staff_are_only_logged(notifier: Notifier, kind: str) -> None:
    ran = notifier.hook("4000102", kind, "WARNING", "--author", "noc", "--comment", "known")

    assert (ran.code, ran.out) == (0, f"{kind}: logged, nobody is notified\n")
    assert notifier.waiting() == []
    (line,) = notifier.log()
    assert (line["what"], line["account"], line["task"]) == ("not sent", "4000102", "quota")
    assert line["reason"] == f"{kind}: noc: known"


def test_the_same_event_is_sent_once(notifier: Notifier) -> None:
    options = ("--time", "2026-11-24T11:59:20+01:00")
    notifier.hook("4000102", "PROBLEM", "WARNING", *options)

    again = notifier.hook("4000102", "PROBLEM", "WARNING", *options, now=LATER)
    within = notifier.hook("4000102", "PROBLEM", "WARNING", "--time", "1795517998")  # 38 s later
    other = notifier.hook("4000102", "PROBLEM", "CRITICAL", *options)

    same = (0, "duplicate event, already notified\n")
    assert (again.code, again.out) == same
    assert (within.code, within.out) == same
    assert other.out == "3 queued\n"
    assert [line["what"] for line in notifier.log()].count("duplicate") == 2


def test_back_from_unknown(notifier: Notifier) -> None:
    def call(minute: int, kind: str, state: str, last: str) -> str:
        at = f"2026-11-24T12:{minute:02}:00+01:00"
        ran = notifier.hook("4000102", kind, state, "--last-state", last, "--time", at)
        assert ran.code == 0
        return ran.out

    sent = "3 queued\n"
    not_sent = "back from UNKNOWN in the state of the last notification, already notified\n"
    assert call(1, "PROBLEM", "WARNING", "OK") == sent
    notifier.deliver(LATER)
    assert call(12, "PROBLEM", "WARNING", "UNKNOWN") == not_sent
    assert call(22, "PROBLEM", "CRITICAL", "UNKNOWN") == sent
    assert call(23, "PROBLEM", "WARNING", "UNKNOWN") == sent
    assert call(24, "RECOVERY", "OK", "WARNING") == sent
    assert call(25, "PROBLEM", "WARNING", "UNKNOWN") == sent


@pytest.mark.parametrize(
    ("removed", "over"),
    [
        pytest.param(False, "RECOVERY", id="it is successful again"),
        pytest.param(True, "MONITORING_ENDED", id="its folder was removed: nothing is solved"),
    ],
)
def test_what_is_over_names_the_computer_that_failed(
    notifier: Notifier, removed: bool, over: str
) -> None:
    notifier.settings(more='\n[notify.reseller]\ndigest_delay = "0s"\n')
    notifier.empty()
    notifier.entries(entry("1"), entry("2"))
    for name in ("fine", "two"):
        notifier.write_reports("1", name, "2026-11-24T11:30:00+01:00", success=name == "fine")
    notifier.collect()
    notifier.hook("1", "PROBLEM", "WARNING", "--task", "status")
    notifier.deliver()
    if removed:
        shutil.rmtree(notifier.folder / "tree/home/1/incoming/two")
    else:
        notifier.write_reports("1", "two", "2026-11-24T12:30:00+01:00")
    notifier.collect("2026-11-24T13:00:00+01:00")

    notifier.hook("1", "RECOVERY", "OK", "--task", "status", now="2026-11-24T13:00:00+01:00")

    assert [each.kind for each in notifier.deliver("2026-11-24T13:01:00+01:00")] == [over]
    subject = email.message_from_bytes(
        notifier.behaviour.got[-1].content, policy=email.policy.default
    )["Subject"]
    assert subject.endswith(", “two”)")


def test_the_given_state_decides(notifier: Notifier) -> None:
    ran = notifier.hook("4000101", "PROBLEM", "CRITICAL", "--output", "QUOTA <CRITICAL> - by hand")

    assert (ran.code, ran.out) == (0, "3 queued\n")
    address, kind, state, raw = notifier.waiting()[0]
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert (address, kind, state) == ("account-4000101@example.org", "PROBLEM", "CRITICAL")
    assert text is not None
    assert html is not None
    assert "QUOTA ‹CRITICAL› - by hand" in " ".join(text.get_content().split())
    assert "QUOTA ‹CRITICAL› - by hand" in html.get_content()
    assert "GiB" not in text.get_content()  # not the verdict's figures, which say another thing


def test_a_given_text_is_sent_without_a_cause(notifier: Notifier) -> None:
    said = "QUOTA WARNING - shrunk from 8.0 GiB to 1.0 GiB"
    notifier.hook("4000101", "PROBLEM", "WARNING", "--output", said)  # the verdict's is OK

    notifier.deliver(LATER)

    for got in notifier.behaviour.got:
        mail = email.message_from_bytes(got.content, policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        text = " ".join(body.get_content().split())
        assert said in text
        assert "backup space" in text
        assert "order more space" not in text
        assert "running out" not in text + mail["Subject"]
        assert "used up" not in text


def test_a_digest_names_the_verdicts_cause(notifier: Notifier) -> None:
    notifier.hook("4000102", "PROBLEM", "WARNING")

    notifier.deliver(LATER)

    (digest,) = [each.content for each in notifier.behaviour.got if each.address == SUPPORT]
    body = email.message_from_bytes(digest, policy=email.policy.default).get_body(("plain",))
    assert body is not None
    assert "* Backup space is running out" in body.get_content()


def test_of_unknown_only_the_operator_is_notified(notifier: Notifier) -> None:
    ran = notifier.hook("4000102", "PROBLEM", "UNKNOWN", "--output", "no data")

    assert (ran.code, ran.out) == (0, "1 queued\n")
    assert notifier.addresses() == [OPERATOR]
    assert notifier.deliver(LATER) == [SentMail("PROBLEM", "UNKNOWN", "4000102", "quota", OPERATOR)]


@pytest.mark.parametrize(
    ("task", "state", "figures"), [("quota", "WARNING", True), ("status", "CRITICAL", False)]
)
def test_reports_that_are_too_old(notifier: Notifier, task: str, state: str, figures: bool) -> None:
    # The directory may be 4 h old, the reports half an hour: only quota needs none of them.
    said = ("--task", task, "--output", "said by Icinga")
    ran = notifier.hook("4000102", "PROBLEM", state, *said, now="2026-11-24T13:00:00+01:00")

    assert (ran.code, ran.out) == (0, "3 queued\n")
    (raw,) = [row[3] for row in notifier.waiting() if row[0] == CUSTOMER]
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    text = mail.get_body(("plain",))
    assert text is not None
    assert ("88.0" in text.get_content()) == figures
    assert ("said by Icinga" in text.get_content()) == (not figures)


def test_switched_off_during_a_problem(notifier: Notifier) -> None:
    notifier.hook("4000102", "PROBLEM", "WARNING")
    assert len(notifier.deliver(LATER)) == 3
    change(notifier, "sstBackupWarningOn: TRUE", "sstBackupWarningOn: FALSE")

    notifier.hook("4000102", "RECOVERY", "OK", now=LATER)

    assert notifier.deliver(LATEST) == [
        SentMail("MONITORING_ENDED", "OK", "4000102", "quota", CUSTOMER),
        SentMail("RECOVERY", "OK", "4000102", "quota", RESELLER),
        SentMail("RECOVERY", "OK", "4000102", "quota", SUPPORT),
    ]


def change(notifier: Notifier, old: str, new: str) -> None:
    """Change the entry of account 4000102, and run the collector."""
    text = notifier.ldif.read_text()
    begin = text.index("uid: 4000102\n")
    end = text.index("\n\n", begin)
    assert old in text[begin:end]
    notifier.ldif.write_text(text[:begin] + text[begin:end].replace(old, new) + text[end:])
    notifier.collect(LATER)


def test_an_address_that_is_new_while_the_backup_fails(notifier: Notifier) -> None:
    notifier.empty()
    notifier.entries(entry("1", 99))
    notifier.collect(NOW)
    notifier.hook("1", "PROBLEM", "CRITICAL", now=NOW)
    assert [each.kind for each in notifier.deliver(LATER)] == ["PROBLEM"]
    notifier.entries(entry("1", 99, mail="new@example.org"))
    notifier.collect(LATER)

    ran = notifier.run("--deliver", now=LATER)

    assert ran.out == "1 sent, 0 to retry, 0 refused\n1 to notify of problems that go on\n"
    assert notifier.behaviour.got[-1].address == "new@example.org"
    again = notifier.run("--deliver", now=LATER)
    assert again.out == "0 sent, 0 to retry, 0 refused\n"
    notifier.hook("1", "RECOVERY", "OK", now=LATER)
    notifier.deliver(LATER)
    heard = [each.address for each in notifier.behaviour.got]
    assert sorted(heard[2:]) == heard[:2] == ["account-1@example.org", "new@example.org"]


def test_who_is_customer_and_reseller_gets_both(notifier: Notifier) -> None:
    change(notifier, f"mail: {CUSTOMER}", f"mail: {SUPPORT}")
    who = sorted([SUPPORT, SUPPORT, RESELLER])

    notifier.hook("4000102", "PROBLEM", "WARNING", now=LATER)
    assert [each.address for each in notifier.deliver(LATEST)] == who

    notifier.hook("4000102", "RECOVERY", "OK", now=LATEST)
    sent = notifier.deliver("2026-11-24T12:36:00+01:00")
    assert [(each.kind, each.address) for each in sent] == [("RECOVERY", each) for each in who]


def test_switched_off_before_anything_arrived(notifier: Notifier) -> None:
    notifier.settings(("storm = false", "storm = true"))
    notifier.hook("4000102", "PROBLEM", "WARNING")
    change(notifier, "sstBackupWarningOn: TRUE", "sstBackupWarningOn: FALSE")

    notifier.hook("4000102", "PROBLEM", "CRITICAL", now=LATER)

    assert {each.address for each in notifier.deliver(LATEST)} == {RESELLER, SUPPORT}


def test_without_a_sender_mails_wait(notifier: Notifier) -> None:
    change(notifier, "sstBelongsToResellerUID: 4000000\n", "")
    sender = 'from = "Backup Service <backup@example.org>"'
    notifier.settings((sender, 'from = "nobody"'))

    assert notifier.hook("4000102", "PROBLEM", "WARNING", now=LATER).code == 0
    ran = notifier.run("--deliver", now=LATER)

    assert ran.code == 3
    assert "FAILED: [notify] from: 'nobody' is not valid" in ran.out
    notifier.settings()
    assert [each.address for each in notifier.deliver(LATEST)] == [CUSTOMER]


def test_what_could_not_be_looked_up_is_not_sent_yet(notifier: Notifier) -> None:
    away, store = notifier.folder / "away", notifier.folder / "store"
    store.rename(away)
    waits = notifier.hook("4000102", "PROBLEM", "WARNING", "--time", "1795518000")
    assert waits.code == 1
    assert "FAILED: 1 call waits: " in waits.out
    away.rename(store)

    back = ("--last-state", "UNKNOWN", "--time", "1795519000")
    ran = notifier.hook("4000102", "PROBLEM", "WARNING", *back)

    not_again = "back from UNKNOWN in the state of the last notification, already notified"
    assert ran.out == f"3 queued\n{not_again}\n"


def test_a_recovery_that_cannot_be_looked_up_drops_what_waits(notifier: Notifier) -> None:
    notifier.settings(("storm = false", "storm = true"))
    notifier.hook("4000102", "PROBLEM", "WARNING")
    (notifier.folder / "store").rename(notifier.folder / "away")

    ran = notifier.hook("4000102", "RECOVERY", "OK", now=LATER)

    assert (ran.code, ran.out) == (0, "")  # nobody has heard of the problem: nothing waits
    (notifier.folder / "away").rename(notifier.folder / "store")
    notifier.deliver(LATEST)
    assert notifier.behaviour.got == []


def test_a_computer_that_is_gone_is_not_solved(notifier: Notifier) -> None:
    options = ("--task", "status")
    notifier.hook("4000106", "PROBLEM", "WARNING", *options)
    notifier.deliver(LATER)
    (home,) = (notifier.folder / "tree/home/4000106/incoming").iterdir()
    shutil.rmtree(home)
    notifier.collect(LATER)

    notifier.hook("4000106", "RECOVERY", "OK", *options, now=LATER)

    assert {each.kind for each in notifier.deliver(LATEST)} == {"MONITORING_ENDED"}


def test_times_are_the_computers_as_in_the_checks_output(notifier: Notifier) -> None:
    summer = "2026-07-14T12:00:00+02:00"
    notifier.empty()
    # the offset of this account's person, UTC+01, is an hour off in summer
    notifier.entries(entry("1", sstBelongsToPersonUID="4000002", mail=None))
    notifier.write_reports("1", "web01", "2026-07-14T03:30:00+02:00", success=False)
    notifier.collect(summer)

    notifier.hook("1", "PROBLEM", "WARNING", "--task", "status", now=summer)

    checked = notifier.program("check_backup_status", "-a", "1", now=summer)
    assert "backup ended 2026-07-14 03:30 +02:00 with errors" in checked.out
    text = email.message_from_bytes(notifier.waiting()[0][3], policy=email.policy.default)
    body = text.get_body(("plain",))
    assert body is not None
    assert "14. Juli 2026, 03:30 Uhr (UTC+02:00)" in " ".join(body.get_content().split())


def test_a_used_up_quota_is_left_to_the_quota_check(notifier: Notifier) -> None:
    options = ("--task", "status", "--output", "success, but full")

    ran = notifier.hook("4000103", "PROBLEM", "WARNING", *options)

    assert ran.code == 0
    assert ran.out == "the quota is used up: the quota check notifies\n"
    assert notifier.waiting() == []


@pytest.mark.parametrize(
    ("change", "store", "says"),
    [
        pytest.param((), True, "more than 4h ago", id="the store is old"),
        pytest.param(
            ('folder = "store"', 'folder = "elsewhere"'),
            True,
            "does not exist",
            id="no store",
        ),
        pytest.param(("ldif:directory", "ldif:none"), False, "cannot be read", id="no file"),
        pytest.param(
            ("ldif:directory.ldif", "ldap://127.0.0.1:1"), False, "not reachable", id="no server"
        ),
    ],
)
def test_what_cannot_be_looked_up_waits(
    notifier: Notifier, change: tuple[str, str] | tuple[()], store: bool, says: str
) -> None:
    notifier.settings(*([change] if change else []), store=store)
    now = "2026-11-25T00:00:00+01:00"
    notifier.spool("4000102", "PROBLEM", "CRITICAL", "--output", "given text", now=now)
    notifier.spool("4000103", "PROBLEM", "CRITICAL", now=now)

    ran = notifier.run("--deliver", now=now)

    assert ran.code == 1
    assert "FAILED: 2 calls wait: " in ran.out
    assert says in ran.out
    assert notifier.spooled() == []
    (got,) = notifier.behaviour.got
    mail = email.message_from_bytes(got.content, policy=email.policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    assert got.address == OPERATOR
    assert mail["Subject"] == "Backup monitoring: notifications wait"
    again = notifier.run("--deliver", now=now)
    assert (again.code, len(notifier.behaviour.got)) == (1, 1)


@pytest.mark.server
def test_a_directory_that_hangs(notifier: Notifier, start_slapd: StartSlapd) -> None:  # noqa: F811
    server = start_slapd(slapd.TREE)
    notifier.settings(
        ("ldif:directory.ldif", server.uri), ("dc=example,dc=org", server.suffix), store=False
    )
    server.freeze()
    try:
        began = time.monotonic()
        ran = notifier.hook("4000102", "PROBLEM", "CRITICAL", "--output", "given")
    finally:
        server.thaw()

    assert ran.code == 1, ran.out
    assert time.monotonic() - began < 40
    assert notifier.addresses() == [OPERATOR]


def test_a_problem_that_gets_worse_within_a_second_is_handed_over_as_such(
    notifier: Notifier,
) -> None:
    for state in ("WARNING", "CRITICAL"):
        ran = notifier.hook("4009999", "PROBLEM", state, "--time", "1795517960")
        assert ran.code == 1, ran.out

    assert [row[:3] for row in notifier.waiting()] == [(OPERATOR, "PROBLEM", "CRITICAL")]


def test_nobody_is_found_and_there_is_no_operator(notifier: Notifier) -> None:
    notifier.settings(('"operations@example.org"', '""'))

    notifier.spool("4009999", "PROBLEM", "CRITICAL")
    ran = notifier.run("--deliver")

    assert ran.code == 1
    assert "[notify] operator is not set: nobody was notified" in ran.out


@pytest.mark.parametrize("job", ["--deliver", "--dry-run"])
@pytest.mark.parametrize("kind", ["a folder", "no outbox", "busy"])
def test_an_outbox_that_cannot_be_written(notifier: Notifier, kind: str, job: str) -> None:
    holder = None
    if kind == "a folder":
        notifier.outbox.mkdir()
    elif kind == "no outbox":
        notifier.outbox.write_bytes(b"something else, of some length" * 40)
    else:
        notifier.hook("4000103", "PROBLEM", "CRITICAL")
        holder = sqlite3.connect(notifier.outbox, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    assert notifier.run(*CALL).code == 0

    ran = notifier.run(*CALL, "--dry-run") if job == "--dry-run" else notifier.run(job)

    if holder is not None:
        holder.close()
    if kind == "busy" and job == "--dry-run":  # a dry run has a copy of its own
        assert ran.code == 0
        return
    assert ran.code == 2, ran.out
    assert ran.out.startswith("FAILED: ")
    assert len(ran.out.splitlines()) == 1
    assert len(notifier.spooled()) == 1


CALL = ("-a", "4000102", "--task", "quota", "--type", "PROBLEM", "--state", "WARNING")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(("--nonsense",), "see notify_backup --help", id="unknown"),
        pytest.param(("4000102",), "unrecognized argument '4000102'", id="positional"),
        pytest.param((), "--account: no account given", id="nothing"),
        pytest.param(CALL[2:], "--account: no account given", id="no account"),
        pytest.param((*CALL, "-a", "4000103"), "about one account", id="two accounts"),
        pytest.param((*CALL, "-a", ""), "an empty UID", id="empty account"),
        pytest.param((*CALL, "--task", "disk"), "'disk' is none of quota,", id="check"),
        pytest.param((*CALL, "--type", "X\nY"), "'X\\nY' is unknown", id="type"),
        pytest.param((*CALL, "--state", "UP"), "'UP' is none of OK, WARNING,", id="state"),
        pytest.param((*CALL, "--last-state", "?"), "--last-state: '?' is none", id="last state"),
        pytest.param((*CALL, "--time", "noon"), "--time: 'noon' is not a valid time", id="time"),
        pytest.param((*CALL, "--time", "9" * 30), "is not a valid time", id="a time far away"),
        pytest.param((*CALL, "--time", "2026-11-24T12:00"), "is not a valid time", id="no offset"),
        pytest.param(("--scan", "--deliver"), "different jobs", id="two jobs"),
        pytest.param(("--deliver", "--dry-run"), "does not work with --deliver", id="dry delivery"),
        pytest.param(("--explain",), "--explain: no account given", id="explain whom"),
        pytest.param(("--explain", "-a", "1", "--task", "x"), "'x' is none of", id="explain"),
        pytest.param(("--test-mail", "a@b@c"), "'a@b@c': must have exactly one @", id="address"),
        pytest.param(("--scan",), 'trigger: is "monitoring", so --scan is refused', id="trigger"),
    ],
)
def test_wrong_options(notifier: Notifier, options: tuple[str, ...], says: str) -> None:
    ran = notifier.run(*options)

    assert ran.code == 3
    assert says in ran.first
    assert len(ran.out.splitlines()) == 1
    assert not notifier.outbox.exists()


def test_the_hook_is_refused_where_the_scan_decides(notifier: Notifier) -> None:
    notifier.settings(trigger="scan")

    ran = notifier.run(*CALL)

    assert ran.code == 3
    assert '[notify] trigger: is "scan", so a notification is refused: running both' in ran.first
    assert not notifier.outbox.exists()


def test_settings_without_an_outbox(notifier: Notifier) -> None:
    notifier.settings(('outbox = "outbox/outbox.sqlite"\n', ""))

    ran = notifier.run(*CALL)

    assert ran.code == 3
    assert "[notify] outbox: not set" in ran.first


def test_a_mail_of_every_kind(notifier: Notifier) -> None:
    ran = notifier.run("--test-mail", "try@example.org")

    assert ran.code == 0
    assert {each.address for each in notifier.behaviour.got} == {"try@example.org"}
    assert len(notifier.behaviour.got) == len(ran.out.splitlines()) > 20
    assert not notifier.outbox.exists()


def test_refused_mails_end_the_delivery_with_1(notifier: Notifier) -> None:
    notifier.behaviour.answers[f"RCPT {CUSTOMER}"] = "550 5.1.1 no such user"
    notifier.hook("4000102", "PROBLEM", "WARNING")

    ran = notifier.run("--deliver", now=LATER)

    assert ran.code == 1
    assert "1 refused" in ran.out
    assert sorted(each.address for each in notifier.behaviour.got) == [RESELLER, SUPPORT]


def test_the_operator_is_notified_of_the_events_of_a_refused_digest(notifier: Notifier) -> None:
    notifier.behaviour.answers[f"RCPT {SUPPORT}"] = "550 5.1.1 no such user"
    notifier.hook("4000101", "PROBLEM", "WARNING", "--output", "shrunk")
    notifier.hook("4000102", "PROBLEM", "WARNING", "--task", "status", "--output", "empty")

    ran = notifier.run("--deliver", now=LATER)

    assert ran.code == 1
    assert "1 refused" in ran.out
    notifier.run("--deliver", now="2026-11-24T12:13:00+01:00")
    notifier.run("--deliver", now=LATEST)
    (got,) = [each.content for each in notifier.behaviour.got if each.address == OPERATOR]
    mail = email.message_from_bytes(got, policy=email.policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content().replace("\r", "").replace("\u2060", "")
    assert mail["Subject"] == "Backup monitoring: 4000101, 4000102"
    rows = re.findall(r"^\* (.*(?:\n  .+)+)", text, re.MULTILINE)
    assert len(rows) == 2
    for row, account, task, said in zip(
        rows, ("4000101", "4000102"), ("quota", "status"), ("shrunk", "empty"), strict=True
    ):
        for part in (account, f"{task}: WARNING", said, f"Reason: {SUPPORT}: 550 5.1.1"):
            assert part in " ".join(row.split())


def test_an_own_template_that_includes_itself_stops_no_delivery(notifier: Notifier) -> None:
    template = notifier.folder / "templates" / "digest.jinja"
    template.parent.mkdir(parents=True)
    template.write_text('{% include "digest.jinja" %}')
    notifier.settings(more='\ntemplates = "templates"\n')
    notifier.hook("4000102", "PROBLEM", "WARNING")

    sent = notifier.deliver(LATER)

    assert sorted(each.address for each in sent) == ALL
    complaints = [line["reason"] for line in notifier.log() if line["what"] == "complaint"]
    assert len(complaints) == 2  # a digest each for two of a reseller
    assert all("templates: RecursionError: " in each for each in complaints)


def test_no_mail_server(notifier: Notifier) -> None:
    notifier.settings((f":{notifier.port}", ":1"))
    notifier.hook("4000102", "PROBLEM", "WARNING")

    ran = notifier.run("--deliver", now=LATER)

    assert ran.code == 0  # they are safe in the outbox; check_backup_monitoring reports if it lasts
    assert "0 sent, 3 to retry, 0 refused" in ran.first
    assert "FAILED: smtp://localhost:1: not reachable" in ran.out
    notifier.settings()
    assert len(notifier.deliver(LATEST)) == 3


def test_the_outbox_survives_a_log_that_cannot_be_written(notifier: Notifier) -> None:
    shutil.rmtree(notifier.folder / "outbox")
    (notifier.folder / "outbox" / "notify.jsonl").mkdir(parents=True)

    ran = notifier.hook("4000102", "PROBLEM", "WARNING")

    assert ran.code == 0
    assert notifier.addresses() == ALL
    assert "notify.jsonl: cannot be written" in ran.out


def test_now_is_the_time_of_the_events(notifier: Notifier) -> None:
    notifier.hook("4000102", "PROBLEM", "WARNING")
    assert notifier.hook("4000102", "PROBLEM", "WARNING", now=NOW).out.startswith("duplicate event")
    assert notifier.hook("4000102", "PROBLEM", "WARNING", now=LATER).out.startswith("3 queued")
