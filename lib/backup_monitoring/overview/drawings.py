"""Drawings of the account pages, as SVG: the strip of days, and the used space.

Each kind of day has a shape of its own, so that nobody needs to know colours. What follows from
days and sizes is numbers and our own words; nothing of a customer's text gets into a drawing.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup

from backup_monitoring.store import DayLetters
from backup_monitoring.tasks import DueOutcome

DAYS = 30
_STEP, _HEIGHT = 10, 18  # of a day
# The worst first, each with its word.
_KINDS = (
    ("f", "failed"),
    ("m", "missed"),
    ("r", "running"),
    ("l", "late"),
    ("e", "early"),
    ("k", "kept"),
)
# Of a day at x = 0. A row of equal days is one dashed line: most pages fit a block of the disk.
_SHAPES = {"f": "l8 12m0-12-8 12", "m": "h6.5v12.5h-6.5z", "r": "l8 6-8 6z"}
_STARTS = {
    "f": (0, 3),
    "m": (0.75, 2.75),
    "r": (0, 3),
    "l": (0, 13),
    "e": (0, 5),
    "k": (0, 9),
    "": (3, 15),
}
_DASHES = {"l": 8, "e": 8, "k": 8, "": 2}
_WORDS = dict(_KINDS)


class Strip(NamedTuple):
    """The last days of a computer.

    Args:
        svg: the drawing. lines: the days that were not kept, by kind.
    """

    svg: Markup
    lines: Sequence[tuple[str, str]]


def draw_strip(days: DayLetters | None, today: int) -> Strip:
    """Return the 30 days that end with *today*, an ordinal."""
    if days is None:
        return _draw_strip(today, "", today, is_open=False)
    return _draw_strip(days.first, days.letters, today, is_open=days.is_open)


@lru_cache(maxsize=1024)  # most computers keep all their due times
def _draw_strip(first: int, letters: str, today: int, *, is_open: bool) -> Strip:
    words = letters.split(" ")
    by_kind: dict[str, list[int]] = {}
    for day in range(today - DAYS + 1, today + 1):
        word = words[day - first] if 0 <= day - first < len(words) else ""
        by_kind.setdefault(_find_kind(word, is_open=is_open), []).append(day)
    known = [kind for kind in _WORDS if kind in by_kind]
    counts = ", ".join(f"{len(by_kind[kind])} {_WORDS[kind]}" for kind in known)
    label = f"{DAYS} days until {date.fromordinal(today)}: {counts or 'nothing is known'}"
    paths = "".join(
        f'<path class={kind or "n"} d="{_draw_days(kind, by_day, today)}"/>'
        for kind, by_day in by_kind.items()
    )
    svg = (
        f'<svg class=strip viewBox="0 0 {DAYS * _STEP} {_HEIGHT}" role=img '
        f'aria-label="{label}">{paths}</svg>'
    )
    lines = [(_WORDS[kind], _list_days(by_kind[kind])) for kind in known if kind not in "kr"]
    return Strip(Markup(svg), lines)  # noqa: S704 - numbers and words of ours


@lru_cache(maxsize=4096)
def _find_kind(word: str, *, is_open: bool) -> str:
    """Return the kind of a day with the letters *word*: the worst of them; '' for none."""
    kinds = set()
    for letter in word:
        is_running = letter.isupper() and letter != DueOutcome.FAILED.value.upper()
        kinds.add("r" if is_running and is_open else letter.lower())
    return next((kind for kind in _WORDS if kind in kinds), "")


def _draw_days(kind: str, days: Sequence[int], today: int) -> str:
    drawn = []
    (left, top), dash = _STARTS[kind], _DASHES.get(kind)
    for first, last in _join(days):
        for day in (first,) if dash else range(first, last + 1):
            x = (day - today + DAYS - 1) * _STEP + left
            shape = f"h{(last - first) * _STEP + dash}" if dash else _SHAPES[kind]
            drawn.append(f"M{x:g} {top}{shape}")
    return "".join(drawn)


def _join(days: Sequence[int]) -> list[tuple[int, int]]:
    """Return first and last of each row of *days*, which ascend."""
    rows: list[tuple[int, int]] = []
    for day in days:
        first = rows.pop()[0] if rows and rows[-1][1] == day - 1 else day
        rows.append((first, day))
    return rows


def _list_days(days: Sequence[int]) -> str:
    """Return *days* as text, rows joined: ``11-03, 11-05 to 11-08``."""
    return ", ".join(
        _show_day(first) if first == last else f"{_show_day(first)} to {_show_day(last)}"
        for first, last in _join(days)
    )


@lru_cache(maxsize=64)
def _show_day(day: int) -> str:
    return f"{date.fromordinal(day):%m-%d}"


class Space(NamedTuple):
    """Used space and what it is compared with, in bytes.

    Args:
        sizes: day (ordinal) and used bytes of the last days, the newest last.
        threshold: percent of *capacity*, None if none is in effect.
        per_day: growth, None where it is not known.
    """

    sizes: Sequence[tuple[int, int]]
    capacity: int
    threshold: float | None
    per_day: float | None


_WIDTH, _TALL = 320, 180
_PAST = 200  # of the width: the rest is the forecast
_AHEAD = (_WIDTH - _PAST) * (DAYS - 1) / _PAST  # days


def draw_space(space: Space, today: int) -> Markup:
    """Return the used space of the last 30 days against capacity and threshold, and a forecast."""
    last = space.sizes[-1][1]
    top = 1.08 * max(space.capacity, max(used for _, used in space.sizes)) or 1

    scale = (_TALL - 4) / top

    def find_y(used: float) -> int:
        return round(_TALL - 2 - scale * min(max(used, 0), top))

    points = " ".join(
        [f"{_find_x(today - day)},{_TALL - 2 - int(scale * used)}" for day, used in space.sizes]
    )
    parts = list(_draw_levels(space, find_y(space.capacity), find_y))
    parts.append(f'<polyline class=used points="{points}"/>')
    if len(space.sizes) == 1:
        parts.append(f'<circle class=dot cx="{_PAST}" cy="{find_y(last)}" r="2.5"/>')
    if space.per_day:
        end = last + space.per_day * _AHEAD
        # What grows beyond the drawing leaves it where it does, and not at a smaller slope.
        share = 1 if 0 <= end <= top else ((top if end > top else 0) - last) / (end - last)
        x = round(_PAST + share * (_WIDTH - _PAST))
        path = f"M{_PAST} {find_y(last)}L{x} {find_y(end)}"
        parts.append(f'<path class=ahead d="{path}"/>')
    svg = (
        f'<svg class=space viewBox="0 0 {_WIDTH} {_TALL}" preserveAspectRatio=none '
        "aria-hidden=true>"
        f"{''.join(parts)}</svg>"
    )
    return Markup(svg)  # noqa: S704 - numbers


@lru_cache(maxsize=64)
def _find_x(ago: int) -> int:
    return max(0, _PAST - ago * _PAST // (DAYS - 1))


def _draw_levels(space: Space, capacity: int, find_y: Callable[[float], int]) -> Iterator[str]:
    yield f'<path class=cap d="M0 {capacity}H{_WIDTH}"/>'
    if space.threshold is not None:
        level = find_y(space.capacity * space.threshold / 100)
        yield f'<path class=thr d="M0 {level}H{_WIDTH}"/>'
