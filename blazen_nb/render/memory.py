"""The values that a peer keeps, and the memory it has, as (HTML, text)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from blazen_nb.devices import Devices, Holding
from blazen_nb.render.markup import card, code, esc, head, muted, pairs, row, section, table
from blazen_nb.render.ref import RefView, kept_words, shape_words, size_words
from blazen_nb.render.reprs import ROWS_LIMIT, Repr
from blazen_nb.render.style import style_tag
from blazen_nb.render.words import clip, one_line, plural, seconds, visible

_HEADS = [
    ("Value", "21%", ""),
    ("Shape", "", ""),
    ("Size", "9%", ""),
    ("Device", "7%", "bzn-x"),
    ("Age", "7%", ""),
    ("Run", "10%", "bzn-x"),
    ("Kept", "29%", "bzn-x"),
]
_HOLDER_HEADS = [
    ("Client", "38%", ""),
    ("Device", "16%", ""),
    ("Values", "", ""),
    ("Size", "32%", ""),
]


def refs_repr(views: Sequence[RefView], now: float | None = None) -> Repr:
    """A table of refs, the largest first, and the same as lines of text.

    Args:
        now: Seconds since the epoch; None for this moment.
    """
    at = time.time() if now is None else now
    shown = sorted(views, key=lambda view: -(view.size or 0))[:ROWS_LIMIT]
    about = f"{plural(len(views), 'value')}, {_total(views)}"
    more = len(views) - len(shown)
    rest = f"and {more:,} more" if more else ""
    body = head("", "Refs", "values that stay on the peer", esc(about))
    body += section(
        refs_table(shown, at) + (f'<p class="bzn-m bzn-more">{rest}</p>' if rest else "")
    )
    lines = [f"Refs: {about}", *(_line(view, at) for view in shown), *([rest] if rest else [])]
    return card(style_tag() + body, f"Refs: {about}"), "\n".join(lines)


def refs_table(views: Sequence[RefView], now: float) -> str:
    """The table alone."""
    rows = [
        row(
            clip(view.type_name, 60),
            [
                (esc(" ".join(filter(None, (shape_words(view.shape), view.dtype)))), ""),
                (esc(_size(view)), ""),
                (esc(view.device), "bzn-x"),
                (esc(_age(view, now)), ""),
                (code(view.run_id[:8]) if view.run_id else "", "bzn-x"),
                (esc(kept_words(view)), "bzn-x"),
            ],
        )
        for view in views
    ]
    return table("Refs", _HEADS, rows) if rows else f"<p>{muted('none')}</p>"


def memory_repr(
    owner: str,
    devices: Devices,
    holdings: Sequence[Holding],
    by_lifetime: Mapping[str, int],
    largest: Sequence[RefView],
) -> Repr:
    """A card of a peer's memory, and ``PeerMemory(gpu-box, peer 1.2 GiB, host 18.4 GiB of 64.0 GiB)``.

    Args:
        by_lifetime: Bytes of the session's refs by the name of their lifetime.
    """
    process = "" if devices.process_memory is None else size_words(devices.process_memory)
    host = _used(devices.memory_used, devices.memory_total)
    gpus = [(gpu.name, _used(gpu.memory_used, gpu.memory_total)) for gpu in devices.gpus]
    facts = [("Peer process", esc(process)), ("Host", esc(host))]
    facts += [(clip(name, 40), esc(used)) for name, used in gpus]
    facts += [(f"Refs {name}", esc(size_words(size))) for name, size in by_lifetime.items()]
    body = head("", owner, "memory", "") + section(pairs(facts))
    if holdings:
        body += section(_holders_table(holdings), "Kept for")
    if largest:
        body += section(refs_table(largest, devices.at), "Largest values")
    told = [owner, f"peer {process}" if process else "", f"host {host}"]
    told += [f"{name} {used}" for name, used in gpus]
    told.append(f"refs {size_words(sum(by_lifetime.values()))}")
    return card(style_tag() + body, f"Memory of {owner}"), one_line("PeerMemory", told)


def _holders_table(holdings: Sequence[Holding]) -> str:
    rows = [
        row(
            _holder(holding),
            [
                (esc(holding.device or "host"), ""),
                (esc(f"{holding.count:,}"), ""),
                (esc(_known(holding.size, holding.unknown)), ""),
            ],
        )
        for holding in holdings[:ROWS_LIMIT]
    ]
    return table("Kept for", _HOLDER_HEADS, rows)


def _holder(holding: Holding) -> str:
    if holding.is_others:
        return "other users"
    return clip(holding.holder, 60) or "calls without a session"


def _used(used: int | None, total: int | None) -> str:
    if used is None:
        return "not known"
    return size_words(used) + (f" of {size_words(total)}" if total else "")


def _total(views: Sequence[RefView]) -> str:
    unknown = sum(view.size is None for view in views)
    return _known(sum(view.size or 0 for view in views), unknown)


def _known(size: int, unknown: int) -> str:
    known = size_words(size)
    return f"{known} and {unknown:,} of unknown size" if unknown else known


def _size(view: RefView) -> str:
    return "" if view.size is None else size_words(view.size)


def _age(view: RefView, now: float) -> str:
    return seconds(max(0.0, now - view.created_at)) if view.created_at else ""


def _line(view: RefView, now: float) -> str:
    what = " ".join(filter(None, (view.type_name, shape_words(view.shape), view.dtype)))
    run = f"run {view.run_id[:8]}" if view.run_id else ""
    facts = (
        what,
        _size(view),
        view.device,
        f"on {view.owner}",
        _age(view, now),
        run,
        kept_words(view),
    )
    told = (clip(visible(fact).replace("\n", " "), 80) for fact in facts if fact)
    return "  " + ", ".join(told) + ("; released" if view.is_released else "")
