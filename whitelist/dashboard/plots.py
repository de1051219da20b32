"""Numbers to coordinates, as the templates write them into SVG. Pure.

Coordinates are texts, since a template would write a number as its language does. The origin is
at the upper left; a plot is `WIDTH` by `HEIGHT` units, of which the margins hold the axes' words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 30
STEPS = (1, 2, 5)
GAP = 0.18  # of a slot's width, between two bars


@dataclass(frozen=True)
class Tick:
    """A line across, or a word below; `at` is its y or its x."""

    at: str
    label: str


@dataclass(frozen=True)
class Bar:
    series: int
    y: str
    height: str


@dataclass(frozen=True)
class Column:
    """One slot: its bars, one on another, and the whole stripe above them to point at."""

    x: str
    width: str
    bars: tuple[Bar, ...]
    hint: str


@dataclass(frozen=True)
class Curve:
    """One series: its unbroken stretches as `points` of a polyline, and what stands alone."""

    series: int
    stretches: tuple[str, ...]
    dots: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Plot:
    """`grid` from below to above; `below` the words of the axis; the rest by kind of plot."""

    grid: tuple[Tick, ...]
    below: tuple[Tick, ...]
    columns: tuple[Column, ...] = ()
    curves: tuple[Curve, ...] = ()
    target: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM
    top: int = TOP


def text(number: float) -> str:
    return f"{number:.1f}"


def ticks(most: float, at_most: int = 4) -> list[int]:
    """Round numbers from 0 to `most` or just above, evenly spaced, at most so many above 0."""
    size = 1
    while True:
        for step in STEPS:
            if step * size * at_most >= most:
                count = max(1, -(-int(most + 0.999) // (step * size)))
                return [step * size * number for number in range(count + 1)]
        size *= 10


def height_of(value: float, top: float) -> float:
    """In units, where `top` reaches the upper edge."""
    return value / top * (HEIGHT - TOP - BOTTOM)


def grid_of(most: float) -> tuple[tuple[Tick, ...], int]:
    """The lines across, and the number of the highest one."""
    numbers = ticks(most)
    lines = [
        Tick(text(HEIGHT - BOTTOM - height_of(number, numbers[-1])), f"{number:,}")
        for number in numbers
    ]
    return tuple(lines), numbers[-1]


def stacked(
    rows: Sequence[Sequence[int]], hints: Sequence[str], words: Sequence[str], shift: float = 0.5
) -> Plot:
    """A column a row, its numbers one on another; `words` below, empty for none.

    `shift`: where in a column its word stands, 0 at its left edge and 1 at its right.
    """
    grid, top = grid_of(max((sum(row) for row in rows), default=0))
    room = (WIDTH - LEFT - RIGHT) / max(1, len(rows))
    columns, below = [], []
    for number, (row, hint, word) in enumerate(zip(rows, hints, words, strict=True)):
        left = LEFT + number * room
        columns.append(
            Column(text(left + room * GAP / 2), text(room * (1 - GAP)), pile(row, top), hint)
        )
        if word:
            below.append(Tick(text(left + room * shift), word))
    return Plot(grid, tuple(below), columns=tuple(columns))


def pile(row: Sequence[int], top: int) -> tuple[Bar, ...]:
    bars, y = [], float(HEIGHT - BOTTOM)
    for series, value in enumerate(row):
        if value:
            height = height_of(value, top)
            y -= height
            # A hairline of the ground tells two bars apart that touch.
            bars.append(Bar(series, text(y), text(max(0.6, height - (1 if series == 0 else 0.5)))))
    return tuple(bars)


def lines(
    series: Sequence[Sequence[float | None]], words: Sequence[str], target: float | None = None
) -> Plot:
    """A curve a series, over evenly spaced places; None is a gap. `target`: keep below it."""
    found = [value for values in series for value in values if value is not None]
    grid, top = grid_of(max([*found, target or 0], default=0))
    room = (WIDTH - LEFT - RIGHT) / max(1, len(words) - 1)
    xs = [LEFT + number * room for number in range(len(words))]
    below = [Tick(text(x), word) for x, word in zip(xs, words, strict=True) if word]
    curves = [curve(number, values, xs, top) for number, values in enumerate(series)]
    level = "" if target is None else text(HEIGHT - BOTTOM - height_of(target, top))
    return Plot(grid, tuple(below), curves=tuple(curves), target=level)


def curve(series: int, values: Sequence[float | None], xs: Sequence[float], top: int) -> Curve:
    stretches: list[list[tuple[str, str]]] = [[]]
    for x, value in zip(xs, values, strict=True):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append((text(x), text(HEIGHT - BOTTOM - height_of(value, top))))
    return Curve(
        series,
        tuple(" ".join(map(",".join, points)) for points in stretches if len(points) > 1),
        tuple(points[0] for points in stretches if len(points) == 1),
    )


def share(value: int, most: int) -> str:
    """The length of a lying bar, in hundredths of the longest; what is not nothing is seen."""
    return text(max(1.0, value / most * 100)) if value and most else "0"
