"""The model: frozen types, and the text formats of times and durations."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.model.accounts import GIB, Account, AccountStatus, Growth, Loss
    from backup_monitoring.model.accounts import LossReason, SizeDrop
    from backup_monitoring.model.codec import Codec
    from backup_monitoring.model.errors import OPERATIONS_GUIDE, DirectoryError, MonitoringError
    from backup_monitoring.model.errors import SettingsError
    from backup_monitoring.model.errors import UsageError, advise_on_fault
    from backup_monitoring.model.file_names import choose_host, encode_name
    from backup_monitoring.model.findings import FINDING_KINDS, Finding
    from backup_monitoring.model.keys import AGE, COUNT, PERCENT, Key, parse_text
    from backup_monitoring.model.languages import LanguageError, parse_languages
    from backup_monitoring.model.needs import Files, Need, Needs
    from backup_monitoring.model.notices import Decision, Ending, Event, EventKind, Recipient
    from backup_monitoring.model.notices import Role, Thread
    from backup_monitoring.model.people import MAX_ADDRESSES, CachedPeople, Contact, Customer
    from backup_monitoring.model.people import NoPeople, People, Person, Reseller, name_customer
    from backup_monitoring.model.encodings import is_utf16
    from backup_monitoring.model.text import escape_surrogates, escape_unprintable, format_count
    from backup_monitoring.model.text import sanitize
    from backup_monitoring.model.times import CLOCK_SLACK, DAY, format_duration
    from backup_monitoring.model.times import format_duration_setting, format_offset, format_time
    from backup_monitoring.model.times import parse_duration
    from backup_monitoring.model.uploads import Client, Computer, End, History, InvalidReport
    from backup_monitoring.model.uploads import HomeFolder
    from backup_monitoring.model.uploads import NoSchedule, Pattern, Receipt, Schedule, Start
    from backup_monitoring.model.uploads import Uploads
    from backup_monitoring.model.verdicts import Facts, LastOutcome, Metric, Range, State, Threshold
    from backup_monitoring.model.verdicts import Verdict
else:
    __all__, __getattr__ = face(__name__, __file__)
