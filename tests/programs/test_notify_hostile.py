"""notify_backup as a program: texts that somebody hostile wrote, by the hook and in entries."""

import email
import email.policy
from pathlib import Path

import pytest

from integration import slapd
from integration.conftest import StartSlapd, start_slapd  # noqa: F401 - a fixture
from programs.installed import NOW
from programs.notifier import Notifier, entry

pytestmark = pytest.mark.installed
LATER, LATEST = "2026-11-24T12:12:00+01:00", "2026-11-24T12:24:00+01:00"
OPERATOR = "operations@example.org"
ALL = ["account-4000102@example.org", "person-4000003@example.org", "support@example.org"]
CALL = ("-a", "4000102", "--task", "quota", "--type", "PROBLEM", "--state", "WARNING")

# What a shell, a mail's header, HTML, an LDAP filter, a log and Jinja would each stumble over.
HOSTILE = (
    "$(touch pwned) `touch pwned`; touch pwned | touch pwned > pwned & 'q' \"q\" \\ \n"
    "Bcc: evil@example.net\r\nX: <script>alert(1)</script> {{ 7*7 }} {% raw %} *)(uid=*)\x1b[31m "
    "\u202e \u2028 ä €"
)
OWN = {
    name: f"NOTIFY_{name}"
    for name in (
        *("ACCOUNT", "TYPE", "TASK", "STATE", "LAST_STATE", "OUTPUT"),
        *("AUTHOR", "COMMENT", "TIME", "HOST"),
    )
}
NAGIOS = dict(
    zip(
        OWN,
        [
            *("NAGIOS__SERVICEBACKUP_ACCOUNT", "NAGIOS_NOTIFICATIONTYPE"),
            *("NAGIOS__SERVICEBACKUP_TASK", "NAGIOS_SERVICESTATE", "NAGIOS_LASTSERVICESTATE"),
            *("NAGIOS_SERVICEOUTPUT", "NAGIOS_NOTIFICATIONAUTHOR"),
            *("NAGIOS_NOTIFICATIONCOMMENT", "NAGIOS_TIMET", "NAGIOS_HOSTNAME"),
        ],
        strict=True,
    )
)


@pytest.mark.parametrize("names", [OWN, NAGIOS], ids=["NOTIFY_", "NAGIOS_"])
@pytest.mark.parametrize("kind", ["PROBLEM", "CUSTOM"])
def test_the_environment_describes_a_call(
    notifier: Notifier, names: dict[str, str], kind: str
) -> None:
    said = {
        **dict.fromkeys(names, HOSTILE),
        "ACCOUNT": "4000101",
        "TYPE": kind,
        "TASK": "quota",
        "STATE": "CRITICAL",
        "LAST_STATE": "OK",
        "TIME": "1795518000",
    }
    environment = {names[name]: value for name, value in said.items()}
    # Nagios sets its own variables, too: ours take precedence.
    if names is OWN:
        environment |= {"NAGIOS_SERVICESTATE": "OK", "NAGIOS__SERVICEBACKUP_ACCOUNT": "4000102"}

    ran = notifier.run(**environment)

    assert (ran.code, ran.out) == (0, "spooled\n")
    assert notifier.handle().out == "3 queued\n"
    assert not [*notifier.folder.rglob("pwned"), *Path().glob("pwned")]
    _check_mail(notifier, "account-4000101@example.org")


def _check_mail(notifier: Notifier, address: str) -> None:
    """Expect one mail to *address*, whose header and HTML nothing hostile got into."""
    notifier.deliver(LATER)
    (got,) = [each for each in notifier.behaviour.got if each.address == address]
    mail = email.message_from_bytes(got.content, policy=email.policy.default)
    assert mail["Bcc"] is None
    assert mail["X"] is None
    assert mail["To"].addresses[0].addr_spec == address
    html = mail.get_body(("html",))
    assert html is not None
    content = html.get_content()
    assert "<script" not in content
    assert "49" not in content.partition("<body")[2] or "{{ 7*7 }}" in content
    assert "\x1b" not in got.content.decode()
    assert all(len(line) <= 998 for line in got.content.splitlines())


def test_options_take_precedence_over_the_environment(notifier: Notifier) -> None:
    ran = notifier.run(*CALL, NOTIFY_ACCOUNT="4000101", NOTIFY_STATE="CRITICAL")

    assert ran.code == 0
    notifier.handle()
    assert notifier.addresses() == ALL
    assert {row[2] for row in notifier.waiting()} == {"WARNING"}


@pytest.mark.parametrize("uid", ["*", "*)(uid=4000102", "4000102)(|(uid=*", "\\2a", "x\ny", "../4"])
@pytest.mark.parametrize("store", [True, False], ids=["store", "live"])
def test_a_hostile_account(notifier: Notifier, uid: str, store: bool) -> None:
    notifier.settings(store=store)

    assert notifier.run(*CALL[2:], NOTIFY_ACCOUNT=uid).code == 0
    ran = notifier.handle()

    assert ran.code == 1
    assert "no such account" in ran.out
    assert notifier.addresses() == [OPERATOR]
    assert {line.get("account") for line in notifier.log()} <= {uid, None}


@pytest.mark.server
@pytest.mark.parametrize("uid", ["*", "*)(uid=4000102", "4000102)(|(uid=*", "\\2a"])
def test_a_hostile_account_in_a_filter(
    notifier: Notifier,
    start_slapd: StartSlapd,  # noqa: F811
    uid: str,
) -> None:
    server = start_slapd(slapd.TREE)
    notifier.settings(
        ("ldif:directory.ldif", server.uri), ("dc=example,dc=org", server.suffix), store=False
    )

    assert notifier.run(*CALL[2:], NOTIFY_ACCOUNT=uid).code == 0
    ran = notifier.handle()

    assert ran.code == 1
    assert "no such account" in ran.out


def test_hostile_entries(notifier: Notifier) -> None:
    text = '"><script>alert(1)</script>{{ 7*7 }} Bcc: evil@example.net'
    notifier.empty()
    notifier.entries(
        entry("1", 99, cn=text, host=text, sstBelongsToCustomerUID="5", preferredLanguage=text),
        more="dn: uid=5,ou=customers,dc=example,dc=org\nobjectClass: sstCustomer\nuid: 5\n"
        f"o: {text}\nsstIsCompany: TRUE",
    )
    notifier.collect(LATER)

    ran = notifier.hook(
        "1", "PROBLEM", "CRITICAL", "--output", HOSTILE.replace("\n", " "), now=LATER
    )

    assert (ran.code, ran.out) == (0, "1 queued\n")
    notifier.deliver(LATEST)
    (got,) = notifier.behaviour.got
    mail = email.message_from_bytes(got.content, policy=email.policy.default)
    html = mail.get_body(("html",))
    assert html is not None
    assert mail["Bcc"] is None
    assert "<script" not in html.get_content()
    assert "‹script›" in html.get_content()
    assert "{{ 7*7 }}" in html.get_content()


def test_an_account_with_thousands_of_addresses(notifier: Notifier) -> None:
    notifier.settings(trigger="scan")
    notifier.empty()
    notifier.entries(entry("1"), entry("2"))
    notifier.scan(NOW)
    addresses = [f"a{number}@example.org" for number in range(26000)]
    many = "\nmail: ".join(addresses)
    notifier.entries(entry("1", 99, mail=many), entry("2", 99))
    notifier.collect(LATER)

    ran = notifier.run("--scan", now=LATER)

    assert (ran.code, ran.out) == (0, "2 accounts, 2 events, 21 to notify\n")
    assert notifier.addresses() == sorted([*addresses[:20], "account-2@example.org"])
    checked = notifier.run("--check-contacts", "-a", "1", now=LATER)
    assert checked.code == 1
    assert checked.out.endswith(": mail: more than 20: the others are not notified\n")


@pytest.mark.parametrize(
    ("given", "listed"), [("ACME01", "acme01"), ("acme01", "ACME01")], ids=["upper", "lower"]
)
def test_the_case_of_an_account_does_not_matter(
    notifier: Notifier, given: str, listed: str
) -> None:
    """The recovery's verdict does not agree with its state, so it is sent with the given text."""
    notifier.empty()
    notifier.entries(entry(listed, 99))
    notifier.collect(LATER)
    notifier.hook(given, "PROBLEM", "CRITICAL", now=LATER)
    notifier.deliver(LATER)

    ran = notifier.hook(given, "RECOVERY", "OK", now=LATEST)

    assert ran.out == "1 queued\n"
