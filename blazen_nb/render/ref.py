"""A value that stays on a peer as (HTML, text)."""

from __future__ import annotations

import time
from dataclasses import dataclass

from blazen_nb.render.markup import card, code, esc, head, pairs, section
from blazen_nb.render.preview import Preview, no_preview, preview_section
from blazen_nb.render.reprs import Repr
from blazen_nb.render.style import style_tag
from blazen_nb.render.words import clip, one_line, plural, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class RefView:
    """What a RemoteRef knows of its value."""

    type_name: str
    shape: tuple[int, ...] | None
    dtype: str
    size: int | None
    """Bytes."""
    device: str
    owner: str
    lifetime: str
    is_released: bool = False
    created_at: float = 0
    """Seconds since the epoch; 0 where that is not known."""
    run_id: str = ""
    """The run that made it."""
    holder: str = ""
    """The client that it is kept for."""
    is_here: bool = False
    """Its peer is this process."""
    preview: Preview | None = None
    no_preview: str = ""
    """Why there is none; empty where none was asked for."""


def stable_ref(view: RefView) -> str:
    """``RemoteRef(torch.Tensor, 1,000,000 x 512 float32, on gpu-box)``: what is the same wherever it was made."""
    what = " ".join(word for word in (shape_words(view.shape), view.dtype) if word)
    return one_line("RemoteRef", [view.type_name, what, f"on {view.owner}"])


def ref_repr(view: RefView, now: float | None = None) -> Repr:
    """The value's card, and ``RemoteRef(numpy.ndarray 512 x 512 float32, 1.0 MiB, on gpu-box; ...)``.

    Args:
        now: Seconds since the epoch, for the age on the card; None for this moment.
    """
    at = time.time() if now is None else now
    size = "" if view.size is None else size_words(view.size)
    body = head("", view.type_name, "RemoteRef", f"on {view.owner}")
    facts = [
        ("Shape", esc(shape_words(view.shape))),
        ("Type", code(view.dtype) if view.dtype else ""),
        ("Size", esc(size)),
        ("Device", esc(view.device)),
        ("Made", esc(_age(view, at))),
        ("Run", code(view.run_id[:8]) if view.run_id else ""),
        ("Kept", esc(kept_words(view))),
    ]
    note = no_preview(view.no_preview) if view.no_preview else ""
    body += section(pairs(facts) + f'<p class="bzn-m bzn-more">{esc(_use(view))}</p>' + note)
    if view.preview is not None:
        body += preview_section(view.preview)
    what = " ".join(word for word in (view.type_name, shape_words(view.shape), view.dtype) if word)
    parts = [_line(part) for part in (what, size, view.device, f"on {view.owner}") if part]
    text = f"RemoteRef({', '.join(parts)}; {_use(view)})"
    return card(style_tag() + body, f"Remote value on {view.owner}"), text


def size_words(size: int) -> str:
    """``64.0 MiB``."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024 or unit == "GiB":
            break
    return f"{amount:,.1f} {unit}"


def _line(text: str) -> str:
    return clip(visible(text).replace("\n", " "), 80)


def shape_words(shape: tuple[int, ...] | None) -> str:
    """``1,000 x 512``; empty for a scalar, and where there is none."""
    return "" if not shape else " x ".join(f"{length:,}" for length in shape)


def kept_words(view: RefView) -> str:
    """``UntilParentFinish for notebook.ipynb``."""
    return f"{view.lifetime} for {clip(view.holder, 60)}" if view.holder else view.lifetime


def _age(view: RefView, now: float) -> str:
    if not view.created_at:
        return ""
    past = int(max(0.0, now - view.created_at))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if past >= length:
            return f"{plural(past // length, unit)} ago"
    return f"{plural(past, 'second')} ago" if past else "just now"


def _use(view: RefView) -> str:
    if view.is_released:
        return "released"
    fetch = "gives the object itself" if view.is_here else "brings a copy here"
    return f"stays there, remote cells that read it use it in place, fetch() {fetch}"
