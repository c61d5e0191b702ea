"""Applies the provider's rules to an account: who is notified of an event, and why."""

from collections.abc import Iterator
from enum import Enum

from backup_monitoring.mail import AddressError, Mailbox, clean_name, parse_address, parse_mailbox
from backup_monitoring.model import (
    MAX_ADDRESSES,
    Contact,
    Decision,
    Event,
    LanguageError,
    Need,
    People,
    Person,
    Recipient,
    Reseller,
    Role,
    parse_languages,
)
from backup_monitoring.outbox import Undeliverable, make_entry
from backup_monitoring.settings import AttributeNames, NotifySettings
from backup_monitoring.tasks import TASKS

NAMES = AttributeNames()
NONE_UNDELIVERABLE = Undeliverable()

# Attributes below a reseller's settings; the other names are in [directory.attributes].
_MAIL_TO, _INFORM, _PROBLEMS = "sstMailTo", "sstInformPersonUID", "sstNotificationWarning"
_MAIL_FROM = "sstMailFrom"


class RuleScope(Enum):
    """Which recipients are decided on."""

    WANTED = "all recipients, the customer if the account wants warnings"
    EVERYBODY = "all recipients, whether warnings are on or off"
    CUSTOMER = "the customer alone, whether warnings are on or off"


def wants_warnings(contact: Contact, policy: NotifySettings) -> bool:
    """Return whether the account wants warnings, by its switch, else by ``warn_by_default``."""
    return {"TRUE": True, "FALSE": False}.get(contact.warning_on.upper(), policy.warn_by_default)


def format_missing_person(dn: str, attribute: str, uid: str) -> str:
    """Return the finding that *attribute* of the entry *dn* names a person who does not exist."""
    return f"{dn}: {attribute} {uid!r}: no such person"


def format_missing_customer(dn: str) -> str:
    """Return the finding that the account's entry *dn* leads to no address of the customer."""
    return f"{dn}: no address found for the customer"


def apply_rules(
    contact: Contact,
    event: Event,
    people: People,
    policy: NotifySettings,
    names: AttributeNames,
    scope: RuleScope,
    undeliverable: Undeliverable = NONE_UNDELIVERABLE,
) -> Decision:
    """Apply rules 1 to 5 to the account of *contact*; raises what *people* raises."""
    return _DecisionBuilder(event, people, policy, names, undeliverable).build(contact, scope)


def explain_operator(reason: str) -> str:
    """Return the line of rule 5, which applies because of *reason*."""
    return f"rule 5: {reason}: [notify] operator is notified"


class _DecisionBuilder:
    """Applies the rules to an account, and collects recipients, explanation and findings."""

    def __init__(
        self,
        event: Event,
        people: People,
        policy: NotifySettings,
        names: AttributeNames,
        undeliverable: Undeliverable,
    ) -> None:
        self._names = names
        self._undeliverable = undeliverable
        self._event = event
        self._people = people
        self._policy = policy
        self._recipients: dict[tuple[str, Role | None], Recipient] = {}
        self._explanation: list[str] = []
        self._operator_reasons: list[str] = []
        self._findings: list[str] = []
        self._missing_resellers: list[tuple[str, str]] = []

    def build(self, contact: Contact, scope: RuleScope) -> Decision:
        """Apply the rules in their order: switch, customer, resellers; 5 follows from each."""
        wanted = scope is RuleScope.CUSTOMER or self._check_switch(contact)
        if wanted or scope is RuleScope.EVERYBODY:
            self._add_customer(contact)
        if scope is not RuleScope.CUSTOMER:
            self._add_resellers(contact)
        return Decision(
            tuple(self._recipients.values()),
            tuple(self._explanation),
            tuple(dict.fromkeys(self._findings)),
            "; ".join(dict.fromkeys(self._operator_reasons)) or None,
            tuple(self._missing_resellers),
        )

    def _notify_operator(self, reason: str) -> None:
        """Rule 5: note that the operator must be notified."""
        self._operator_reasons.append(reason)
        self._explanation.append(explain_operator(reason))

    def _add_finding(self, text: str) -> None:
        self._findings.append(text)
        self._notify_operator(text)

    def _check_switch(self, contact: Contact) -> bool:
        """Rule 1: does the account want warnings of this task?"""
        on, value = wants_warnings(contact, self._policy), contact.warning_on
        if value.upper() in ("TRUE", "FALSE"):
            reason = f"{self._names.warning_on} {value} of {contact.dn}"
        else:
            problem = f"{value!r} is not TRUE or FALSE" if value else "missing"
            self._findings.append(f"{contact.dn}: {self._names.warning_on} {problem}")
            reason = f"{self._names.warning_on} of {contact.dn} {problem}: [notify] warn_by_default"
        verb = "is notified" if on else "is not notified"
        self._explanation.append(f"rule 1: the customer {verb}: {reason}")
        if not on or not has_thresholds_off(contact, self._event):
            return on
        names = f"{self._names.warning_numbers} and {self._names.warning_days}"
        self._explanation.append(
            f"rule 1: the customer is not notified of {self._event.task}: "
            f"{names} of {contact.dn} are both 0"
        )
        return False

    def _add_customer(self, contact: Contact) -> None:
        """Rules 2 and 3: the account's own addresses, else its person's."""
        person = self._people.person(contact.person) if contact.person else None
        language, sender = self._choose_language(contact, person), self._find_sender(contact)
        customer = min(contact.customers, default=contact.uid)
        base = Recipient("", "", Role.CUSTOMER, language, sender=sender, customer=customer)
        if contact.mails and contact.medium.lower() == "mail":
            self._add_account_addresses(contact, base, person)
        else:
            why = f"no {self._names.mail}"
            if contact.mails:
                why = f"{self._names.medium} is {contact.medium!r}"
            self._explanation.append(f"rule 2: does not apply: {why} in {contact.dn}")
            self._add_person_addresses(contact, base)
        if not self._recipients:
            self._notify_operator(format_missing_customer(contact.dn))

    def _add_account_addresses(
        self, contact: Contact, base: Recipient, person: Person | None
    ) -> None:
        own = _parse_addresses(person)
        source = f"rule 2: {self._names.mail} of {contact.dn}"
        for mailbox, entry in self._list_mailboxes(
            contact.mails, source, contact.dn, self._names.mail
        ):
            recipient = base._replace(address=mailbox.address, reason=source, entry=entry)
            # A person is greeted by name only at an address of their own.
            greeted = person if mailbox.address in own else None
            self._add(_greet(recipient, greeted) if greeted else recipient)
        if self._recipients:
            self._explanation.append("rule 3: does not apply: the account has its own addresses")
            return
        problem = f"{contact.dn}: {self._names.mail}: no address can be used"
        self._findings.append(problem)
        self._explanation.append(f"rule 3: applies: {problem}")
        self._add_person_addresses(contact, base)

    def _add_person_addresses(self, contact: Contact, base: Recipient) -> None:
        if not contact.person:
            self._explanation.append(f"rule 3: no person: no {self._names.person} in {contact.dn}")
            return
        for person, recipient in self._list_person_recipients(
            contact.person, base, "rule 3", contact.dn, self._names.person
        ):
            self._add(_greet(recipient, person))

    def _choose_language(self, contact: Contact, person: Person | None) -> str:
        """Return the languages of the customer: the account's, the person's, the resellers'."""
        sources = [(contact.dn, contact.language)]
        if person is not None:
            sources.append((person.dn, person.language))
        for uid in _list_unique(contact.resellers):
            settings = self._people.reseller(uid)
            if settings is not None:
                sources.append((_get_settings_dn(settings), settings.language))
        return self._join_languages(*sources)

    def _join_languages(self, *sources: tuple[str, str]) -> str:
        """Return the tags of *sources*, each a DN and its value, in order; report unusable ones."""
        tags: dict[str, None] = {}
        for dn, text in sources:
            try:
                tags.update(dict.fromkeys(parse_languages(text)))
            except LanguageError as error:
                shown = text if len(text) <= 100 else text[:100] + "..."
                self._findings.append(f"{dn}: {self._names.language} {shown!r}: {error}")
        return ", ".join(tags)

    def _find_sender(self, contact: Contact) -> str:
        """Return ``From`` of the customer's mails: that of the first reseller who has one."""
        for uid in _list_unique(contact.resellers):
            settings = self._people.reseller(uid)
            sender = self._parse_sender(settings) if settings else ""
            if settings and sender:
                dn = _get_settings_dn(settings)
                self._explanation.append(f"sender: {_MAIL_FROM} of {dn}: {sender}")
                return sender
        return ""

    def _parse_sender(self, settings: Reseller) -> str:
        if not settings.mail_from:
            return ""
        try:
            return str(parse_mailbox(settings.mail_from))
        except AddressError as error:
            dn = _get_settings_dn(settings)
            text = f"{dn}: {_MAIL_FROM} {settings.mail_from[:100]!r}: {error}"
            self._findings.append(text)
            self._explanation.append(f"sender: [notify] from: {text}")
            return ""

    def _add_resellers(self, contact: Contact) -> None:
        """Rule 4: the resellers, whatever rules 1 to 3 decide."""
        if not contact.resellers:
            self._explanation.append(
                f"rule 4: no reseller: no {self._names.reseller} in {contact.dn}"
            )
        for uid in _list_unique(contact.resellers):
            settings = self._people.reseller(uid)
            if not self._policy.reseller.enabled:
                self._explain_skipped(uid, "[notify.reseller] enabled is false")
            elif settings is None:
                text = (
                    f"{contact.dn}: {self._names.reseller} {uid!r}: "
                    "has no settings, and default ones do not exist"
                )
                self._findings.append(text)
                self._missing_resellers.append((uid, text))
                self._explain_skipped(uid, text)
            elif self._wants_task(uid, settings):
                self._add_reseller(uid, settings)

    def _explain_skipped(self, uid: str, reason: str) -> None:
        self._explanation.append(f"rule 4: reseller {uid} is not notified: {reason}")

    def _wants_task(self, uid: str, settings: Reseller) -> bool:
        task = TASKS.get(self._event.task)  # an earlier version may have had another one
        words = task.reseller_words if task is not None else (self._event.task,)
        if settings.problems.intersection(words):
            return True
        dn, missing = _get_notifications_dn(settings), " or ".join(map(repr, words))
        self._explain_skipped(uid, f"{_PROBLEMS} of {dn} does not have {missing}")
        return False

    def _add_reseller(self, uid: str, settings: Reseller) -> None:
        dn = _get_notifications_dn(settings)
        default = "" if settings.uid.lower() == uid.lower() else f" (the default, for {uid})"
        sender = self._parse_sender(settings)
        language = self._join_languages((_get_settings_dn(settings), settings.language))
        base = Recipient("", "", Role.RESELLER, language, uid, sender)
        source = f"rule 4: {_MAIL_TO} of {dn}{default}"
        for mailbox, entry in self._list_mailboxes(settings.mail_to, source, dn, _MAIL_TO):
            address, name = mailbox.address, mailbox.name
            self._add(base._replace(address=address, name=name, reason=source, entry=entry))
        for number in _list_unique(self._limit(settings.persons, dn, _INFORM)):
            self._add_informed(number, settings, base, default)
        if not settings.mail_to and not settings.persons:
            text = f"{dn}: neither {_MAIL_TO} nor {_INFORM}"
            self._findings.append(text)
            self._explain_skipped(uid, text)

    def _add_informed(self, uid: str, settings: Reseller, base: Recipient, default: str) -> None:
        """Add the person *uid*, whom the reseller of *settings* wants to be informed."""
        dn = _get_notifications_dn(settings)
        own = _get_settings_dn(settings), settings.language
        for person, recipient in self._list_person_recipients(
            uid, base, "rule 4", dn, _INFORM, default
        ):
            language = self._join_languages((person.dn, person.language), own)
            self._add(_greet(recipient._replace(language=language), person))

    def _list_person_recipients(
        self,
        uid: str,
        base: Recipient,
        rule: str,
        dn: str,
        attribute: str,
        suffix: str = "",
    ) -> Iterator[tuple[Person, Recipient]]:
        """Yield *base* with each address of the person *uid*, whom *attribute* of *dn* names."""
        person = self._people.person(uid)
        if person is None:
            self._add_finding(format_missing_person(dn, attribute, uid))
            return
        if not person.mails:
            self._add_finding(f"{person.dn}: no {self._names.mail}")
        source = f"{rule}: {self._names.mail} of {person.dn} ({attribute} of {dn}{suffix})"
        for mailbox, entry in self._list_mailboxes(
            person.mails, source, person.dn, self._names.mail
        ):
            yield person, base._replace(address=mailbox.address, reason=source, entry=entry)

    def _list_mailboxes(
        self, values: tuple[str, ...], source: str, dn: str, attribute: str
    ) -> Iterator[tuple[Mailbox, str]]:
        """Yield the usable ones of *values*, and what `Recipient` has as their entry."""
        entry = make_entry(dn, attribute, values)
        for text in self._limit(values, dn, attribute):
            mailbox = self._parse(text, source, dn, attribute)
            if mailbox is None:
                continue
            reason = self._undeliverable.find(mailbox.address, entry)
            if reason:  # the operator was notified when it bounced
                self._findings.append(f"{dn}: {attribute} {mailbox.address}: {reason}")
                self._explanation.append(f"{source}: {mailbox.address} is not notified: {reason}")
            else:
                yield mailbox, entry

    def _limit(self, values: tuple[str, ...], dn: str, attribute: str) -> tuple[str, ...]:
        """Return the first *values* of *attribute* in the entry *dn*; report if there are more."""
        if len(values) > MAX_ADDRESSES:
            text = f"{dn}: {attribute}: more than {MAX_ADDRESSES}: the others are not notified"
            self._findings.append(text)
            self._explanation.append(text)
        return values[:MAX_ADDRESSES]

    def _parse(self, text: str, source: str, dn: str, attribute: str) -> Mailbox | None:
        """Return the mailbox *text*; only resellers' attributes may have a name."""
        try:
            return parse_mailbox(text) if attribute == _MAIL_TO else Mailbox(parse_address(text))
        except AddressError as error:
            shown = text if len(text) <= 100 else text[:100] + "..."
            self._explanation.append(f"{source}: {shown!r} is not a valid address: {error}")
            self._add_finding(f"{dn}: {attribute} {shown!r}: {error}")
            return None

    def _add(self, recipient: Recipient) -> None:
        # A reseller's digest is another mail than the customer's: who is both gets both.
        role = recipient.role if self._policy.reseller.digest else None
        known = (recipient.address, role) in self._recipients
        if not known:
            self._recipients[recipient.address, role] = recipient
        verb = "is already notified" if known else "is notified"
        self._explanation.append(f"{recipient.reason}: {recipient.address} {verb}")


def has_thresholds_off(contact: Contact, event: Event) -> bool:
    """Return whether the account has switched off both thresholds to warn of *event*'s task."""
    task = TASKS.get(event.task)
    if task is None or Need.WARN_AFTER not in task.needs.entry:
        return False
    return contact.warning_numbers == 0 and contact.warning_days == 0


def _greet(recipient: Recipient, person: Person) -> Recipient:
    """Return *recipient* as *person*, whom the mail greets."""
    return recipient._replace(
        name=clean_name(person.name),
        gender=person.gender,
        surname=clean_name(person.surname),
        title=clean_name(person.title),
    )


def _get_notifications_dn(settings: Reseller) -> str:
    return f"ou=notifications,{settings.dn}"


def _get_settings_dn(settings: Reseller) -> str:
    return f"ou=settings,{settings.dn}"


def _parse_addresses(person: Person | None) -> set[str]:
    addresses = set()
    for text in person.mails if person else ():
        try:
            addresses.add(parse_address(text))
        except AddressError:
            continue  # reported where the person's own addresses are used
    return addresses


def _list_unique(uids: tuple[str, ...]) -> list[str]:
    """Return *uids* without repetitions, whatever their case."""
    unique: dict[str, str] = {}
    for uid in uids:
        unique.setdefault(uid.lower(), uid)
    return list(unique.values())
