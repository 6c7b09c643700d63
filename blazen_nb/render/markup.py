"""The pieces that every picture is put together from; each escapes what it is given, unless it says HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from blazen_nb.render.icons import LOOKS, StateName, icon
from blazen_nb.render.words import visible

SEPARATOR = '<span class="bzn-sep">, </span>'
"""Punctuation that only shows where the style was taken away."""


def esc(value: object) -> str:
    """The value's text, safe in HTML text and attributes."""
    return html.escape(visible(str(value)))


def code(value: object) -> str:
    """Something one can type."""
    return f"<code>{esc(value)}</code>"


def muted(value: object) -> str:
    """Words that explain."""
    return f'<span class="bzn-m">{esc(value)}</span>'


def section(body_html: str, title: str = "", right: str = "", kind: str = "") -> str:
    """A part of a card between two hairlines; nothing where the body is empty."""
    if not body_html:
        return ""
    caption = ""
    if title or right:
        caption = f'<div class="bzn-cap"><b>{esc(title)}</b> <span class="bzn-r">{esc(right)}</span></div>'
    return f'<div class="bzn-s{" " + kind if kind else ""}">{caption}{body_html}</div>'


def note(state: StateName, body_html: str) -> str:
    """A band in the state's tint."""
    return f'<div class="bzn-s bzn-note bzn-{LOOKS[state].tone}">{icon(state)}<div>{body_html}</div></div>'


def fold(title: str, summary: str, body_html: str, *, is_open: bool = False) -> str:
    """A part that the reader opens; only for static HTML, a live one would close at each update."""
    head = f'<summary><b>{esc(title)}</b> <span class="bzn-m">{esc(summary)}</span></summary>'
    return (
        f'<details{" open" if is_open else ""}>{head}<div class="bzn-s">{body_html}</div></details>'
    )


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """A list of names and their values; the values are HTML."""
    rows = "".join(
        f"<dt>{esc(name)}</dt> <dd>{value_html}</dd>" for name, value_html in items if value_html
    )
    return f'<dl class="bzn-kv">{rows}</dl>' if rows else ""


def head(lead_html: str, name: str, about: str, right: str, *, slot: bool = False) -> str:
    """The first line of a card; ``slot`` keeps a place free for a button."""
    front = f"{lead_html} " if lead_html else ""
    room = '<span class="bzn-slot"></span>' if slot else ""
    return (
        f'<div class="bzn-h">{front}<span class="bzn-name">{esc(name)}</span> {muted(about)} '
        f'<span class="bzn-r"><span>{esc(right)}</span>{room}</span></div>'
    )


def card(body_html: str, name: str) -> str:
    """A card of its own, complete with its name for people who do not see it."""
    return f'<div class="bzn bzn-card" role="group" aria-label="{esc(name)}">{body_html}</div>'


def table(name: str, heads: Sequence[tuple[str, str, str]], rows_html: Iterable[str]) -> str:
    """A table of fixed layout; each head is (HTML, width, classes), an empty width takes what is left."""
    cols = "".join(_col(width, classes) for _, width, classes in heads)
    titles = "".join(
        f'<th scope="col"{_classes(classes)}>{title_html}</th>' for title_html, _, classes in heads
    )
    return (
        f'<table class="bzn-t" aria-label="{esc(name)}"><colgroup>{cols}</colgroup>'
        f"<thead><tr>{titles}</tr></thead><tbody>{''.join(rows_html)}</tbody></table>"
    )


def row(name: str, cells: Iterable[tuple[str, str]], kind: str = "") -> str:
    """A table row under its name; the cells are (HTML, classes)."""
    body = "".join(f"<td{_classes(classes)}>{cell_html}</td>" for cell_html, classes in cells)
    return f'<tr{_classes(kind)}><th scope="row" title="{esc(name)}">{esc(name)}</th>{body}</tr>'


def _classes(classes: str) -> str:
    return f' class="{classes}"' if classes else ""


def _col(width: str, classes: str) -> str:
    # A hidden column keeps its width unless its col is hidden as well.
    narrow = ' class="bzn-x"' if "bzn-x" in classes else ""
    return f'<col{narrow} style="width:{width}">' if width else f"<col{narrow}>"
