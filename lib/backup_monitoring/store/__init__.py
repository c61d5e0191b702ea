"""The store: accounts, uploads and contacts as the last collector run saw them, or live."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.store.account_trial import try_accounts
    from backup_monitoring.store.account_verdict import AccountVerdict
    from backup_monitoring.store.administration import accept_losses, list_retired, retire_computer
    from backup_monitoring.store.administration import unretire_computer
    from backup_monitoring.store.collector import CollectorRun, collect
    from backup_monitoring.store.day_rows import DayLetters
    from backup_monitoring.store.files import StoreError
    from backup_monitoring.store.live import read_live_accounts
    from backup_monitoring.store.quick_read import read_quickly
    from backup_monitoring.store.schema import RunMeta
    from backup_monitoring.store.source import Source, open_source
    from backup_monitoring.store.store_access import try_store_files
    from backup_monitoring.store.store_file import StoreFile, count_findings, open_store
    from backup_monitoring.store.stored_verdicts import StoredVerdicts
    from backup_monitoring.store.time_files import find_objects_update, find_submission
    from backup_monitoring.store.time_files import has_objects_unit, record_submission
else:
    __all__, __getattr__ = face(__name__, __file__)
