"""The records of a run as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from measure import median
from row import Figure, Row, Target
from rows import ROWS

Record = dict[str, Any]

_HEAD = (
    "| | what | figure (min .. max) | limit | ratio | reach | then | reached |",
    "|---|---|---:|---|---:|---:|---:|---|",
)
_BESIDE_HEAD = (
    "| | beside it | figure (min .. max) | ratio to the limit |",
    "|---|---|---:|---:|",
)


class Results:
    """The records, by letter and figure."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._by_round: dict[tuple[str, str], dict[int, float]] = {}
        self._errors: dict[tuple[str, str], str] = {}
        self._skipped: dict[tuple[str, str], str] = {}
        self._notes: dict[tuple[str, str], str] = {}
        self._foreign: list[float] = []
        for record in records:
            key = record["letter"], record["figure"]
            if "skipped" in record:
                self._skipped[key] = record["skipped"]
                continue
            if "foreign_cpus" in record:
                self._foreign.append(record["foreign_cpus"])
            if "error" in record:
                self._errors[key] = record["error"]
            else:
                self._by_round.setdefault(key, {})[record["round"]] = record["value"]
                if record.get("note"):
                    self._notes[key] = record["note"]

    def values(self, letter: str, figure: Figure) -> dict[int, float]:
        """The figure in each round."""
        return self._by_round.get((letter, key_of(figure)), {})

    def why_not(self, letter: str, figure: Figure) -> str | None:
        """Why there is no value; None where there is one, or nobody asked."""
        key = letter, key_of(figure)
        if key in self._by_round:
            return None
        if key in self._errors:
            return f"failed: {self._errors[key]}"
        return f"skipped: {self._skipped[key]}" if key in self._skipped else None

    def note(self, letter: str, figure: Figure) -> str:
        """What to know about the figure; empty as a rule."""
        note = self._notes.get((letter, key_of(figure)))
        return f"; {note}" if note else ""

    def was_asked(self, letter: str, figure: Figure) -> bool:
        """Whether the run was to measure it."""
        return bool(self.values(letter, figure) or self.why_not(letter, figure))

    def ratio(self, letter: str, figure: Figure, limit: Figure) -> float | None:
        """Median over the rounds of the figure against the limit of the same round."""
        ours, theirs = self.values(letter, figure), self.values(letter, limit)
        both = [ours[r] / theirs[r] for r in ours if theirs.get(r)]
        return median(both) if both else None

    def noise(self) -> str:
        """How much other processes worked meanwhile."""
        if not self._foreign:
            return ""
        low, middle, high = min(self._foreign), median(self._foreign), max(self._foreign)
        return (
            f"Noise: other processes used {low:.2f} .. {middle:.2f} .. {high:.2f} CPUs "
            f"(least, median, most, over {len(self._foreign)} turns)."
        )


def key_of(figure: Figure) -> str:
    """How a figure is named in records."""
    return f"{figure.subject}/{figure.measure}"


def tables(records: Iterable[Record]) -> str:
    """Both tables and a line about noise."""
    results = Results(records)
    main = [_line(row, results) for row in ROWS if results.was_asked(row.letter, row.figure)]
    beside = [
        _beside_line(row, figure, results)
        for row in ROWS
        for figure in row.beside
        if results.was_asked(row.letter, figure)
    ]
    parts = ["\n".join([*_HEAD, *main])]
    if beside:
        parts.append("\n".join([*_BESIDE_HEAD, *beside]))
    return "\n\n".join([*parts, results.noise()])


def unmeasured(records: Iterable[Record]) -> list[str]:
    """What should have a figure of blazen_nb and has none."""
    results = Results(records)
    return [row.figure.what for row in ROWS if results.why_not(row.letter, row.figure)]


def _line(row: Row, results: Results) -> str:
    values = list(results.values(row.letter, row.figure).values())
    limits = list(results.values(row.letter, row.limit).values())
    ratio = results.ratio(row.letter, row.figure, row.limit)
    figure = results.why_not(row.letter, row.figure) or _spread(values, row.unit)
    limit = f"{row.limit.what}: {_amount(median(limits), row.unit)}" if limits else row.limit.what
    cells = [
        row.letter,
        row.figure.what,
        figure,
        limit,
        _ratio(ratio),
        _target(row.reach, row.unit),
        _target(row.then, row.unit),
        _reached(row, values, ratio),
    ]
    return f"| {' | '.join(cells)} |"


def _beside_line(row: Row, figure: Figure, results: Results) -> str:
    values = list(results.values(row.letter, figure).values())
    ratio = results.ratio(row.letter, figure, row.limit)
    found = results.why_not(row.letter, figure) or _spread(values, row.unit)
    cells = [
        row.letter,
        figure.what + results.note(row.letter, figure),
        found,
        _ratio(ratio),
    ]
    return f"| {' | '.join(cells)} |"


def _reached(row: Row, values: list[float], ratio: float | None) -> str:
    if _holds(row, row.then, values, ratio):
        return "yes, and then"
    return "yes" if _holds(row, row.reach, values, ratio) else "no"


def _holds(row: Row, target: Target, values: list[float], ratio: float | None) -> bool:
    value = median(values) if values else None
    got = ratio if target.counts == "ratio" else value
    if got is None:
        return False
    return got >= target.amount if row.more_is_better else got <= target.amount


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}"


def _target(target: Target, unit: str) -> str:
    return f"{target.amount:g}x" if target.counts == "ratio" else _amount(target.amount, unit)


def _spread(values: list[float], unit: str) -> str:
    if not values:
        return ""
    figure = _amount(median(values), unit)
    if len(values) == 1:
        return figure
    return f"{figure} ({_number(min(values))} .. {_number(max(values))})"


def _amount(value: float, unit: str) -> str:
    return f"{_number(value)}{unit}" if unit == "/s" else f"{_number(value)} {unit}"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
