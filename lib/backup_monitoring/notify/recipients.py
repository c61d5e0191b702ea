"""Who is told of an event: the provider's rule."""

from backup_monitoring.mail import AddressError, Mailbox, clean_name, parse_address, parse_mailbox
from backup_monitoring.model import (
    Contact,
    Decision,
    Event,
    People,
    Person,
    Recipient,
    Reseller,
    Role,
    State,
)
from backup_monitoring.settings import AttributeNames, NotifySettings
from backup_monitoring.tasks import PROBLEM_WORDS

NAMES = AttributeNames()

# in the entries below a reseller's settings; the others' names stand in [directory.attributes]
_MAIL_TO, _INFORM, _PROBLEMS = "sstMailTo", "sstInformPersonUID", "sstNotificationWarning"
_MAIL_FROM = "sstMailFrom"
_WITH_PATIENCE = ("schedule", "status")


def find_recipients(
    event: Event, people: People, policy: NotifySettings, names: AttributeNames = NAMES
) -> Decision:
    """Decide who is told of *event*; Decision.unreached is for `find_operator`.

    Args:
        event: UNKNOWN goes to the provider alone.
        people: where contacts, persons and resellers are looked up.
        policy: section [notify].
        names: what the accounts' attributes are called, for the explanation.

    Raises what *people* raises.
    """
    deciding = DecisionBuilder(event, people, policy, names)
    if event.state is State.UNKNOWN:
        deciding.unknown()
    else:
        contact = people.contact(event.uid)
        if contact is None:
            deciding.trouble(f"account {event.uid}: no such account")
        else:
            deciding.decide(contact)
    return deciding.decision()


def find_switched_off(
    event: Event, people: People, policy: NotifySettings
) -> tuple[Recipient, ...]:
    """Return whom *event* would concern as customers, had the account not switched warnings off.

    Nobody where they are on. Raises what *people* raises.
    """
    contact = people.contact(event.uid)
    if contact is None or event.state is State.UNKNOWN:
        return ()
    if wants_warnings(contact, policy) and not _lacks_patience(contact, event):
        return ()
    deciding = DecisionBuilder(event, people, policy, NAMES)
    deciding.customer(contact)
    return deciding.decision().recipients


def find_operator(policy: NotifySettings) -> Recipient:
    """Return the provider as a recipient.

    Raises:
        AddressError: ``[notify] operator`` is no address.
    """
    mailbox = parse_mailbox(policy.operator)
    return Recipient(
        mailbox.address, mailbox.name, Role.OPERATOR, policy.language, reason="[notify] operator"
    )


class DecisionBuilder:
    """A decision in the making: each method is a rule, and says what it did."""

    def __init__(
        self, event: Event, people: People, policy: NotifySettings, names: AttributeNames
    ) -> None:
        self._names = names
        self._event = event
        self._people = people
        self._policy = policy
        self._recipients: dict[tuple[str, Role | None], Recipient] = {}
        self._explained: list[str] = []
        self._unreached: list[str] = []
        self.findings: list[str] = []
        self.nobody: list[str] = []

    def decision(self) -> Decision:
        """Return what was decided so far."""
        return Decision(
            tuple(self._recipients.values()),
            tuple(self._explained),
            tuple(dict.fromkeys(self.findings)),
            "; ".join(dict.fromkeys(self._unreached)) or None,
        )

    def trouble(self, text: str) -> None:
        """Note that the provider must be told."""
        self._unreached.append(text)
        self._explained.append(f"rule 5: {text}: [notify] operator is told")

    def _doubt(self, text: str) -> None:
        self.findings.append(text)
        self.trouble(text)

    def unknown(self) -> None:
        """UNKNOWN is the provider's own matter."""
        try:
            self._add(find_operator(self._policy))
        except AddressError as error:
            self._doubt(f"[notify] operator {self._policy.operator!r}: {error}")
        self._explained.append(
            "state UNKNOWN: the provider's own matter ([notify] operator); "
            "neither customer nor reseller is told"
        )

    def decide(self, contact: Contact) -> None:
        """Apply the rules 1 to 5."""
        if self.switch(contact) and self._has_patience(contact):
            self.customer(contact)
        self.resellers(contact)

    def switch(self, contact: Contact) -> bool:
        """Rule 1: does the account want warnings?"""
        on, value = wants_warnings(contact, self._policy), contact.warning_on
        said = "told" if on else "not told"
        if value.upper() in ("TRUE", "FALSE"):
            reason = f"{self._names.warning_on} {value} of {contact.dn}"
        else:
            problem = f"{value!r} is not TRUE or FALSE" if value else "missing"
            self.findings.append(f"{contact.dn}: {self._names.warning_on} {problem}")
            reason = f"{self._names.warning_on} of {contact.dn} {problem}: [notify] warn_by_default"
        self._explained.append(f"rule 1: the customer is {said}: {reason}")
        return on

    def _has_patience(self, contact: Contact) -> bool:
        if _lacks_patience(contact, self._event):
            names = f"{self._names.warning_numbers} and {self._names.warning_days}"
            self._explained.append(
                f"rule 1: the customer is not told of {self._event.task}: "
                f"{names} of {contact.dn} are both 0"
            )
            return False
        return True

    def customer(self, contact: Contact) -> None:
        """Rules 2 and 3: the account's own addresses, else its person's."""
        sender = self._senders(contact)
        before = len(self._recipients)
        if contact.mails and contact.medium.lower() == "mail":
            self._account(contact, sender)
        else:
            why = f"no {self._names.mail}"
            if contact.mails:
                why = f"{self._names.medium} is {contact.medium!r}"
            self._explained.append(f"rule 2: does not apply: {why} in {contact.dn}")
            self._person(contact, sender)
        if len(self._recipients) == before:
            text = f"{contact.dn}: nobody is found for the customer"
            self.nobody.append(text)
            self.trouble(text)

    def _account(self, contact: Contact, sender: str) -> None:
        person = self._people.person(contact.person) if contact.person else None
        known = _addresses(person)
        for text in contact.mails:
            source = f"rule 2: {self._names.mail} of {contact.dn}"
            mailbox = self._read(text, source, contact.dn, self._names.mail)
            if mailbox is not None:
                # Only their own addresses are greeted by their names.
                self._customer_is(
                    mailbox, contact, person, sender, source, mailbox.address in known
                )
        self._explained.append("rule 3: does not apply: the account has addresses of its own")

    def _person(self, contact: Contact, sender: str) -> None:
        if not contact.person:
            self._explained.append(f"rule 3: nobody: no {self._names.person} in {contact.dn}")
            return
        person = self._people.person(contact.person)
        if person is None:
            self._doubt(format_missing_person(contact.dn, self._names.person, contact.person))
            return
        if not person.mails:
            self._doubt(f"{person.dn}: no {self._names.mail}")
        for text in person.mails:
            by = f"{self._names.person} of {contact.dn}"
            source = f"rule 3: {self._names.mail} of {person.dn} ({by})"
            mailbox = self._read(text, source, person.dn, self._names.mail)
            if mailbox is not None:
                self._customer_is(mailbox, contact, person, sender, source, named=True)

    def _customer_is(
        self,
        mailbox: Mailbox,
        contact: Contact,
        person: Person | None,
        sender: str,
        source: str,
        named: bool,
    ) -> None:
        language = contact.language or (person.language if person else "")
        self._add(
            Recipient(
                mailbox.address,
                clean_name(person.name) if person and named else "",
                Role.CUSTOMER,
                language or self._resellers_language(contact),
                sender=sender,
                gender=person.gender if person and named else "",
                time_zone=person.time_zone if person else "",
                reason=source,
            )
        )

    def _resellers_language(self, contact: Contact) -> str:
        found = (self._people.reseller(uid) for uid in _each_once(contact.resellers))
        return next((each.language for each in found if each and each.language), "")

    def _senders(self, contact: Contact) -> str:
        """Return whom the customer's mails are from: the first of the resellers that says it."""
        for uid in _each_once(contact.resellers):
            settings = self._people.reseller(uid)
            sender = self._sender(settings) if settings else ""
            if settings and sender:
                self._explained.append(f"sender: {_MAIL_FROM} of {_said(settings)}: {sender}")
                return sender
        return ""

    def _sender(self, settings: Reseller) -> str:
        if not settings.mail_from:
            return ""
        try:
            return str(parse_mailbox(settings.mail_from))
        except AddressError as error:
            text = f"{_said(settings)}: {_MAIL_FROM} {settings.mail_from[:100]!r}: {error}"
            self.findings.append(text)
            self._explained.append(f"sender: [notify] from: {text}")
            return ""

    def resellers(self, contact: Contact) -> None:
        """Rule 4: the resellers, whatever was decided for the customer."""
        if not contact.resellers:
            self._explained.append(
                f"rule 4: no reseller: no {self._names.reseller} in {contact.dn}"
            )
        for uid in _each_once(contact.resellers):
            settings = self._people.reseller(uid)
            if not self._policy.reseller.enabled:
                self._explained.append(
                    f"rule 4: reseller {uid} is not told: [notify.reseller] enabled is false"
                )
            elif settings is None:
                text = (
                    f"{contact.dn}: {self._names.reseller} {uid!r}: "
                    "it has no settings, nor is there a default"
                )
                self.findings.append(text)
                self._explained.append(f"rule 4: reseller {uid} is not told: {text}")
            elif self._listed(uid, settings):
                self._reseller(uid, settings)

    def _listed(self, uid: str, settings: Reseller) -> bool:
        words = PROBLEM_WORDS.get(self._event.task, (self._event.task,))
        if settings.problems.intersection(words):
            return True
        self._explained.append(
            f"rule 4: reseller {uid} is not told: {_PROBLEMS} of {_told(settings)} "
            f"does not have {' or '.join(map(repr, words))}"
        )
        return False

    def _reseller(self, uid: str, settings: Reseller) -> None:
        default = "" if settings.uid.lower() == uid.lower() else f" (the default, for {uid})"
        sender = self._sender(settings)
        base = Recipient("", "", Role.RESELLER, settings.language, uid, sender)
        for text in settings.mail_to:
            source = f"rule 4: {_MAIL_TO} of {_told(settings)}{default}"
            mailbox = self._read(text, source, _told(settings), _MAIL_TO)
            if mailbox is not None:
                self._add(base._replace(address=mailbox.address, name=mailbox.name, reason=source))
        for number in _each_once(settings.persons):
            self._informed(number, settings, base, default)
        if not settings.mail_to and not settings.persons:
            text = f"{_told(settings)}: neither {_MAIL_TO} nor {_INFORM}"
            self.findings.append(text)
            self._explained.append(f"rule 4: reseller {uid} is not told: {text}")

    def _informed(self, number: str, settings: Reseller, base: Recipient, default: str) -> None:
        person = self._people.person(number)
        if person is None:
            self._doubt(format_missing_person(_told(settings), _INFORM, number))
            return
        if not person.mails:
            self._doubt(f"{person.dn}: no {self._names.mail}")
        for text in person.mails:
            by = f"{_INFORM} of {_told(settings)}{default}"
            source = f"rule 4: {self._names.mail} of {person.dn} ({by})"
            mailbox = self._read(text, source, person.dn, self._names.mail)
            if mailbox is not None:
                self._add(
                    base._replace(
                        address=mailbox.address,
                        name=clean_name(person.name),
                        language=person.language or base.language,
                        gender=person.gender,
                        time_zone=person.time_zone,
                        reason=source,
                    )
                )

    def _read(self, text: str, source: str, dn: str, attribute: str) -> Mailbox | None:
        """Return the mailbox *text*; only resellers' attributes may hold a name."""
        try:
            return parse_mailbox(text) if attribute == _MAIL_TO else Mailbox(parse_address(text))
        except AddressError as error:
            shown = text if len(text) <= 100 else text[:100] + "..."
            self._explained.append(f"{source}: {shown!r} is no address: {error}")
            self._doubt(f"{dn}: {attribute} {shown!r}: {error}")
            return None

    def _add(self, recipient: Recipient) -> None:
        # A digest is another mail than the customer's: who is both, gets both.
        role = recipient.role if self._policy.reseller.digest else None
        if (recipient.address, role) in self._recipients:
            said = "told already"
        else:
            self._recipients[recipient.address, role] = recipient
            said = "told"
        self._explained.append(f"{recipient.reason}: {recipient.address} is {said}")


def wants_warnings(contact: Contact, policy: NotifySettings) -> bool:
    """Tell whether the account wants warnings."""
    return {"TRUE": True, "FALSE": False}.get(contact.warning_on.upper(), policy.warn_by_default)


def _lacks_patience(contact: Contact, event: Event) -> bool:
    off = contact.warning_numbers == 0 and contact.warning_days == 0
    return off and event.task in _WITH_PATIENCE


def format_missing_person(dn: str, attribute: str, uid: str) -> str:
    """Return the finding that entry *dn* names a person who is not there."""
    return f"{dn}: {attribute} {uid!r}: no such person"


def _told(settings: Reseller) -> str:
    return f"ou=notifications,{settings.dn}"


def _said(settings: Reseller) -> str:
    return f"ou=settings,{settings.dn}"


def _addresses(person: Person | None) -> set[str]:
    found = set()
    for text in person.mails if person else ():
        try:
            found.add(parse_address(text))
        except AddressError:
            continue  # told where the person's own addresses are used
    return found


def _each_once(uids: tuple[str, ...]) -> list[str]:
    found: dict[str, str] = {}
    for uid in uids:
        found.setdefault(uid.lower(), uid)
    return list(found.values())
