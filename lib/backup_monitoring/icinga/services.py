"""The services that a monitoring system needs: one per account and check, with stable names."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from backup_monitoring.model import People, encode_name
from backup_monitoring.settings import ACCOUNT_PLACEHOLDER, IcingaSettings

_LONGEST_NAME = 60


class Service(NamedTuple):
    """A service.

    Args:
        name: as `name_service` makes it.
        host: the name of its host object. account: the UID. task: the check's.
        title: UID and name of the account, raw text from outside.
        customer, reseller: the first UID of each in the account's entry, '' for none.
        notes_url, action_url: as the settings want them, '' for none.
    """

    name: str
    host: str
    account: str
    task: str
    title: str
    customer: str = ""
    reseller: str = ""
    notes_url: str = ""
    action_url: str = ""

    @property
    def display_name(self) -> str:
        """What lists show, raw text from outside."""
        return f"Backup {self.task}: {self.title}"

    @property
    def has_own_host(self) -> bool:
        """Whether its host stands for its account, and not for a backup server."""
        return self.name == self.task


def name_service(account: str, task: str, host_per_account: bool) -> str:
    """Return the name of the service of the account named *account*.

    On a host of its own the task's, so that lists of many hosts have a column per task; else
    ``account-task``.
    """
    return task if host_per_account else f"{account}-{task}"


def make_services(
    accounts: Iterable[tuple[str, str]],
    people: People,
    tasks: Sequence[str],
    settings: IcingaSettings,
    host_per_account: bool,
) -> Iterator[Service]:
    """Yield the services of *accounts*, in the order of these and of *tasks*.

    Of two accounts with the same UID the first one counts: a second service of one name would
    stop the configuration from loading.

    Args:
        accounts: UID and host of each, sorted.
        settings: the links to make.
        host_per_account: each account is a host of its own, which has the account's name.
    """
    previous = None
    for uid, server in accounts:
        if uid == previous:
            continue
        previous = uid
        contact = people.contact(uid)
        title = uid if contact is None else f"{uid} {contact.name}".rstrip()
        # Bytes that are not UTF-8 cannot be written as text.
        title = title.encode("utf-8", "backslashreplace").decode()
        name = encode_name(uid)
        for task in tasks:
            yield Service(
                name_service(name, task, host_per_account),
                name if host_per_account else server,
                uid,
                task,
                title[:_LONGEST_NAME],
                _get_first(() if contact is None else contact.customers),
                _get_first(() if contact is None else contact.resellers),
                # An encoded name has only characters that a URL and a file's name may have.
                settings.notes_url.replace(ACCOUNT_PLACEHOLDER, name),
                settings.action_url.replace(ACCOUNT_PLACEHOLDER, name),
            )


def _get_first(uids: Sequence[str]) -> str:
    return uids[0] if uids else ""
