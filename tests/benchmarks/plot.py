"""Draws seconds over accounts, both axes logarithmic, as SVG."""

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10
from typing import NamedTuple
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 170, 56, 58
_COLOURS = ("#0b5fa5", "#b3541e", "#2e7d32", "#6a1b9a")
_STYLE = (
    "text { font: 13px sans-serif; fill: #333 } .title { font-size: 16px; font-weight: bold } "
    ".grid { stroke: #ddd } .axis { stroke: #333 } .guide { stroke: #999; stroke-dasharray: 4 4 }"
)


class Point(NamedTuple):
    """What took how many *seconds*, with so many *accounts*."""

    accounts: int
    seconds: dict[str, float]


class _Scale(NamedTuple):
    """An axis: the powers of ten at its ends, and where these are."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "_Scale":
        low, high = floor(log10(min(values))), ceil(log10(max(values)))
        return cls(low, max(high, low + 1), start, end)

    def at(self, value: float) -> float:
        part = (log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def draw(points: Sequence[Point]) -> str:
    """Return the drawing of *points*, which rise by accounts and name the same things."""
    x = _Scale.over([point.accounts for point in points], _LEFT, _WIDTH - _RIGHT)
    seconds = [each for point in points for each in point.seconds.values()]
    y = _Scale.over(seconds, _HEIGHT - _BOTTOM, _TOP)
    body = [*_axes(x, y)]
    lowest = -1.0  # labels must not lie on each other
    names = sorted(points[-1].seconds, key=lambda name: y.at(points[-1].seconds[name]))
    for name, colour in zip(names, _COLOURS, strict=False):
        places = [(x.at(p.accounts), y.at(p.seconds[name])) for p in points]
        lowest = max(places[-1][1] + 4, lowest + 17)
        body += _series(places, f"{name}: {points[-1].seconds[name]:.2g} s", colour, lowest)
    body += _guide(x, y, points[0])
    lines = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'width="{_WIDTH}" height="{_HEIGHT}">\n<title>Time over accounts</title>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n{lines}\n</svg>\n'
    )


def _text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    (a, b), (c, d) = start, end
    return f'<line class="{kind}" x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>'


def _axes(x: _Scale, y: _Scale) -> Iterator[str]:
    yield _text(_LEFT, 28, "Time over accounts, from the store", more=' class="title"')
    for tick in x.ticks():
        yield _line("grid", (x.at(tick), y.start), (x.at(tick), y.end))
        yield _text(x.at(tick), y.start + 20, f"{tick:,.0f}", "middle")
    for tick in y.ticks():
        yield _line("grid", (x.start, y.at(tick)), (x.end, y.at(tick)))
        yield _text(x.start - 8, y.at(tick) + 4, f"{tick:g} s", "end")
    yield _line("axis", (x.start, y.start), (x.end, y.start))
    yield _line("axis", (x.start, y.start), (x.start, y.end))
    yield _text((x.start + x.end) / 2, y.start + 42, "accounts", "middle")


def _series(
    places: Sequence[tuple[float, float]], name: str, colour: str, label: float
) -> Iterator[str]:
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for a, b in places:
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>'
    yield _text(places[-1][0] + 10, label, name)


def _guide(x: _Scale, y: _Scale, first: Point) -> Iterator[str]:
    """Yield a line along which time grows as accounts do, above the slowest of *first*."""
    seconds = max(first.seconds.values()) * 2
    factor = min(10.0**x.high / first.accounts, 10.0**y.high / seconds)
    places = [(x.at(first.accounts * each), y.at(seconds * each)) for each in (1.0, factor)]
    yield _line("guide", *places)
    middle = first.accounts * factor**0.4, seconds * factor**0.4
    yield _text(x.at(middle[0]) - 8, y.at(middle[1]) - 6, "linear", "end")
