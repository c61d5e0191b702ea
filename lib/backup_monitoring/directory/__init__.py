"""The directory: accounts and contacts from LDAP servers or an LDIF file."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.directory.accounts import (
        read_accounts,
        read_known_accounts,
    )
    from backup_monitoring.directory.base import (
        Directory,
        FallbackStep,
    )
    from backup_monitoring.directory.opening import (
        create_directory,
        open_directory,
    )
    from backup_monitoring.directory.people import (
        ContactReader,
        LivePeople,
        MissingBase,
        read_people,
    )
    from backup_monitoring.directory.unassigned import (
        find_unassigned,
    )

__all__, __getattr__ = face(
    __name__,
    accounts="read_accounts read_known_accounts",
    base="Directory FallbackStep",
    opening="create_directory open_directory",
    people="ContactReader LivePeople MissingBase read_people",
    unassigned="find_unassigned",
)
