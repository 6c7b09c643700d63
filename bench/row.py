"""A row of the table: what is measured, which limit stands beside it, and which figure is aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """Something a subject can measure."""

    subject: str
    measure: str
    what: str


@dataclass(frozen=True)
class Target:
    """A figure to reach: an amount of the row's unit, or so many times the limit's figure."""

    amount: float
    counts: Literal["value", "ratio"] = "value"


@dataclass(frozen=True)
class Row:
    """One figure of blazen_nb, in the table under its letter.

    Args:
        beside: Other figures of the same work, without a target.
        more_is_better: For rates.
    """

    letter: str
    figure: Figure
    unit: str
    limit: Figure
    reach: Target
    then: Target
    beside: tuple[Figure, ...] = ()
    more_is_better: bool = False
