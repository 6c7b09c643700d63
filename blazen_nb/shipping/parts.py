"""What single names of a notebook stand for, and which of them are reached from a cell; looks at no object."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from blazen_nb.shipping.bulk import Bulk
from blazen_nb.shipping.code import Import
from blazen_nb.shipping.names import CellNames
from blazen_nb.shipping.sources import SourceUnit
from blazen_nb.shipping.values import EncodedValue

VALUES_LIMIT = 10 << 20
"""What small values and modules may weigh together; more than this must be pushed on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one name stands for, and what that needs in turn."""

    unit: SourceUnit | None = None
    imports: tuple[Import, ...] = ()
    modules: frozenset[str] = frozenset()
    """Modules of the user's own."""
    value: EncodedValue | None = None
    bulk: Bulk | None = None
    """A value that travels by itself, ahead of the cell."""
    problem: str = ""
    """Why it cannot travel."""
    is_mismatch: bool = False
    """It could, were the Python minors equal."""
    free: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    first: frozenset[str] = frozenset()
    """The needs that must be there before this one is made."""


def mib(size: int) -> str:
    """``22.9 MiB``."""
    return f"{size / (1 << 20):.1f} MiB"


def reach(roots: CellNames, parts: Mapping[str, Part], have: Container[str]) -> dict[str, bool]:
    """The names in need; True where the cell cannot do without."""
    reached: dict[str, bool] = {}
    waiting = [(name, True) for name in roots.free] + [(name, False) for name in roots.maybe]
    while waiting:
        name, must = waiting.pop()
        part = parts.get(name)
        if name in have or reached.get(name, False) or (name in reached and not must):
            continue
        if not must and (part is None or part.problem):
            continue
        reached[name] = must
        if part is not None:
            waiting += [(need, must) for need in part.free] + [(need, False) for need in part.maybe]
    return reached


def in_order(parts: Mapping[str, Part]) -> tuple[str, ...]:
    """Definitions first, values after, but always what is needed at once before what needs it."""
    order: dict[str, None] = {}
    open_names: set[str] = set()

    def place(name: str) -> None:
        if name in order or name in open_names or name not in parts:
            return
        open_names.add(name)
        for need in sorted(parts[name].first):
            place(need)
        order[name] = None

    for name in sorted(parts, key=lambda name: (parts[name].value is not None, name)):
        place(name)
    return tuple(order)
