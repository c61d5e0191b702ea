"""The directory: accounts and contacts from LDAP servers or an LDIF file."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.directory.account_search import read_accounts, read_known_accounts
    from backup_monitoring.directory.base import Directory, FallbackStep
    from backup_monitoring.directory.opening import create_directory, open_directory
    from backup_monitoring.directory.people_reader import ContactReader, LivePeople, MissingBase
    from backup_monitoring.directory.people_reader import read_people
    from backup_monitoring.directory.unassigned import find_unassigned
else:
    __all__, __getattr__ = face(__name__, __file__)
