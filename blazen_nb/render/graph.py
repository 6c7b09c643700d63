"""A workflow as SVG: nodes, wires and event names; no ids, no script, and a sentence where the shapes are stripped."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from blazen_nb.events import INPUT_REQUEST, INPUT_RESPONSE, START, STOP
from blazen_nb.render.icons import LOOKS, icon
from blazen_nb.render.layout import (
    LOOP_LANE,
    NODE_HEIGHT,
    STACK,
    START_NODE,
    STOP_NODE,
    Edge,
    Layout,
    Node,
    Place,
    arrange,
)
from blazen_nb.render.markup import esc
from blazen_nb.render.run_state import RunState
from blazen_nb.render.step_state import StepState
from blazen_nb.render.words import clip_middle, seconds, short_type
from blazen_nb.updates import StepShape

NODES_LIMIT = 24
SMALLEST_SCALE = 0.72
"""Below this the text is too small to read."""
HIDE_WIDTHS = (680, 760, 880, 1040, 1240)
"""Container widths for which the style has a rule that leaves a wider graph out."""
_SIDE_PADDING = 34
_ASIDE = 10
"""How far from a node a wire runs that goes back past the nodes below it."""
_OFF_CENTRE = 12
"""Where such a wire meets the node: below the ones that go forward."""
_LIVE_LEAST = 124
"""Node width in a run: room for ``1,000 of 1,000``, so that growing numbers never move a node."""


def run_graph(state: RunState, now: float) -> str:
    """The run's steps as a section of its card; empty where a graph would not help (one step, or too many)."""
    steps = state.shown_steps
    if not 1 < len(steps) <= NODES_LIMIT:
        return ""
    nodes = [_run_node(state, step, now) for step in steps]
    edges = _mark_active(run_edges(state), state)
    layout = arrange([_START, *nodes, _STOP], edges, least=_LIVE_LEAST)
    need = layout.width * SMALLEST_SCALE + _SIDE_PADDING
    if need > HIDE_WIDTHS[-1]:
        return ""
    hide = (
        next((f" bzn-x{width}" for width in HIDE_WIDTHS if need <= width), "") if need > 600 else ""
    )
    return f'<div class="bzn-s bzn-g{hide}">{draw(layout, [_START, *nodes, _STOP], now)}</div>'


def workflow_graph(steps: Sequence[StepShape]) -> str:
    """The graph of a workflow that does not run; over 24 steps it shows their modules instead."""
    nodes = [Node(node_id=step.step_id, label=_short(step.step_id)) for step in steps]
    edges = shape_edges(steps)
    if len(nodes) > NODES_LIMIT:
        nodes, edges = _grouped(steps, edges)
    if len(nodes) > NODES_LIMIT:
        return ""
    every = [_START, *nodes, _STOP]
    return f'<div class="bzn-s bzn-g">{draw(arrange(every, edges), every, 0.0)}</div>'


def shape_edges(steps: Iterable[StepShape]) -> list[Edge]:
    """Who hands which events to whom, as declared."""
    shapes = [(step.step_id, step.accepts, dict.fromkeys(step.emits, 0)) for step in steps]
    return _edges(shapes)


def run_edges(state: RunState) -> list[Edge]:
    """Who hands which events to whom: as declared, and as seen where nothing is declared; with counts."""
    shapes = []
    for step in state.shown_steps:
        counts = dict.fromkeys(step.emits, 0) | dict(step.emitted)
        shapes.append((step.step_id, step.accepts or tuple(step.consumed), counts))
    return _edges(shapes)


def _edges(shapes: list[tuple[str, tuple[str, ...], dict[str, int]]]) -> list[Edge]:
    takers: dict[str, list[str]] = {}
    for step_id, accepts, _ in shapes:
        for event_type in accepts:
            takers.setdefault(event_type, []).append(step_id)
    between: dict[tuple[str, str], dict[str, int]] = {
        (START_NODE, taker): {} for taker in takers.get(START, ())
    }
    for step_id, _, emits in shapes:
        for event_type, count in emits.items():
            if event_type == STOP:
                between.setdefault((step_id, STOP_NODE), {})
                continue
            asks = event_type == INPUT_REQUEST
            for taker in takers.get(INPUT_RESPONSE if asks else event_type, ()):
                between.setdefault((step_id, taker), {})[short_type(event_type)] = count
    return [
        Edge(source=source, target=target, events=tuple(events.items()))
        for (source, target), events in between.items()
    ]


def draw(layout: Layout, nodes: Sequence[Node], now: float) -> str:
    """The layout as one SVG element."""
    names = {node.node_id: node.label for node in nodes}
    wires = [_wire(layout, edge, chain) for edge, chain in layout.chains]
    wires += [_loop(layout, edge, lane) for lane, edge in enumerate(layout.loops)]
    labels = [
        _caption(edge, *_middle(layout, chain), names)
        for edge, chain in layout.chains
        if edge.events
    ]
    labels += [
        _caption(edge, *_loop_middle(layout, edge, lane), names)
        for lane, edge in enumerate(layout.loops)
    ]
    boxes = [_box(node, layout.places[node.node_id], now) for node in nodes]
    every = [edge for edge, _ in layout.chains] + layout.loops
    said = "; ".join(
        f"{names[edge.source]} to {names[edge.target]} by {edge.caption}"
        for edge in every
        if edge.events
    )
    width, height = round(layout.width), round(layout.height)
    return (
        f'<svg role="img" aria-label="{esc("Steps and events: " + (said or "no events between steps"))}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'style="max-width:100%;min-width:{width * SMALLEST_SCALE:.0f}px;height:auto">'
        f"{''.join((*wires, *labels, *boxes))}</svg>"
    )


def _run_node(state: RunState, step: StepState, now: float) -> Node:
    look = state.step_look(step)
    expected = state.expected(step)
    time = seconds(step.time(now))
    many = expected > 1
    if many:
        counts = f"{step.done:,} of {expected:,}"
        sub = f"{counts}, {time}" if time and len(counts) < 9 else counts
    else:
        sub = time or LOOKS[look].word.lower()
    busy = look in ("running", "retrying") and many
    return Node(
        node_id=step.step_id,
        label=clip_middle(state.step_name(step.step_id), 22),
        sub=sub,
        state=look,
        many=many,
        share=step.done / expected if busy else None,
    )


def _mark_active(edges: list[Edge], state: RunState) -> list[Edge]:
    busy = (
        {step.step_id for step in state.shown_steps if step.open}
        if state.outcome is None
        else set()
    )
    return [
        Edge(source=edge.source, target=edge.target, events=edge.events, active=True)
        if edge.source in busy and any(count for _, count in edge.events)
        else edge
        for edge in edges
    ]


def _grouped(steps: Sequence[StepShape], edges: list[Edge]) -> tuple[list[Node], list[Edge]]:
    """One node a module, one wire between two modules."""
    module = {step.step_id: step.step_id.rpartition("::")[0] or "steps" for step in steps}
    sizes: dict[str, int] = {}
    for name in module.values():
        sizes[name] = sizes.get(name, 0) + 1
    nodes = [
        Node(node_id=name, label=clip_middle(name, 22), sub=f"{size:,} steps")
        for name, size in sizes.items()
    ]
    ends = {START_NODE: START_NODE, STOP_NODE: STOP_NODE} | module
    between = dict.fromkeys((ends[edge.source], ends[edge.target]) for edge in edges)
    return nodes, [
        Edge(source=source, target=target) for source, target in between if source != target
    ]


def _wire(layout: Layout, edge: Edge, chain: list[str]) -> str:
    places = [layout.places[name] for name in chain]
    first = places[0]
    path = f"M{first.x + first.width:.0f} {first.y:.1f}"
    for left, right in itertools.pairwise(places):
        x0, x1 = left.x + left.width, right.x - (4 if right is places[-1] else 0)
        half = (x1 - x0) / 2
        if abs(left.y - right.y) < 1:
            path += f"H{x1:.0f}"
        else:
            path += f"C{x0 + half:.0f} {left.y:.1f} {x1 - half:.0f} {right.y:.1f} {x1:.0f} {right.y:.1f}"
        if right is not places[-1]:
            path += f"H{right.x + right.width:.0f}"
    tip = places[-1]
    on = " on" if edge.active else ""
    return f'<path class="wire{on}" d="{path}"/><path class="tip{on}" d="M{tip.x - 1:.0f} {tip.y:.1f}l-6-3.5v7z"/>'


def _loop(layout: Layout, edge: Edge, lane: int) -> str:
    """A wire that goes back, below everything; beside the nodes that stand between it and its ends, never behind."""
    source, target = layout.places[edge.source], layout.places[edge.target]
    low = layout.floor + LOOP_LANE * lane + LOOP_LANE / 2
    shift = 7 * (lane % 5)
    if _stands_on_others(layout, edge.source):
        x0, y0 = source.x + source.width + _ASIDE + shift, source.y + _OFF_CENTRE
        path = f"M{source.x + source.width:.0f} {y0:.1f}H{x0:.0f}"
    else:
        x0, y0 = source.x + source.width * 0.7 - shift, source.y + NODE_HEIGHT / 2
        path = f"M{x0:.0f} {y0:.1f}"
    aside = _stands_on_others(layout, edge.target)
    x1 = target.x - _ASIDE - shift if aside else target.x + target.width * 0.2 + shift
    y1 = target.y + (_OFF_CENTRE if aside else NODE_HEIGHT / 2 + 5)
    turn = 10 if x1 < x0 else -10
    path += (
        f"V{low - 10:.1f}Q{x0:.0f} {low:.1f} {x0 - turn:.0f} {low:.1f}"
        f"H{x1 + turn:.0f}Q{x1:.0f} {low:.1f} {x1:.0f} {low - 10:.1f}V{y1:.1f}"
    )
    if aside:
        path += f"H{target.x - 4:.0f}"
        tip = f"M{target.x - 1:.0f} {y1:.1f}l-6-3.5v7z"
    else:
        tip = f"M{x1:.0f} {y1 - 4:.1f}l-3.5 6h7z"
    on = " on" if edge.active else ""
    return f'<path class="wire back{on}" d="{path}"/><path class="tip{on}" d="{tip}"/>'


def _stands_on_others(layout: Layout, node_id: str) -> bool:
    """Whether the node has another one below it."""
    here = layout.places[node_id]
    return any(
        there.y > here.y and there.x < here.x + here.width and here.x < there.x + there.width
        for name, there in layout.places.items()
        if not name.startswith("\0")
    )


def _middle(layout: Layout, chain: list[str]) -> tuple[float, float]:
    left, right = layout.places[chain[0]], layout.places[chain[1]]
    return (left.x + left.width + STACK + right.x - 8) / 2, (left.y + right.y) / 2


def _loop_middle(layout: Layout, edge: Edge, lane: int) -> tuple[float, float]:
    source, target = layout.places[edge.source], layout.places[edge.target]
    y = layout.floor + LOOP_LANE * lane + LOOP_LANE / 2
    if edge.source != edge.target:
        return (source.x + source.width + target.x) / 2, y
    half = _caption_width(edge) / 2  # beside the wire: across it, it would hide all of it
    return min(source.x + source.width * 0.7 + 14 + half, layout.width - half), y


def _caption(edge: Edge, x: float, y: float, names: dict[str, str]) -> str:
    width = _caption_width(edge)
    return (
        f'<rect class="patch" x="{x - width / 2:.0f}" y="{y - 8:.1f}" width="{width:.0f}" height="16"/>'
        f'<text class="event" x="{x:.0f}" y="{y + 3.5:.1f}"><tspan class="x">[{esc(names[edge.source])} to '
        f'{esc(names[edge.target])}: </tspan>{esc(edge.caption)}<tspan class="x">] </tspan></text>'
    )


def _caption_width(edge: Edge) -> float:
    return 6.4 * len(edge.caption) + 10


def _box(node: Node, place: Place, now: float) -> str:
    if node.node_id in (START_NODE, STOP_NODE):
        dot = f'<circle class="dot" cx="{place.x + 6:.0f}" cy="{place.y:.1f}" r="2.2"/>'
        ring = f'<circle class="end" cx="{place.x + 6:.0f}" cy="{place.y:.1f}" r="5"/>'
        return ring + (dot if node.node_id == STOP_NODE else "")
    top = place.y - NODE_HEIGHT / 2
    tone = LOOKS[node.state].tone if node.state else "idle"
    lit = node.state in ("running", "retrying", "waiting", "failed", "timed_out")
    frame = "".join(
        _rect(place, top, shift, "node") for shift in ((STACK, STACK / 2) if node.many else ())
    )
    frame += _rect(place, top, 0, "node lit" if lit else "node")
    frame += _rect(place, top, 0, "tint") if lit else ""
    rise = -3 if node.share is not None else 0
    mark = icon(node.state, now, at=(place.x + 12, top + 8 + rise)) if node.state else ""
    x = place.x + (33 if mark else 14)
    return (
        f'<g class="bzn-{tone}">{frame}{mark}'
        f'<text x="{x:.0f}" y="{top + (19 if node.sub else 26.5) + rise:.1f}">{esc(node.label)}{_aside(node.sub, x, top + 34 + rise)}</text>'
        f"{_share(node, place, top)}</g>"
    )


def _aside(sub: str, x: float, y: float) -> str:
    """The second line of a node; the brackets show only where the shapes are gone."""
    if not sub:
        return '<tspan class="x"> </tspan>'
    return f'<tspan class="x"> (</tspan><tspan class="sub" x="{x:.0f}" y="{y:.1f}">{esc(sub)}</tspan><tspan class="x">) </tspan>'


def _rect(place: Place, top: float, shift: float, kind: str) -> str:
    return (
        f'<rect class="{kind}" x="{place.x + shift:.0f}" y="{top + shift:.1f}" '
        f'width="{place.width:.0f}" height="{NODE_HEIGHT}" rx="7"/>'
    )


def _share(node: Node, place: Place, top: float) -> str:
    if node.share is None:
        return ""
    full = place.width - 24
    start = f"M{place.x + 12:.0f} {top + 39:.1f}h"
    return f'<path class="all" d="{start}{full:.0f}"/><path class="done" d="{start}{full * min(1.0, node.share):.1f}"/>'


def _short(step_id: str) -> str:
    return clip_middle(step_id.rpartition("::")[2] or step_id, 22)


_START = Node(node_id=START_NODE, label="start")
_STOP = Node(node_id=STOP_NODE, label="stop")
