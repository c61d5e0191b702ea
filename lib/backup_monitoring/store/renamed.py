"""Which computers of an account are those that had another name, since their folder was renamed?"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from backup_monitoring.model import Computer, End, Start
from backup_monitoring.store.history import TrackedComputer, make_mark

_NEVER = datetime.max.replace(tzinfo=UTC)


def find_predecessors(
    computers: Iterable[Computer], known: Mapping[str, TrackedComputer]
) -> dict[str, str]:
    """Return the former names of those *computers* that go on under another name, by name.

    A computer that has no history goes on with that of a missing one, if it shows a start or an end
    that was seen of that one: the same time and id. Of several, with that of the one that was there
    last. No history goes on twice.

    Args:
        computers: all that an account's home shows. known: what is kept of the account, by name.
    """
    found = list(computers)
    there = {computer.name for computer in found}
    missing = [name for name, each in known.items() if name not in there and not each.is_blank]
    new = [each for each in found if each.name not in known or known[each.name].is_blank]
    if not missing or not new:
        return {}
    # Each report counts once: a customer with hundreds of computers must not stall the others.
    by_mark: dict[str, str] = {}
    for name in sorted(missing, key=lambda name: known[name].gone or _NEVER):
        seen = known[name].seen.split()  # of older reports, too: they may be restored
        by_mark.update(
            dict.fromkeys((*seen, *_list_marks(known[name].start, known[name].end)), name)
        )
    predecessors: dict[str, str] = {}
    used: set[str] = set()
    for computer in new:
        for mark in _list_marks(computer.start, computer.end):
            former = by_mark.get(mark)
            if former is not None and former not in used:
                predecessors[computer.name] = former
                used.add(former)
                break
    return predecessors


def _list_marks(*reports: object) -> list[str]:
    return [make_mark(report) for report in reports if isinstance(report, Start | End)]
