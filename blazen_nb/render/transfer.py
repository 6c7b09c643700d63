"""A value on its way between here and a peer as HTML."""

from __future__ import annotations

from blazen_nb.render.markup import card, esc, head, section
from blazen_nb.render.ref import size_words
from blazen_nb.render.style import style_tag
from blazen_nb.render.words import seconds


def transfer_html(name: str, done: int, total: int, taken: float, *, has_ended: bool) -> str:
    """A bar, how much of how much, and how fast.

    Args:
        name: What goes where, in words.
        taken: Seconds so far.
    """
    share = done / total if total else 0.0
    complete = has_ended and done >= total
    tone, state = ("ok", "Arrived") if complete else ("run", "On its way")
    if has_ended and not complete:
        state = "Given up"
    said = size_words(total) if complete else f"{size_words(done)} of {size_words(total)}"
    pace = f"{size_words(int(done / taken))}/s" if taken > 0 else ""
    right = f"{seconds(taken)}, {pace}" if has_ended else pace
    bar = (
        f'<div class="bzn-pg bzn-{tone}" role="progressbar" aria-label="{esc(name)}" aria-valuemin="0" '
        f'aria-valuemax="{total}" aria-valuenow="{done}" aria-valuetext="{said}"><span>{state}</span> '
        f'<span class="bzn-bar"><i style="width:{share:.1%}"></i></span> <span class="r">{int(share * 100)}%</span> '
        f'<span class="r">{said}</span></div>'
    )
    return card(style_tag() + head("", name, "", right) + section(bar), name)
