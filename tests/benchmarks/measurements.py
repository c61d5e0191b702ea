"""All measurements, in the order of the table."""

from collections.abc import Callable, Iterator

from benchmarks import ageing, growth, live_checks, monitoring, notifier, store
from benchmarks.figures import Figure
from benchmarks.stage import Stage

MEASUREMENTS: tuple[Callable[[Stage], Iterator[Figure]], ...] = (
    live_checks.one_account,
    live_checks.all_accounts,
    live_checks.files,
    live_checks.schedule_rule,
    store.one_stored,
    store.all_stored,
    store.one_run,
    ageing.ageing,
    growth.growth,
    notifier.hook,
    notifier.scan,
    notifier.mails,
    notifier.delivery,
    monitoring.objects,
    monitoring.page,
    monitoring.results,
)
