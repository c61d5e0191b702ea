"""The store: accounts, uploads and contacts as the last collector run saw them, or live."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.store.collector import (
        CollectorRun,
        collect,
        try_accounts,
    )
    from backup_monitoring.store.database import (
        count_findings,
        open_store,
    )
    from backup_monitoring.store.files import (
        StoreError,
    )
    from backup_monitoring.store.live import (
        live_accounts,
    )
    from backup_monitoring.store.schema import (
        RunMeta,
    )
    from backup_monitoring.store.source import (
        EVERYTHING,
        Source,
        open_source,
    )

__all__, __getattr__ = face(
    __name__,
    collector="CollectorRun collect try_accounts",
    database="count_findings open_store",
    files="StoreError",
    live="live_accounts",
    schema="RunMeta",
    source="EVERYTHING Source open_source",
)
