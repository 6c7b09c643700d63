"""A little of a value that lies on a peer: data, never HTML of the peer's, and its picture here."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from blazen_nb.errors import unicode_of
from blazen_nb.render.markup import esc, muted, section
from blazen_nb.render.words import clip, visible

MOST_ROWS = 6
MOST_COLUMNS = 8
LONGEST_CELL = 60
LONGEST_LINE = 160
LONGEST_TEXT = 800
MOST_LINES = 12
PNG_BYTES = 20 << 10
PNG_SIDE = 256
"""Pixels: a few bytes could unpack to a picture that a browser chokes on."""

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_MORE = (1 << 63) - 1
_NUMBER = re.compile(r"[-+]?(\d[\d_,]*\.?\d*(e[-+]?\d+)?|nan|inf)", re.ASCII | re.IGNORECASE)

_RULES = """
.bzn-pv{overflow-x:auto}
.bzn.bzn .bzn-pv table{width:auto;margin:0;border:0;border-collapse:collapse;font:12px/16px var(--mono);color:var(--fg)}
.bzn.bzn .bzn-pv tr:nth-child(n){background:none;border:0}
.bzn.bzn .bzn-pv th,.bzn.bzn .bzn-pv td{max-width:200px;padding:4px 16px 4px 0;border:0;border-bottom:1px solid var(--line);
 text-align:left;vertical-align:top;font-weight:400;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.bzn.bzn .bzn-pv tr:last-child>*{border-bottom:0}
.bzn.bzn .bzn-pv thead th{border-bottom:1px solid var(--line2);font-weight:600}.bzn.bzn .bzn-pv tbody th,.bzn-pv .bzn-m{color:var(--mut)}
.bzn-pv thead .bzn-m{display:block;font-weight:400}
.bzn.bzn .bzn-pv .r{text-align:right}
.bzn.bzn img.bzn-px{display:block;max-width:100%;margin:0;border:1px solid var(--line)}
.bzn.bzn pre.bzn-wrap{white-space:pre-wrap;overflow-wrap:anywhere}
"""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of a preview is called."""

    name: str
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a preview; the name of a frame's row, a dict's item or an attribute, and what it has."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A little of a value: a word about it, text, a table, a picture, or several of these."""

    about: str = ""
    text: str = ""
    columns: tuple[Column, ...] = ()
    """Empty where the table needs no heads."""
    rows: tuple[Row, ...] = ()
    more_rows: int = 0
    """How many are left out."""
    more_columns: int = 0
    png: bytes = b""


def bounded(preview: Preview) -> Preview:
    """The preview within the limits above, whoever made it; a picture that is none, or too large, is left out."""
    return Preview(
        about=_line(preview.about, LONGEST_LINE),
        text=_lines(visible(unicode_of(preview.text[: 2 * LONGEST_TEXT]))),
        columns=tuple(
            Column(_line(column.name, LONGEST_CELL), _line(column.dtype, LONGEST_CELL))
            for column in preview.columns[:MOST_COLUMNS]
        ),
        rows=tuple(
            Row(
                _line(row.name, LONGEST_CELL),
                tuple(_line(cell, LONGEST_CELL) for cell in row.cells[:MOST_COLUMNS]),
            )
            for row in preview.rows[:MOST_ROWS]
        ),
        more_rows=min(max(0, preview.more_rows), _MOST_MORE),
        more_columns=min(max(0, preview.more_columns), _MOST_MORE),
        png=preview.png if _is_small_png(preview.png) else b"",
    )


def preview_style_tag() -> str:
    """The style of a preview as an element; it stands on that of the card around it."""
    return f"<style>{''.join(_RULES.splitlines())}</style>"


def preview_section(preview: Preview) -> str:
    """The part of a card that shows it; nothing where it shows nothing."""
    body = _picture(preview) + _text(preview.text) + _table(preview) + _more(preview)
    if not body:
        return section(muted(preview.about), "Preview") if preview.about else ""
    return preview_style_tag() + section(body, "Preview", preview.about)


def no_preview(why: str) -> str:
    """A note in its place."""
    return f'<p class="bzn-m bzn-more">No preview: {esc(why)}</p>'


def _line(text: str, limit: int) -> str:
    return clip(visible(unicode_of(text[: 2 * limit])).replace("\n", " ").replace("\t", " "), limit)


def _lines(text: str) -> str:
    lines = clip(text, LONGEST_TEXT).split("\n")
    return "\n".join(lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "..."])


def _is_small_png(data: bytes) -> bool:
    if len(data) > PNG_BYTES or not data.startswith(_PNG) or data[12:16] != b"IHDR":
        return False
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return 0 < width <= PNG_SIDE and 0 < height <= PNG_SIDE


def _picture(preview: Preview) -> str:
    if not preview.png:
        return ""
    data = base64.b64encode(preview.png).decode()
    return (
        f'<img class="bzn-px" alt="A small copy of the picture" src="data:image/png;base64,{data}">'
    )


def _text(text: str) -> str:
    return f'<pre class="bzn-log bzn-wrap">{esc(text)}</pre>' if text else ""


def _table(preview: Preview) -> str:
    if not preview.rows and not preview.columns:
        return ""
    width = max((len(row.cells) for row in preview.rows), default=0)
    right = [_are_numbers(preview.rows, at) for at in range(max(width, len(preview.columns)))]
    rows = "".join(_row(row, right) for row in preview.rows)
    return f'<div class="bzn-pv"><table aria-label="Preview">{_heads(preview, right)}<tbody>{rows}</tbody></table></div>'


def _heads(preview: Preview, right: list[bool]) -> str:
    if not preview.columns:
        return ""
    heads = "".join(
        f'<th scope="col"{_side(to_right)} title="{esc(column.name)}">{esc(column.name)}{_dtype(column)}</th>'
        for column, to_right in zip(preview.columns, right, strict=False)
    )
    return f"<thead><tr><td></td>{heads}</tr></thead>"


def _dtype(column: Column) -> str:
    return f" {muted(column.dtype)}" if column.dtype else ""


def _row(row: Row, right: list[bool]) -> str:
    cells = "".join(
        f'<td{_side(to_right)} title="{esc(cell)}">{esc(cell)}</td>'
        for cell, to_right in zip(row.cells, right, strict=False)
    )
    return f'<tr><th scope="row" title="{esc(row.name)}">{esc(row.name)}</th>{cells}</tr>'


def _are_numbers(rows: tuple[Row, ...], at: int) -> bool:
    cells = [row.cells[at] for row in rows if at < len(row.cells)]
    return bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)


def _side(to_right: bool) -> str:
    return ' class="r"' if to_right else ""


def _more(preview: Preview) -> str:
    left_out = [
        f"{count:,} more {what if count > 1 else what[:-1]}"
        for count, what in ((preview.more_rows, "rows"), (preview.more_columns, "columns"))
        if count
    ]
    return f'<p class="bzn-m bzn-more">and {esc(", ".join(left_out))}</p>' if left_out else ""
