"""States as people see them: word, tone and an icon with an outline of its own, so that colour is never alone."""

from __future__ import annotations

import html
from typing import Literal, NamedTuple

StateName = Literal[
    "queued",
    "running",
    "retrying",
    "waiting",
    "paused",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "skipped",
    "lost",
    "reconnecting",
    "detached",
    "connected",
    "closed",
    "new",
    "serving",
    "stopped",
]
Tone = Literal["run", "ok", "bad", "warn", "idle"]


class Look(NamedTuple):
    """How a state is written and drawn."""

    word: str
    tone: Tone
    shape: str
    """SVG shapes on a grid of 16 x 16."""


_RING = '<circle cx="8" cy="8" r="6"/>'
LOOKS: dict[StateName, Look] = {
    "queued": Look("Queued", "idle", '<circle cx="8" cy="8" r="6" stroke-dasharray="2.2 2.5"/>'),
    "running": Look(
        "Running",
        "run",
        '<circle class="pale" cx="8" cy="8" r="6"/><path class="bzn-spin" d="M8 2a6 6 0 0 1 6 6"/>',
    ),
    "retrying": Look(
        "Retrying",
        "warn",
        '<path d="M13.6 8.2a5.6 5.6 0 1 1-1.8-4.3"/><path d="M13.8 1.6v3.1h-3.1"/>',
    ),
    "waiting": Look(
        "Waiting for input",
        "warn",
        _RING
        + '<path d="M6.2 6.3a1.85 1.85 0 1 1 2.7 1.7c-.6.3-.9.6-.9 1.2"/><path d="M8 11.4v.1"/>',
    ),
    "paused": Look("Paused", "idle", _RING + '<path d="M6.4 5.9v4.2M9.6 5.9v4.2"/>'),
    "succeeded": Look(
        "Succeeded",
        "ok",
        '<circle class="full" cx="8" cy="8" r="6"/><path class="cut" d="M5.2 8.3l2 1.9 3.6-4.1"/>',
    ),
    "failed": Look(
        "Failed",
        "bad",
        '<path class="full" d="M5.4 1.7h5.2l3.7 3.7v5.2l-3.7 3.7H5.4l-3.7-3.7V5.4z"/>'
        '<path class="cut" d="M5.9 5.9l4.2 4.2m0-4.2l-4.2 4.2"/>',
    ),
    "timed_out": Look("Timed out", "bad", _RING + '<path d="M8 4.7V8l2.3 1.5"/>'),
    "cancelled": Look("Cancelled", "idle", _RING + '<path d="M3.9 12.1l8.2-8.2"/>'),
    "skipped": Look(
        "Not run", "idle", '<circle class="pale" cx="8" cy="8" r="6"/><path d="M5.4 8h5.2"/>'
    ),
    "lost": Look(
        "Lost", "bad", '<path d="M13.7 6.3A6 6 0 1 0 12.3 12.2"/><path d="M12.6 8.4l2 1.6"/>'
    ),
    "reconnecting": Look(
        "Reconnecting",
        "warn",
        '<path d="M2.3 6.8A6 6 0 0 1 12.9 4.6"/><path d="M13.2 1.7v3.1h-3.1"/>'
        '<path d="M13.7 9.2A6 6 0 0 1 3.1 11.4"/><path d="M2.8 14.3v-3.1h3.1"/>',
    ),
    "detached": Look(
        "Detached",
        "idle",
        '<path d="M6.4 3H3v10h10V9.6"/><path d="M9.6 2.6h3.8v3.8M13.2 2.8L7.6 8.4"/>',
    ),
    "connected": Look(
        "Connected",
        "ok",
        '<circle class="full" cx="4" cy="8" r="2.3"/><circle class="full" cx="12" cy="8" r="2.3"/><path d="M4 8h8"/>',
    ),
    "closed": Look(
        "Closed", "idle", '<circle cx="3.6" cy="8" r="2.3"/><circle cx="12.4" cy="8" r="2.3"/>'
    ),
    "serving": Look(
        "Serving",
        "ok",
        '<circle class="full" cx="8" cy="8" r="2.2"/><path d="M4.4 11.6a5.1 5.1 0 0 1 0-7.2"/><path d="M11.6 4.4a5.1 5.1 0 0 1 0 7.2"/>',
    ),
    "new": Look(
        "Not started",
        "idle",
        '<rect x="3" y="3" width="10" height="10" rx="2" stroke-dasharray="2.4 2.2"/>',
    ),
    "stopped": Look("Stopped", "idle", '<rect x="3" y="3" width="10" height="10" rx="2"/>'),
}


def icon(state: StateName, now: float = 0.0, *, at: tuple[float, float] | None = None) -> str:
    """The state's icon as SVG; ``at`` places it inside another SVG.

    ``now`` turns the spinner: its phase comes from the clock, so a re-render does not restart it.
    """
    look = LOOKS[state]
    phase = f'style="animation-delay:-{now % 1.2:.2f}s" class="bzn-spin"'
    shape = look.shape.replace('class="bzn-spin"', phase)
    place = f' x="{at[0]:.0f}" y="{at[1]:.1f}"' if at else ""
    return (
        f'<svg class="bzn-i bzn-{look.tone}"{place} viewBox="0 0 16 16" width="14" height="14" '
        f'aria-hidden="true">{shape}</svg>'
    )


def label(state: StateName, text: str = "", now: float = 0.0) -> str:
    """Icon and word in the state's colour; ``text`` replaces the word where more is known."""
    look = LOOKS[state]
    words = html.escape(text or look.word)
    return f'<span class="bzn-state bzn-{look.tone}">{icon(state, now)}<span>{words}</span></span>'


def pill(state: StateName, now: float = 0.0) -> str:
    """The state at the front of a header."""
    look = LOOKS[state]
    return f'<span class="bzn-pill bzn-{look.tone}">{icon(state, now)}<strong>{look.word}</strong></span>'
