"""Who is notified: every combination of the rules' conditions, and hostile entries."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.mail.addresses import parse_address
from backup_monitoring.model.notices import Decision, Event, EventKind, Recipient, Role
from backup_monitoring.model.people import Contact, Customer, Person, Reseller
from backup_monitoring.model.verdicts import State
from backup_monitoring.notify.contact_check import check_contacts
from backup_monitoring.notify.recipients import find_operator, find_recipients, find_switched_off
from backup_monitoring.outbox import Undeliverable, make_entry
from backup_monitoring.settings.directory import AttributeNames
from backup_monitoring.settings.notify import NotifySettings, ResellerDelivery
from people import PeopleTable

ACCOUNT = "uid=4000101,ou=accounts"
PERSON = "uid=4000002,ou=people"
RESELLER = "ou=reseller-settings"
NOTIFICATIONS = f"ou=notifications,uid=4000000,{RESELLER}"
POLICY = NotifySettings(operator="Operations <operations@example.org>", language="de")


def contact(**changes: Any) -> Contact:
    usual = Contact(
        "4000101",
        ACCOUNT,
        warning_on="TRUE",
        medium="mail",
        warning_numbers=0,
        warning_days=1,
        mails=("own@example.org",),
        person="4000002",
        resellers=("4000000",),
    )
    return usual._replace(**changes)


def person(uid: str = "4000002", *mails: str, **changes: Any) -> Person:
    usual = Person(
        uid,
        f"uid={uid},ou=people",
        given_name="Example",
        surname="Customer",
        mails=mails or ("person@example.org",),
    )
    return usual._replace(**changes)


def reseller(uid: str = "4000000", **changes: Any) -> Reseller:
    usual = Reseller(
        uid,
        f"uid={uid},{RESELLER}",
        mail_to=("Support <support@example.org>",),
        problems=frozenset({"quota", "schedule", "unsuccessful"}),
    )
    return usual._replace(**changes)


def event(task: str = "quota", state: State = State.CRITICAL) -> Event:
    at = datetime(2026, 11, 25, 3, tzinfo=UTC)
    return Event("4000101", task, EventKind.PROBLEM, state, at, "97 % used")


def decide(
    *people: Contact | Person | Customer | Reseller,
    event: Event = event(),  # noqa: B008 - frozen
    policy: NotifySettings = POLICY,
) -> Decision:
    return find_recipients(event, PeopleTable.of(people), policy)


def notified(decision: Decision) -> set[tuple[str, str]]:
    return {(each.role.value, each.address) for each in decision.recipients}


# --- every combination ---

SWITCHES = {
    "TRUE": (True, True),
    "true": (True, True),
    "FALSE": (False, False),
    "False": (False, False),
    "": (True, False),
    "yes": (True, False),
    "TRUE, FALSE": (True, False),
}  # notified with warn_by_default, and without
MAILS = {
    (): set[str](),
    ("own@example.org",): {"own@example.org"},
    ("own@example.org", "it@example.org"): {"own@example.org", "it@example.org"},
}
PERSONS = {
    "none": set[str](),
    "missing": set[str](),
    "no mail": set[str](),
    "one": {"person@example.org"},
    "two": {"person@example.org", "home@example.org"},
}
RESELLERS = {
    "none": set[str](),
    "without settings": set[str](),
    "unlisted": set[str](),
    "address": {"support@example.org"},
    "person": {"informed@example.org"},
    "both": {"support@example.org", "informed@example.org"},
    "default": {"default@example.org"},
}


def the_people(
    switch: str, mails: tuple[str, ...], medium: str, who: str, sells: str, word: str
) -> list[Contact | Person | Reseller]:
    account = contact(
        warning_on=switch,
        mails=mails,
        medium=medium,
        person="" if who == "none" else "4000002",
        resellers=() if sells == "none" else ("4000000",),
    )
    people: list[Contact | Person | Reseller] = [account, person("4000003", "informed@example.org")]
    if who in ("one", "two", "no mail"):
        mail = {"one": ("person@example.org",), "two": ("person@example.org", "home@example.org")}
        people.append(person()._replace(mails=mail.get(who, ())))
    listed = frozenset({word}) if sells != "unlisted" else frozenset({"other"})
    if sells in ("unlisted", "address", "both", "person"):
        to = () if sells == "person" else ("Support <support@example.org>",)
        inform = ("4000003",) if sells in ("person", "both") else ()
        people.append(reseller(problems=listed, mail_to=to, persons=inform))
    if sells == "default":
        people.append(
            reseller("4000009", problems=listed, mail_to=("default@example.org",), is_default=True)
        )
    return people


@pytest.mark.parametrize(
    ("task", "word"),
    [
        ("quota", "quota"),
        ("schedule", "schedule"),
        ("status", "unsuccessful"),
        ("status", "status"),
        ("client", "upgrade"),
        ("client", "client"),
        ("unused", "no backup"),
        ("unused", "unused"),
    ],
)
def test_every_combination(task: str, word: str) -> None:
    for switch, mails, medium, who, sells, warn_by_default, quiet in product(
        SWITCHES, MAILS, ("mail", "Mail", "sms", ""), PERSONS, RESELLERS, (True, False), (0, 1)
    ):
        first, *others = the_people(switch, mails, medium, who, sells, word)
        assert isinstance(first, Contact)
        people = [first._replace(warning_days=quiet), *others]
        policy = POLICY._replace(warn_by_default=warn_by_default)
        wants = SWITCHES[switch][0 if warn_by_default else 1]
        wants = wants and not (quiet == 0 and task in ("schedule", "status"))
        own = mails and medium in ("mail", "Mail")
        customers = (MAILS[mails] if own else PERSONS[who]) if wants else set()
        expected = {("customer", each) for each in customers}
        expected |= {("reseller", each) for each in RESELLERS[sells]}

        decision = decide(*people, event=event(task), policy=policy)

        case = (switch, mails, medium, who, sells, warn_by_default, quiet)
        assert notified(decision) == expected, case
        assert len(decision.recipients) == len(expected), case
        assert (decision.operator_reason is not None) == (wants and not customers), case
        odd = switch.upper() not in ("TRUE", "FALSE")
        assert any("sstBackupWarningOn" in each for each in decision.findings) == odd, case
        assert all(
            each.reason.startswith("rule ") and "uid=" in each.reason
            for each in decision.recipients
        )


@pytest.mark.parametrize("task", ["quota", "schedule", "status", "client", "unused"])
@pytest.mark.parametrize("switch", ["TRUE", "FALSE", ""])
def test_of_unknown_only_the_operator_is_notified(task: str, switch: str) -> None:
    people = the_people(switch, ("own@example.org",), "mail", "one", "both", "quota")

    decision = decide(*people, event=event(task, State.UNKNOWN))

    assert decision.recipients == (
        Recipient(
            "operations@example.org",
            "Operations",
            Role.OPERATOR,
            "de",
            reason="[notify] operator",
        ),
    )
    assert decision.operator_reason is None


def test_unknown_without_an_operator_is_reported() -> None:
    decision = decide(contact(), event=event(state=State.UNKNOWN), policy=NotifySettings())

    assert decision.recipients == ()
    assert decision.operator_reason is not None
    assert "[notify] operator" in decision.operator_reason


# --- rule by rule: its explanation ---


def test_an_account_that_does_not_exist() -> None:
    decision = decide(person())

    assert decision.recipients == ()
    assert decision.operator_reason == "account 4000101: no such account"


def test_each_line_names_rule_entry_and_attribute() -> None:
    decision = decide(contact(), person(), reseller())

    assert decision.explanation == (
        f"rule 1: the customer is notified: sstBackupWarningOn TRUE of {ACCOUNT}",
        f"rule 2: mail of {ACCOUNT}: own@example.org is notified",
        "rule 3: does not apply: the account has its own addresses",
        f"rule 4: sstMailTo of {NOTIFICATIONS}: support@example.org is notified",
    )


def test_who_is_not_notified_is_explained() -> None:
    decision = decide(
        contact(warning_on="FALSE"), person(), reseller(problems=frozenset({"schedule"}))
    )

    assert decision.explanation == (
        f"rule 1: the customer is not notified: sstBackupWarningOn FALSE of {ACCOUNT}",
        f"rule 4: reseller 4000000 is not notified: sstNotificationWarning of {NOTIFICATIONS} "
        "does not have 'quota'",
    )
    assert decision.findings == ()
    assert decision.operator_reason is None


def test_a_person_is_greeted_only_at_their_own_address() -> None:
    her = person(mails=("own@EXAMPLE.org",), gender="f", language="fr-CH", title="Dr.")

    decision = decide(contact(mails=("own@example.org", "it@example.org")), her)

    first, second = decision.recipients
    assert (first.name, first.gender, first.language) == ("Example Customer", "f", "fr-CH")
    assert (first.surname, first.title, second.surname, second.title) == ("Customer", "Dr.", "", "")
    assert (second.name, second.gender, second.language) == ("", "", "fr-CH")


@pytest.mark.parametrize(
    ("account", "of_person", "of_reseller", "expected"),
    [
        ("de-CH", "fr-CH", "it-CH", "de-CH, fr-CH, it-CH"),
        ("", "fr-CH", "it-CH", "fr-CH, it-CH"),
        ("", "", "it-CH", "it-CH"),
        ("", "", "", ""),
        ("fr-CH, de;q=0.5", "de", "it-CH", "fr-CH, de, it-CH"),
        ("de;q=0.5, fr_CH ", "", "it-CH", "fr-CH, de, it-CH"),
        ("German", "fr-CH", "it-CH", "fr-CH, it-CH"),
        ("German", "Francais", "it-CH", "it-CH"),
    ],
)
def test_language(account: str, of_person: str, of_reseller: str, expected: str) -> None:
    decision = decide(
        contact(language=account, mails=()),
        person(language=of_person),
        reseller(language=of_reseller),
    )

    assert decision.recipients[0].language == expected
    assert decision.recipients[1].language == of_reseller


def test_languages_that_cannot_be_read_are_listed() -> None:
    people = PeopleTable.of(
        [
            contact(language="German", mails=(), warning_on="FALSE"),
            person(language="fr;q=high"),
            reseller(language="x" * 500),
        ]
    )
    account = people.contacts["4000101"]

    findings = check_contacts(account, people, POLICY)

    assert findings == (
        f"{ACCOUNT}: preferredLanguage 'German': 'German' is not a language tag like de-CH",
        f"{PERSON}: preferredLanguage 'fr;q=high': 'fr;q=high' is not a language tag like de-CH",
        f"ou=settings,uid=4000000,{RESELLER}: preferredLanguage '{'x' * 100}...': is too long",
    )
    assert decide(*people.contacts.values(), person(), reseller()).operator_reason is None


def test_the_languages_of_all_resellers() -> None:
    decision = decide(
        contact(resellers=("1", "2", "3")),
        reseller("1"),
        reseller("2", language="it-CH"),
        reseller("3", language="fr-CH"),
    )

    assert decision.recipients[0].language == "it-CH, fr-CH"


def test_persons_whom_a_reseller_informs_are_addressed_as_such() -> None:
    persons = [
        person("5", "a@example.org", language="it-CH", gender="m"),
        person("6", "b@example.org", "broken"),
        person("7")._replace(mails=()),
    ]

    decision = decide(
        contact(warning_on="FALSE"),
        *persons,
        reseller(mail_to=(), persons=("5", "6", "7"), language="de-CH"),
    )

    assert [
        (each.address, each.name, each.language, each.gender) for each in decision.recipients
    ] == [
        ("a@example.org", "Example Customer", "it-CH, de-CH", "m"),
        ("b@example.org", "Example Customer", "de-CH", ""),
    ]
    assert decision.findings == (
        "uid=6,ou=people: mail 'broken': must have exactly one @",
        "uid=7,ou=people: no mail",
    )
    assert decision.operator_reason == "; ".join(decision.findings)


def test_a_reseller_who_names_nobody_is_a_finding() -> None:
    decision = decide(contact(), reseller(mail_to=(), persons=()))

    problem = f"{NOTIFICATIONS}: neither sstMailTo nor sstInformPersonUID"
    assert decision.findings == (problem,)
    assert decision.explanation[-1] == f"rule 4: reseller 4000000 is not notified: {problem}"


def test_one_wrong_address_of_a_person_hides_no_other() -> None:
    decision = decide(contact(mails=()), person("4000002", "broken", "good@example.org"))

    assert notified(decision) == {("customer", "good@example.org")}
    assert decision.operator_reason == f"{PERSON}: mail 'broken': must have exactly one @"


@pytest.mark.parametrize("mails", [("broken",), ("a@b@c", "x" * 300, "b@example.org\r\nx")])
def test_an_account_whose_own_addresses_are_all_unusable(mails: tuple[str, ...]) -> None:
    her = person("4000002", "a@example.org", "b@example.org")

    decision = decide(contact(mails=mails, resellers=()), her)

    problem = f"{ACCOUNT}: mail: no address can be used"
    assert notified(decision) == {("customer", "a@example.org"), ("customer", "b@example.org")}
    assert problem in decision.findings
    assert f"rule 3: applies: {problem}" in decision.explanation
    assert len(decision.findings) == len(mails) + 1
    assert decision.operator_reason is not None


def test_an_account_with_one_usable_address_does_not_notify_the_person() -> None:
    decision = decide(contact(mails=("broken", "own@example.org"), resellers=()), person())

    assert notified(decision) == {("customer", "own@example.org")}
    assert len(decision.findings) == 1


def test_an_account_of_nobody_whose_own_addresses_are_all_unusable() -> None:
    decision = decide(contact(mails=("broken",), person=""))

    assert decision.recipients == ()
    assert decision.operator_reason is not None
    assert f"{ACCOUNT}: no address found for the customer" in decision.operator_reason


def many(count: int) -> tuple[str, ...]:
    return tuple(f"a{number}@example.org" for number in range(count))


@pytest.mark.parametrize(("count", "found"), [(20, 20), (21, 20), (26000, 20)])
@pytest.mark.parametrize(
    ("where", "role", "people"),
    [
        (f"{ACCOUNT}: mail", "customer", lambda mails: [contact(mails=mails)]),
        (
            f"{PERSON}: mail",
            "customer",
            lambda mails: [contact(mails=()), person("4000002", *mails)],
        ),
        (
            f"{NOTIFICATIONS}: sstMailTo",
            "reseller",
            lambda mails: [contact(), reseller(mail_to=mails)],
        ),
        (
            f"{NOTIFICATIONS}: sstInformPersonUID",
            "reseller",
            lambda mails: [
                contact(),
                reseller(mail_to=(), persons=mails),
                *(person(each, each) for each in mails),
            ],
        ),
    ],
    ids=["account", "person", "reseller", "persons of a reseller"],
)
def test_an_entry_has_at_most_twenty_addresses(
    where: str, role: str, people: Callable[[tuple[str, ...]], list[Any]], count: int, found: int
) -> None:
    mails = many(count)

    decision = decide(*people(mails))

    assert [each.address for each in decision.recipients if each.role.value == role] == list(
        mails[:found]
    )
    too_many = f"{where}: more than 20: the others are not notified"
    assert (too_many in decision.findings) == (count > 20)
    assert (too_many in decision.explanation) == (count > 20)
    assert decision.operator_reason is None


def test_a_resellers_number_in_another_case_is_not_the_default() -> None:
    decision = decide(contact(warning_on="FALSE", resellers=("AG1", "ag1")), reseller("ag1"))

    assert [each.reseller for each in decision.recipients] == ["AG1"]
    assert "(the default" not in decision.recipients[0].reason


@pytest.mark.parametrize(
    ("account", "task", "line"),
    [
        pytest.param(
            contact(warning_days=0),
            "status",
            "rule 1: the customer is not notified of status: sstBackupWarningNumbers and "
            f"sstBackupWarningDays of {ACCOUNT} are both 0",
            id="thresholds off",
        ),
        pytest.param(
            contact(warning_on="maybe"),
            "quota",
            f"rule 1: the customer is notified: sstBackupWarningOn of {ACCOUNT} 'maybe' is not "
            "TRUE or FALSE: [notify] warn_by_default",
            id="an odd switch",
        ),
        pytest.param(
            contact(medium="sms"),
            "quota",
            f"rule 2: does not apply: sstNotificationWarningMedium is 'sms' in {ACCOUNT}",
            id="another medium",
        ),
        pytest.param(
            contact(mails=()),
            "quota",
            f"rule 2: does not apply: no mail in {ACCOUNT}",
            id="no address of its own",
        ),
        pytest.param(
            contact(mails=(), person=""),
            "quota",
            f"rule 3: no person: no sstBelongsToPersonUID in {ACCOUNT}",
            id="no person",
        ),
        pytest.param(
            contact(resellers=()),
            "quota",
            f"rule 4: no reseller: no sstBelongsToResellerUID in {ACCOUNT}",
            id="no reseller",
        ),
        pytest.param(
            contact(resellers=("7",)),
            "quota",
            f"rule 4: reseller 7 is not notified: {ACCOUNT}: sstBelongsToResellerUID '7': "
            "has no settings, and default ones do not exist",
            id="a reseller without settings",
        ),
        pytest.param(
            contact(),
            "quota",
            f"sender: sstMailFrom of ou=settings,uid=4000000,{RESELLER}: help@example.org",
            id="the sender",
        ),
        pytest.param(
            contact(mails=("x" * 101,)),
            "quota",
            f"rule 2: mail of {ACCOUNT}: '{'x' * 100}...' is not a valid address: "
            "must have exactly one @",
            id="a long invalid address",
        ),
    ],
)
def test_decisions_are_explained(account: Contact, task: str, line: str) -> None:
    decision = decide(
        account, person(), reseller(mail_from="<help@example.org>"), event=event(task)
    )

    assert line in decision.explanation


@pytest.mark.parametrize(
    ("account", "task", "state", "found"),
    [
        pytest.param(contact(), "quota", State.CRITICAL, False, id="on"),
        pytest.param(contact(warning_on="FALSE"), "quota", State.CRITICAL, True, id="off"),
        pytest.param(contact(warning_days=0), "status", State.WARNING, True, id="thresholds off"),
        pytest.param(contact(warning_days=0), "quota", State.WARNING, False, id="none needed"),
        pytest.param(
            contact(warning_days=0, warning_numbers=2), "status", State.WARNING, False, id="numbers"
        ),
        pytest.param(contact(warning_on="FALSE"), "quota", State.UNKNOWN, False, id="unknown"),
        pytest.param(
            contact(uid="4000109", warning_on="FALSE"), "quota", State.OK, False, id="another"
        ),
    ],
)
def test_who_misses_an_event_because_warnings_are_off(
    account: Contact, task: str, state: State, found: bool
) -> None:
    people = PeopleTable.of([account, person(), reseller()])

    recipients = find_switched_off(event(task, state), people, POLICY)

    assert [each.address for each in recipients] == (["own@example.org"] if found else [])


def test_the_sender_is_the_resellers() -> None:
    decision = decide(
        contact(resellers=("1", "2")),
        reseller("1", mail_to=("a@example.org",)),
        reseller("2", mail_to=("b@example.org",), mail_from='"Help, desk" <help@Example.org>'),
    )

    assert [(each.address, each.sender, each.reseller) for each in decision.recipients] == [
        ("own@example.org", '"Help, desk" <help@example.org>', ""),
        ("a@example.org", "", "1"),
        ("b@example.org", '"Help, desk" <help@example.org>', "2"),
    ]


def test_several_resellers_each_by_its_own_settings() -> None:
    decision = decide(
        contact(warning_on="FALSE", resellers=("1", "2", "3", "2")),
        reseller("1", mail_to=("a@example.org",), problems=frozenset({"schedule"})),
        reseller("2", mail_to=("b@example.org",)),
        reseller("9", mail_to=("c@example.org",), is_default=True),
    )

    # the third has none: the default's addresses, in a digest of the third's accounts
    assert [(each.address, each.reseller) for each in decision.recipients] == [
        ("b@example.org", "2"),
        ("c@example.org", "3"),
    ]
    assert "(the default, for 3)" in decision.recipients[1].reason


def test_resellers_can_be_left_out() -> None:
    policy = POLICY._replace(reseller=ResellerDelivery(enabled=False))

    decision = decide(contact(), reseller(), policy=policy)

    assert notified(decision) == {("customer", "own@example.org")}
    assert any("[notify.reseller] enabled is false" in line for line in decision.explanation)


@pytest.mark.parametrize(("digest", "mails"), [(True, 2), (False, 1)])
def test_a_digest_is_another_mail_than_the_customers(digest: bool, mails: int) -> None:
    policy = POLICY._replace(reseller=ResellerDelivery(digest=digest))

    decision = decide(contact(mails=("support@EXAMPLE.ORG",)), reseller(persons=()), policy=policy)

    assert len(decision.recipients) == mails
    assert decision.recipients[0].role is Role.CUSTOMER


def test_each_address_once() -> None:
    decision = decide(
        contact(mails=("own@example.org", "own@Example.ORG", "Own@example.org")),
        reseller(mail_to=("a@example.org", "A <a@EXAMPLE.org>"), persons=("4000002", "4000002")),
        person(mails=("a@example.org", "b@example.org")),
    )

    # case may matter before the @
    assert [each.address for each in decision.recipients] == [
        "own@example.org",
        "Own@example.org",
        "a@example.org",
        "b@example.org",
    ]


@pytest.mark.parametrize(
    ("people", "says"),
    [
        pytest.param(
            [contact(mails=("own@example.org", "no address")), person()],
            f"{ACCOUNT}: mail 'no address'",
            id="one of two addresses",
        ),
        pytest.param(
            [contact(mails=("broken",), person="")],
            "no address found for the customer",
            id="nobody else by rule 3",
        ),
        pytest.param(
            [contact(mails=())],
            f"{ACCOUNT}: sstBelongsToPersonUID '4000002': no such person",
            id="no such person",
        ),
        pytest.param(
            [contact(mails=()), person(mails=())], f"{PERSON}: no mail", id="person without mail"
        ),
        pytest.param(
            [contact(), reseller(mail_to=("broken",))],
            f"{NOTIFICATIONS}: sstMailTo 'broken'",
            id="a reseller's address",
        ),
        pytest.param(
            [contact(), reseller(persons=("7",))],
            f"{NOTIFICATIONS}: sstInformPersonUID '7': no such person",
            id="whom a reseller informs",
        ),
    ],
)
def test_the_operator_is_notified_of_what_is_wrong(
    people: list[Contact | Person | Reseller], says: str
) -> None:
    decision = decide(*people)

    assert decision.operator_reason is not None
    assert says in decision.operator_reason
    assert any("rule 5" in line and says in line for line in decision.explanation)


def test_a_wrong_sender_is_a_finding_alone() -> None:
    decision = decide(contact(), reseller(mail_from="a@b\nBcc: c@example.org"))

    assert {each.sender for each in decision.recipients} == {""}
    assert decision.operator_reason is None
    assert len(decision.findings) == 1
    assert "sstMailFrom" in decision.findings[0]


def test_attributes_by_other_names() -> None:
    names = AttributeNames(warning_on="warn", mail="rfc822", person="owner")
    people = PeopleTable.of([contact(mails=(), warning_on="", resellers=()), person()])

    decision = find_recipients(event(), people, POLICY, names)

    assert decision.findings == (f"{ACCOUNT}: warn missing",)
    assert decision.recipients[0].reason == f"rule 3: rfc822 of {PERSON} (owner of {ACCOUNT})"


# --- hostile values ---

HOSTILE = [
    "",
    " ",
    "@",
    "a@",
    "@example.org",
    "a",
    "a@b@example.org",
    '"a@b"@c.example.org',
    '"a b"@example.org',
    "a b@example.org",
    "a..b@example.org",
    ".a@example.org",
    "a.@example.org",
    "-oQueue@example.org",
    "a@example",
    "root@localhost",
    "a@127.0.0.1",
    "a@[127.0.0.1]",
    "a@-example.org",
    "a@example-.org",
    "a@exa_mple.org",
    "a@example..org",
    "a@.example.org",
    "a@example.org.",
    "a@example.org, b@example.org",
    "a@example.org;b@example.org",
    "a@example.org (comment)",
    "a(comment)@example.org",
    "<a@example.org>",
    "mailto:a@example.org b",
    "a@example.org\n",
    "a@example.org\r\nBcc: b@example.org",
    "a\n@example.org",
    "a@example.org\0",
    "a@example.org\x7f",
    "a@exam\tple.org",
    "a\N{RIGHT-TO-LEFT OVERRIDE}@example.org",
    "a@\N{RIGHT-TO-LEFT MARK}example.org",
    "\udcff@example.org",
    "a@\udcffexample.org",
    "ä@example.org",
    "a@straße.example.org",
    "a@faß.de",
    "a@\N{FULLWIDTH LATIN SMALL LETTER E}xample.org",
    "a@example\N{IDEOGRAPHIC FULL STOP}org",
    "a@b\N{ZERO WIDTH JOINER}c.org",
    "a" * 65 + "@example.org",
    "a@" + "b" * 64 + ".org",
    "a@" + "b." * 130 + "org",
    "a" * 288 + "@example.org",
    "a@" + "ü" * 300 + ".org",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_invalid_address_reaches_nobody(text: str) -> None:
    decision = decide(contact(mails=(text,), person=""))

    assert decision.recipients == ()
    assert decision.operator_reason is not None
    assert "no address found" in decision.operator_reason
    assert "\n" not in decision.operator_reason


@pytest.mark.parametrize("text", [each for each in HOSTILE if each != "<a@example.org>"])
@pytest.mark.parametrize("form", ["{}", "Name <{}>"])
def test_an_invalid_mailbox_reaches_nobody(text: str, form: str) -> None:
    decision = decide(contact(), reseller(mail_to=(form.format(text),)))

    assert notified(decision) == {("customer", "own@example.org")}
    assert decision.operator_reason is not None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a@example.org", "a@example.org"),
        (" a@example.org ", "a@example.org"),
        ("A.b+c@EXAMPLE.org", "A.b+c@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@Bücher.example", "a@xn--bcher-kva.example"),
        ("a@1.example.org", "a@1.example.org"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
        ("a@" + "b" * 63 + ".org", "a@" + "b" * 63 + ".org"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    decision = decide(contact(mails=(text,)))

    assert [each.address for each in decision.recipients] == [address]


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("a@example.org", "", "a@example.org"),
        ("<a@example.org>", "", "a@example.org"),
        ("Support Ltd. <a@Example.org>", "Support Ltd.", "a@example.org"),
        ("Customer, Example <a@example.org>", "Customer, Example", "a@example.org"),
        ('"Customer, Example" <a@example.org>', "Customer, Example", "a@example.org"),
        (r'"The \"best\" \\ one" <a@example.org>', r'The "best" \ one', "a@example.org"),
        ("Zürich\N{NO-BREAK SPACE}AG <a@example.org>", "Zürich AG", "a@example.org"),
        ("עזרה <a@example.org>", "עזרה", "a@example.org"),
        ("b@example.com <a@example.org>", "b@example.com", "a@example.org"),
    ],
)
def test_mailboxes(text: str, name: str, address: str) -> None:
    decision = decide(contact(warning_on="FALSE"), reseller(mail_to=(text,), mail_from=text))

    [found] = decision.recipients
    assert (found.name, found.address) == (name, address)
    # the sender, written down again, is the same mailbox
    [again] = decide(contact(warning_on="FALSE"), reseller(mail_to=(found.sender,))).recipients
    assert (again.name, again.address) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "A <a@example.org>, B <b@example.org>",
        "A <a@example.org",
        "A a@example.org>",
        "A\nBcc: b@example.org <a@example.org>",
        "A\N{RIGHT-TO-LEFT OVERRIDE} <a@example.org>",
        "A" * 300 + " <a@example.org>",
    ],
)
def test_hostile_mailboxes(text: str) -> None:
    decision = decide(contact(warning_on="FALSE"), reseller(mail_to=(text,)))

    assert decision.recipients == ()
    assert decision.operator_reason is not None


def test_a_hostile_name_is_one_line() -> None:
    her = person(given_name="A\r\nBcc: b@example.org", surname="\N{RIGHT-TO-LEFT OVERRIDE}B")

    [found] = decide(contact(mails=(), resellers=()), her).recipients

    assert found.name == "A Bcc: b@example.org B"


@given(st.text() | st.from_regex(r"[!-~äß]{1,70}@[!-~äß.]{1,70}", fullmatch=True))
def test_whatever_is_accepted_is_a_valid_address(text: str) -> None:
    decision = decide(contact(mails=(text,), resellers=()))

    for found in decision.recipients:
        local, domain = found.address.split("@")
        assert found.address.isascii()
        assert found.address.isprintable()
        assert not set(found.address) & set(' "(),:;<>[\\]')
        assert len(found.address) <= 254
        assert local
        assert domain == domain.lower()
        assert parse_address(found.address) == found.address
    assert (decision.operator_reason is None) == bool(decision.recipients)


# --- before anything fails ---


@pytest.mark.parametrize(
    ("people", "says"),
    [
        pytest.param([contact(), person(), reseller()], [], id="all is well"),
        pytest.param(
            [contact(warning_on=""), person(), reseller()],
            [f"{ACCOUNT}: sstBackupWarningOn missing"],
            id="no switch",
        ),
        pytest.param(
            [contact(medium="fax"), person(), reseller()],
            [f"{ACCOUNT}: sstNotificationWarningMedium 'fax': neither mail nor sms"],
            id="an unknown medium",
        ),
        pytest.param(
            [contact(), reseller()],
            [f"{ACCOUNT}: sstBelongsToPersonUID '4000002': no such person"],
            id="a person who is not needed now",
        ),
        pytest.param(
            [contact(mails=(), person=""), reseller()],
            [f"{ACCOUNT}: no address found for the customer"],
            id="nobody",
        ),
        pytest.param(
            [contact(mails=(), person="", warning_on="FALSE"), reseller()],
            [],
            id="nobody, and warnings are off",
        ),
        pytest.param(
            [contact(mails=("broken",), warning_on="FALSE"), person(), reseller()],
            [
                f"{ACCOUNT}: mail 'broken': must have exactly one @",
                f"{ACCOUNT}: mail: no address can be used",
            ],
            id="a wrong address, though warnings are off",
        ),
        pytest.param(
            [contact(), person()],
            [
                f"{ACCOUNT}: sstBelongsToResellerUID '4000000': has no settings, and default "
                "ones do not exist"
            ],
            id="a reseller without settings",
        ),
        pytest.param(
            [contact(), person(), reseller(problems=frozenset({"upgrade"}), mail_to=("broken",))],
            [f"{NOTIFICATIONS}: sstMailTo 'broken': must have exactly one @"],
            id="a reseller's address, of a problem that is rare",
        ),
    ],
)
def test_check_contacts(people: list[Contact | Person | Reseller], says: list[str]) -> None:
    [account] = [each for each in people if isinstance(each, Contact)]

    assert list(check_contacts(account, PeopleTable.of(people), POLICY)) == says


def test_the_operator() -> None:
    assert find_operator(POLICY).address == "operations@example.org"


# --- addresses that bounced ---


def _undeliverable(address: str, dn: str, attribute: str, values: tuple[str, ...]) -> Undeliverable:
    return Undeliverable({(address, make_entry(dn, attribute, values)): "bounced: 5.1.1"})


def test_an_address_that_bounced_is_not_notified_until_its_entry_changes() -> None:
    account = contact(mails=("old@example.org", "own@example.org"), person="4000002")
    bounced = _undeliverable("old@example.org", account.dn, "mail", account.mails)

    def decide_on(mails: tuple[str, ...]) -> Decision:
        changed = account._replace(mails=mails)
        table = PeopleTable.of([changed, person("4000002", "person@example.org")])
        return find_recipients(event(), table, POLICY, undeliverable=bounced)

    decision = decide_on(account.mails)
    assert notified(decision) == {("customer", "own@example.org")}
    assert f"{account.dn}: mail old@example.org: bounced: 5.1.1" in decision.findings
    assert decision.operator_reason is None  # was notified when it bounced
    assert notified(decide_on(("old@example.org",))) == {("customer", "old@example.org")}
    reversed_values = decide_on(account.mails[::-1])  # a directory keeps no order
    assert notified(reversed_values) == {("customer", "own@example.org")}


def test_the_person_is_notified_where_all_own_addresses_bounced() -> None:
    account = contact(mails=("own@example.org",), person="4000002")
    table = PeopleTable.of([account, person("4000002", "person@example.org")])
    bounced = _undeliverable("own@example.org", account.dn, "mail", account.mails)

    decision = find_recipients(event(), table, POLICY, undeliverable=bounced)

    assert notified(decision) == {("customer", "person@example.org")}
    assert f"{account.dn}: mail: no address can be used" in decision.findings
    assert bounced.find("own@example.org", decision.recipients[0].entry) == ""


def test_who_hears_that_warnings_are_off_is_of_the_same_entry() -> None:
    account = contact(mails=("own@example.org",), warning_on="FALSE")
    names = AttributeNames(mail="rfc822Mailbox")

    (recipient,) = find_switched_off(event(), PeopleTable.of([account]), POLICY, names)

    assert recipient.entry == make_entry(account.dn, "rfc822Mailbox", account.mails)


def test_the_operator_is_notified_where_nobody_is_left() -> None:
    account = contact(mails=("own@example.org",), person="")
    bounced = _undeliverable("own@example.org", account.dn, "mail", account.mails)

    decision = find_recipients(event(), PeopleTable.of([account]), POLICY, undeliverable=bounced)

    assert notified(decision) == set()
    assert decision.operator_reason == f"{account.dn}: no address found for the customer"


def test_a_bounce_of_one_entry_silences_no_other() -> None:
    mine = contact(mails=("support@example.org",), resellers=("4000000",))
    sells = reseller(mail_to=("support@example.org",))
    bounced = _undeliverable("support@example.org", mine.dn, "mail", mine.mails)

    decision = find_recipients(
        event(), PeopleTable.of([mine, sells]), POLICY, undeliverable=bounced
    )

    assert notified(decision) == {("reseller", "support@example.org")}
    entries = {each.entry for each in decision.recipients}
    assert entries == {
        make_entry(f"ou=notifications,{sells.dn}", "sstMailTo", sells.mail_to),
    }
