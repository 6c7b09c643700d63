"""Peers, handles, results and workflows as (HTML, text): pure functions of small frozen inputs, never of the objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from blazen_nb.render.graph import workflow_graph
from blazen_nb.render.icons import LOOKS, StateName, pill
from blazen_nb.render.markup import (
    card,
    code,
    esc,
    fold,
    head,
    muted,
    note,
    pairs,
    row,
    section,
    table,
)
from blazen_nb.render.style import style_tag
from blazen_nb.render.words import (
    clip,
    first_line,
    one_line,
    plural,
    seconds,
    short_run,
    short_type,
)
from blazen_nb.updates import StepShape, Usage

ROWS_LIMIT = 40
_VALUE_LIMIT = 2_000

Repr = tuple[str, str]
"""Complete HTML (style included), and the text that says the same at every execution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerClientView:
    """What a client knows of its peer without asking again."""

    node_id: str
    address: str
    state: StateName = "connected"
    """connected, reconnecting or closed."""
    trust: str = ""
    """How the connection is protected, in a few words; never the token."""
    versions: str = ""
    session: str = ""
    ping: float | None = None
    """Seconds."""
    steps: tuple[str, ...] | None = None
    """IDs of the registered steps; None where the peer was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerInfoView:
    """What a peer says of itself."""

    node_id: str
    versions: str = ""
    python: str = ""
    host: str = ""
    steps: tuple[str, ...] = ()
    sessions: int = 0
    runs: int = 0
    abandoned: int = 0
    """Steps that did not stop when they were told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHandleView:
    """What a handle knows of its run without asking, and without reading what it was told."""

    kind: str = "RunHandle"
    """The handle's class."""
    run_id: str
    workflow_name: str
    node_id: str
    state: StateName = "running"
    """running, or how it ended."""
    duration: float | None = None
    message: str = ""
    """Why it ended so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """What a workflow gave."""

    workflow_name: str
    kind: str
    """From ``kind_of``."""
    value_text: str
    outcome: StateName = "succeeded"
    duration: float | None = None
    usage: Usage = field(default_factory=Usage)
    state_keys: tuple[str, ...] = ()
    ref_owners: tuple[str, ...] = ()
    """Of each ref in it the peer that has the value; empty for one of this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """A workflow that does not run."""

    name: str
    steps: tuple[StepShape, ...]


def peer_client_repr(view: PeerClientView) -> Repr:
    """A client's card, and ``PeerClient(gpu-box, connected, 3 steps)``."""
    ping = f"ping {view.ping * 1000:.1f} ms" if view.ping is not None else ""
    body = head(pill(view.state), view.node_id, "PeerClient", ping)
    address = f"{code(view.address)} {muted(view.trust)}" if view.address else ""
    body += section(
        pairs(
            [("Address", address), ("Versions", esc(view.versions)), ("Session", esc(view.session))]
        )
    )
    facts = [view.node_id, LOOKS[view.state].word.lower()]
    if view.steps is not None:
        body += _steps_fold(view.steps)
        facts.append(plural(len(view.steps), "step"))
    return _finish(body, f"Peer client of {view.node_id}"), one_line("PeerClient", facts)


def peer_info_repr(view: PeerInfoView) -> Repr:
    """A peer's card, and ``PeerInfo(gpu-box, 3 steps, 2 runs)``."""
    body = head("", view.node_id, "PeerInfo", view.host)
    load = [plural(view.sessions, "session"), plural(view.runs, "run")]
    if view.abandoned:
        load.append(f"{plural(view.abandoned, 'step')} that did not stop when told to")
    versions = ", ".join(
        part for part in (view.versions, view.python and f"Python {view.python}") if part
    )
    body += section(pairs([("Versions", esc(versions)), ("Now", esc(", ".join(load)))]))
    body += _steps_fold(view.steps)
    facts = [view.node_id, plural(len(view.steps), "step"), plural(view.runs, "run")]
    return _finish(body, f"Peer {view.node_id}"), one_line("PeerInfo", facts)


def run_handle_repr(view: RunHandleView) -> Repr:
    """The head of the run's card, and ``RunHandle(index_docs on gpu-box, running)``."""
    about, clock = f"on {view.node_id}", seconds(view.duration)
    body = head(pill(view.state), clip(view.workflow_name, 80), about, clock)
    body += f'<div class="bzn-meta"><span>run {esc(short_run(view.run_id))}</span></div>'
    if view.state == "running":
        attach = code(f"%blazen_attach {view.run_id}")
        body += section(pairs([("Seen live", f"{muted('in any notebook by')} {attach}")]))
    elif view.message and view.state != "succeeded":
        body += note(view.state, f"<p>{esc(first_line(view.message, 300))}</p>")
    word = LOOKS[view.state].word
    text = one_line(view.kind, [f"{clip(view.workflow_name, 32)} {about}", word.lower()])
    return _finish(body, f"Run of {view.workflow_name} on {view.node_id}: {word}"), text


def result_repr(view: ResultView) -> Repr:
    """The result's card, and ``WorkflowResult(index_docs, dict with 3 keys, 1 ref)``."""
    body = head(pill(view.outcome), view.workflow_name, "WorkflowResult", seconds(view.duration))
    value = esc(clip(view.value_text, _VALUE_LIMIT))
    body += section(f'<pre class="bzn-log">{value}</pre>' if value else "", "result", view.kind)
    keys = ", ".join(view.state_keys[:20]) + (
        f" and {len(view.state_keys) - 20} more" if len(view.state_keys) > 20 else ""
    )
    refs = plural(len(view.ref_owners), "ref") if view.ref_owners else ""
    owners = ", ".join(sorted({owner for owner in view.ref_owners if owner}))
    held = f"{refs} on {owners}" if owners else refs
    body += section(
        pairs([("Usage", esc(_usage(view.usage))), ("State", esc(keys)), ("Refs", esc(held))])
    )
    text = one_line("WorkflowResult", [view.workflow_name, view.kind, refs])
    return _finish(body, f"Result of {view.workflow_name}"), text


def workflow_repr(view: WorkflowView) -> Repr:
    """The workflow's graph, and ``Workflow(answer: 6 steps, StartEvent to StopEvent)``."""
    about = plural(len(view.steps), "step")
    body = head("", view.name, "Workflow", about) + workflow_graph(view.steps)
    body += fold("Steps", "", _shapes_table(view.steps))
    facts = [f"{clip(view.name, 40)}: {about}", "StartEvent to StopEvent"]
    return _finish(body, f"Workflow {view.name}"), one_line("Workflow", facts)


def kind_of(value: Any) -> str:
    """``dict with 3 keys``, ``list of 8``, ``str of 120 characters``, else the type's name."""
    match value:
        case None:
            return "None"
        case dict():
            return f"dict with {plural(len(value), 'key')}"
        case list() | tuple() | set() | frozenset():
            return f"{type(value).__name__} of {len(value):,}"
        case str():
            return f"str of {plural(len(value), 'character')}"
        case bytes() | bytearray():
            return f"{type(value).__name__} of {plural(len(value), 'byte')}"
    return type(value).__qualname__


def _finish(body_html: str, name: str) -> str:
    return card(style_tag() + body_html, name)


def _steps_fold(step_ids: Sequence[str]) -> str:
    rows = "".join(f"<dt>{code(step_id)}</dt> <dd></dd>" for step_id in step_ids[:ROWS_LIMIT])
    more = len(step_ids) - ROWS_LIMIT
    rest = f'<p class="bzn-m bzn-more">and {more:,} more</p>' if more > 0 else ""
    listed = f'<dl class="bzn-kv">{rows}</dl>{rest}' if rows else '<p class="bzn-m">none yet</p>'
    return fold("Steps", f"{len(step_ids):,} registered", listed, is_open=len(step_ids) <= 8)


def _shapes_table(steps: Sequence[StepShape]) -> str:
    heads = [("Step", "40%", ""), ("Takes", "", ""), ("Gives", "", "")]
    rows = [
        row(
            step.step_id,
            [(esc(", ".join(map(short_type, names))), "z") for names in (step.accepts, step.emits)],
        )
        for step in steps[:ROWS_LIMIT]
    ]
    more = len(steps) - ROWS_LIMIT
    return table("Steps", heads, rows) + (
        f'<p class="bzn-m bzn-more">and {more:,} more</p>' if more > 0 else ""
    )


def _usage(usage: Usage) -> str:
    parts = []
    if usage.total_tokens:
        parts.append(
            f"{usage.prompt_tokens:,} input tokens, {usage.completion_tokens:,} output tokens"
        )
    if usage.cost_usd:
        parts.append(f"{usage.cost_usd:,.4f} USD")
    return ", ".join(parts)
