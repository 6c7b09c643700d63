"""Where the nodes and wires of a workflow go: layers from left to right, measured from names only."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from blazen_nb.render.icons import StateName

START_NODE = "\0start"
STOP_NODE = "\0stop"
NODE_HEIGHT = 44
ROW_GAP = 16
STACK = 6
"""How far the outlines of a fanned-out step stick out, kept free beside every node."""
LOOP_LANE = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step as the graph draws it."""

    node_id: str
    label: str = ""
    sub: str = ""
    state: StateName | None = None
    many: bool = False
    share: float | None = None
    """How much of it is done, 0 to 1, where a bar shall say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """All events that go from one step to another."""

    source: str
    target: str
    events: tuple[tuple[str, int], ...] = ()
    """Type name and how many, 0 where that is not known."""
    active: bool = False

    @property
    def caption(self) -> str:
        """``Chunk x8, Done``."""
        return ", ".join(f"{name} x{count:,}" if count > 1 else name for name, count in self.events)

    @property
    def room(self) -> float:
        """Width of the longest caption it may ever have: four digits are kept free beside each name."""
        return 6.4 * sum(len(name) + 7 for name, _ in self.events) + 14 if self.events else 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Left edge, vertical centre and width."""

    x: float
    y: float
    width: float


@dataclass(slots=True)
class Layout:
    """A laid-out graph; ``chains`` are the stops of each wire, ``loops`` go back."""

    width: float = 0.0
    height: float = 0.0
    floor: float = 0.0
    """Below this line there are only loops."""
    places: dict[str, Place] = field(default_factory=dict)
    chains: list[tuple[Edge, list[str]]] = field(default_factory=list)
    loops: list[Edge] = field(default_factory=list)


def arrange(
    nodes: Sequence[Node], edges: Sequence[Edge], *, least: float = 104, fill: float = 720
) -> Layout:
    """The layout of these nodes; ``least`` is the width of the narrowest, gaps grow while the whole is under ``fill``."""
    widths = {node.node_id: _width(node, least) for node in nodes}
    loops = _closing(list(widths), edges)
    forward = [edge for edge in edges if edge not in loops]
    depth = _depths(list(widths), forward)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for node_id in widths:
        columns[depth[node_id]].append(node_id)
    layout = Layout(loops=[edge for edge in edges if edge in loops])
    for number, edge in enumerate(forward):
        bends = []
        for layer in range(depth[edge.source] + 1, depth[edge.target]):
            bends.append(f"\0{number}.{layer}")
            columns[layer].append(bends[-1])
        layout.chains.append((edge, [edge.source, *bends, edge.target]))
    _order(columns, [chain for _, chain in layout.chains])
    _measure(layout, columns, widths, fill)
    return layout


def _width(node: Node, least: float) -> float:
    if node.node_id in (START_NODE, STOP_NODE):
        return 12.0
    return min(200.0, max(least, 48 + 7.4 * len(node.label)))


def _closing(ids: list[str], edges: Sequence[Edge]) -> set[Edge]:
    """The edges that go back: left out, they leave no cycle.

    Edges away from the start are kept, then those in the order in which the steps were declared.
    """
    away = _distances(ids, edges)
    rank = {node_id: number for number, node_id in enumerate(ids)}
    kept: dict[str, list[str]] = {node_id: [] for node_id in ids}
    closing: set[Edge] = set()
    order = [
        (away[edge.target] <= away[edge.source], rank[edge.target] <= rank[edge.source])
        for edge in edges
    ]
    for (sideways, _), edge in sorted(zip(order, edges, strict=True), key=lambda pair: pair[0]):
        if sideways and edge.source in _reached(edge.target, kept):
            closing.add(edge)
        else:
            kept[edge.source].append(edge.target)
    return closing


def _distances(ids: list[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Fewest wires from the first node; what it does not reach comes after all it does."""
    out: dict[str, list[str]] = {node_id: [] for node_id in ids}
    for edge in edges:
        out[edge.source].append(edge.target)
    found: dict[str, int] = {}
    for root in ids:
        queue = [] if root in found else [root]
        found.setdefault(root, len(found))
        for here in queue:
            for target in out[here]:
                if target not in found:
                    found[target] = found[here] + 1
                    queue.append(target)
    return found


def _reached(root: str, out: dict[str, list[str]]) -> set[str]:
    seen = {root}
    queue = [root]
    for here in queue:
        fresh = [target for target in out[here] if target not in seen]
        seen.update(fresh)
        queue += fresh
    return seen


def _depths(ids: list[str], forward: Sequence[Edge]) -> dict[str, int]:
    """Longest path from the start; a step that nothing leads to stands in the first column of steps."""
    missing = dict.fromkeys(ids, 0)
    out: dict[str, list[str]] = {node_id: [] for node_id in ids}
    for edge in forward:
        out[edge.source].append(edge.target)
        missing[edge.target] += 1
    first = 1 if START_NODE in missing else 0
    depth = {node_id: 0 if node_id == START_NODE else first for node_id in ids}
    ready = [node_id for node_id in ids if not missing[node_id]]
    for node_id in ready:
        for target in out[node_id]:
            depth[target] = max(depth[target], depth[node_id] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    if STOP_NODE in depth:
        others = [value for node_id, value in depth.items() if node_id != STOP_NODE]
        depth[STOP_NODE] = max(others, default=0) + 1
    return depth


def _order(columns: list[list[str]], chains: list[list[str]]) -> None:
    """Sort each column by the middle of its neighbours: forward, back, forward."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for chain in chains:
        for left, right in itertools.pairwise(chain):
            after.setdefault(left, []).append(right)
            before.setdefault(right, []).append(left)
    last = len(columns) - 1
    for forward in (True, False, True):
        beside = before if forward else after
        for layer in range(1, last + 1) if forward else range(last - 1, -1, -1):
            column = columns[layer - 1 if forward else layer + 1]
            rank = {name: place - (len(column) - 1) / 2 for place, name in enumerate(column)}
            weight = {}
            for name in columns[layer]:
                found = [rank[other] for other in beside.get(name, ()) if other in rank]
                weight[name] = sum(found) / len(found) if found else 0.0
            columns[layer].sort(key=weight.__getitem__)


def _measure(
    layout: Layout, columns: list[list[str]], widths: dict[str, float], fill: float
) -> None:
    span = [max((widths.get(name, 0.0) for name in column), default=0.0) for column in columns]
    gaps = _gaps(layout, columns)
    spare = (fill - sum(span) - sum(gaps)) / max(1, len(gaps))
    gaps = [gap + min(40.0, max(0.0, spare)) for gap in gaps]
    heights = [
        sum(_height(name) for name in column) + ROW_GAP * (len(column) - 1) for column in columns
    ]
    layout.floor = max(heights) + STACK + 4
    x = 2.0
    for column, wide, high, gap in zip(columns, span, heights, [*gaps, 0.0], strict=True):
        y = 2 + (max(heights) - high) / 2
        for name in column:
            width = widths.get(name, 0.0)
            layout.places[name] = Place(x + (wide - width) / 2, y + _height(name) / 2, width)
            y += _height(name) + ROW_GAP
        x += wide + gap
    layout.width = x + STACK + 2
    layout.height = layout.floor + LOOP_LANE * len(layout.loops)


def _height(name: str) -> float:
    return NODE_HEIGHT if not name.startswith("\0") else 20.0


def _gaps(layout: Layout, columns: list[list[str]]) -> list[float]:
    layer = {name: number for number, column in enumerate(columns) for name in column}
    gaps = [
        32.0 if START_NODE in left or STOP_NODE in right else 48.0
        for left, right in itertools.pairwise(columns)
    ]
    for edge, chain in layout.chains:
        at = layer[chain[0]]
        gaps[at] = max(gaps[at], edge.room + 24 if edge.events else 0.0)
    return gaps
