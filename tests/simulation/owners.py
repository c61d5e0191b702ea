"""Who is responsible for the accounts of a server, as the directory says and as the rules read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import NamedTuple

from simulation.computers import Changes, value_at
from simulation.lives import Fleet, always
from simulation.oracle import AccountLife
from walls import DAY, MINUTE

OPERATOR = "operations@provider.example.org"
HOST = "backup-01"
CUSTOMER, RESELLER, PROVIDER = "customer", "reseller", "operator"
_SUFFIX = "dc=example,dc=org"
_PEOPLE = f"ou=people,{_SUFFIX}"
_SETTINGS = f"ou=reseller,ou=configuration,ou=backup,ou=services,{_SUFFIX}"
# What a reseller's entry calls a task.
WORDS = {
    "quota": {"quota"},
    "schedule": {"schedule"},
    "status": {"unsuccessful"},
    "client": {"client", "upgrade"},
    "unused": {"unused", "no backup"},
}

To = tuple[str, str]  # an address, and the role in which it is notified


@dataclass(kw_only=True)
class Owner:
    """What the entry of an account says of its people.

    Args:
        mails, switch: ``mail`` and ``sstBackupWarningOn``, each since when.
        quiet: both thresholds to warn are 0.
    """

    customer: str
    resellers: tuple[str, ...]
    person: str
    medium: str
    mails: Changes[tuple[str, ...]]
    switch: Changes[str]
    quiet: bool = False

    def list_addresses(self, people: "People", now: datetime) -> tuple[str, ...]:
        """Return whom rules 2 and 3 name."""
        own = value_at(self.mails, now)
        return own if own and self.medium == "mail" else people.persons.get(self.person, ())

    def wants(self, task: str, now: datetime) -> bool:
        """Return what rule 1 says."""
        on = value_at(self.switch, now) != "FALSE"
        return on and not (self.quiet and task in ("schedule", "status"))


class ResellerEntry(NamedTuple):
    mail_to: tuple[str, ...]
    inform: tuple[str, ...]
    words: frozenset[str]


class Named(NamedTuple):
    """Whom the rules name. *off*: customers whose warnings are switched off."""

    recipients: frozenset[To]
    off: frozenset[To]


@dataclass
class People:
    """All people of a server's accounts, by uid."""

    owners: dict[str, Owner] = field(default_factory=dict)
    persons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resellers: dict[str, ResellerEntry] = field(default_factory=dict)

    def name(self, uid: str, task: str, now: datetime) -> Named:
        """Return whom the rules of docs/notifications.md name for a problem."""
        owner, recipients = self.owners[uid], set()
        customers = {(each, CUSTOMER) for each in owner.list_addresses(self, now)}
        wanted = owner.wants(task, now)
        if wanted:
            recipients |= customers or {(OPERATOR, PROVIDER)}
        for number in owner.resellers:
            entry = self.resellers[number]
            if entry.words & WORDS[task]:
                recipients |= {(each, RESELLER) for each in entry.mail_to}
                recipients |= {
                    (each, RESELLER) for person in entry.inform for each in self.persons[person]
                }
        return Named(frozenset(recipients), frozenset() if wanted else frozenset(customers))

    def list_attributes(self, uid: str, now: datetime) -> Iterator[tuple[str, str]]:
        """Yield the attributes of an account's entry."""
        owner = self.owners[uid]
        yield "host", HOST
        yield "sstBelongsToCustomerUID", owner.customer
        yield from (("sstBelongsToResellerUID", each) for each in owner.resellers)
        if owner.person:
            yield "sstBelongsToPersonUID", owner.person
        yield from (("mail", each) for each in value_at(owner.mails, now))
        yield "sstNotificationWarningMedium", owner.medium
        if value := value_at(owner.switch, now):
            yield "sstBackupWarningOn", value

    def format_entries(self) -> str:
        """Return the entries of persons and resellers, in LDIF."""
        texts = [f"dn: {_PEOPLE}\nobjectClass: organizationalUnit\nou: people\n"]
        for uid, mails in self.persons.items():
            lines = [f"dn: uid={uid},{_PEOPLE}", "objectClass: sstPerson", f"uid: {uid}"]
            texts.append("\n".join([*lines, *(f"mail: {each}" for each in mails), ""]))
        for uid, entry in self.resellers.items():
            dn = f"uid={uid},{_SETTINGS}"
            texts.append(f"dn: {dn}\nobjectClass: sstServiceConfigurationObjectClass\nuid: {uid}\n")
            lines = [f"dn: ou=notifications,{dn}", "objectClass: sstNotificationObjectClass"]
            lines += ["ou: notifications", *(f"sstMailTo: {each}" for each in entry.mail_to)]
            lines += [f"sstInformPersonUID: {each}" for each in entry.inform]
            lines += [f"sstNotificationWarning: {each}" for each in sorted(entry.words)]
            texts.append("\n".join([*lines, ""]))
        return "\n".join(texts) + "\n"


def make_people(fleet: Fleet) -> People:
    """Return the people of the accounts of *fleet*: most have their own addresses."""
    random, people = fleet.random, People()
    _add_resellers(people)
    for number, account in enumerate(fleet.accounts):
        people.owners[account.uid] = _make_owner(fleet, people, account, number, random)
    return people


def _add_resellers(people: People) -> None:
    people.persons["5000"] = ("staff@reseller-1.example.org",)
    people.resellers = {
        "1": ResellerEntry(("desk@reseller-1.example.org",), ("5000",), _join("quota", "status")),
        "2": ResellerEntry(("desk@reseller-2.example.org",), (), _join(*WORDS)),
        "3": ResellerEntry(("desk@reseller-3.example.org",), (), frozenset()),
    }


def _join(*tasks: str) -> frozenset[str]:
    return frozenset(word for task in tasks for word in WORDS[task])


def _make_owner(
    fleet: Fleet, people: People, account: AccountLife, number: int, random: Random
) -> Owner:
    uid, customer = account.uid, f"c{account.uid}"
    person = ""
    mails = _always(f"backup@{uid}.example.org")
    kind = random.random()
    if number < 5:  # a customer with several accounts, and one address
        customer, mails = "c1", _always("it@company.example.org")
    elif kind < 0.25:
        person, mails = f"p{uid}", _always()
        people.persons[person] = (f"person@{uid}.example.org", f"home@{uid}.example.org")[
            : random.choice([1, 2])
        ]
    elif kind < 0.28:
        mails = _always()  # nobody
    elif kind < 0.5:
        moved = (f"backup@{uid}.example.org", f"second@{uid}.example.org")
        mails = (*mails, (_any_time(fleet), moved), *_move_again(fleet, uid, random))
    return Owner(
        customer=customer,
        resellers=random.choice([(), ("1",), ("2",), ("3",), ("1", "2")]),
        person=person,
        medium=random.choice(["mail", "mail", "mail", "sms"]) if person else "mail",
        mails=mails,
        switch=_make_switch(fleet, random),
        quiet=(account.numbers, account.days) == (0, 0),
    )


def _always(*addresses: str) -> Changes[tuple[str, ...]]:
    return always(addresses)


def _move_again(fleet: Fleet, uid: str, random: Random) -> Changes[tuple[str, ...]]:
    moved = (f"third@{uid}.example.org",)
    return ((fleet.end - random.randrange(1, 60) * DAY, moved),) if random.random() < 0.5 else ()


def _make_switch(fleet: Fleet, random: Random) -> Changes[str]:
    """Return when the warnings are on: some customers switch them off for a while."""
    value = random.choice(["TRUE", "TRUE", "TRUE", "TRUE", "", "FALSE"])
    switch = always(value)
    if random.random() < 0.3:
        off = _any_time(fleet)
        switch = (*switch, (off, "FALSE"), (off + random.randrange(1, 60) * DAY, "TRUE"))
    return switch


def _any_time(fleet: Fleet) -> datetime:
    return fleet.begin + fleet.random.randrange(fleet.length * 1440) * MINUTE
