"""A preview as people see it: on the card of a ref, escaped, with what is left out said."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest

from blazen_nb.render.preview import Column, Preview, Row, preview_section, preview_style_tag
from blazen_nb.render.ref import RefView, ref_repr
from tests.unit.render_seen import HOSTILE, Seen

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (8).to_bytes(4, "big") * 2
FRAME = Preview(
    columns=(Column("city", "str"), Column("price", "float64")),
    rows=(Row("a", ("Berlin", "1.5")), Row("b", ("Kyiv", "-nan"))),
    more_rows=1,
    more_columns=1_200,
)
VIEW = RefView(
    type_name="Frame", shape=None, dtype="", size=24, device="", owner="gpu-box", lifetime=""
)


def html_of(preview: Preview) -> str:
    """Its section without the style."""
    return preview_section(preview).partition("</style>")[2]


def test_a_table_has_heads_with_types_and_says_what_is_left_out() -> None:
    seen = Seen(preview_section(FRAME))
    assert seen.text == (
        "Preview city str price float64 a Berlin 1.5 b Kyiv -nan and 1 more row, 1,200 more columns"
    )
    assert seen.attributes.count(("scope", "col")) == 2
    assert seen.attributes.count(("scope", "row")) == 2
    assert ("aria-label", "Preview") in seen.attributes


def test_a_table_is_exactly_this() -> None:
    small = replace(FRAME, rows=FRAME.rows[:1], columns=FRAME.columns[1:], more_columns=0)
    small = replace(small, rows=(Row("a", ("1.5",)),), about="of all")
    assert html_of(small) == (
        '<div class="bzn-s"><div class="bzn-cap"><b>Preview</b> <span class="bzn-r">of all</span></div>'
        '<div class="bzn-pv"><table aria-label="Preview"><thead><tr><td></td>'
        '<th scope="col" class="r" title="price">price <span class="bzn-m">float64</span></th></tr></thead>'
        '<tbody><tr><th scope="row" title="a">a</th><td class="r" title="1.5">1.5</td></tr></tbody></table></div>'
        '<p class="bzn-m bzn-more">and 1 more row</p></div>'
    )


@pytest.mark.parametrize(
    ("cells", "to_right"),
    [
        (["1", "-2.5", "1e-07", "nan", "inf", "1,000"], True),
        (["1", ""], False),
        (["2026-01-02"], False),
        (["None"], False),
    ],
)
def test_columns_of_numbers_stand_to_the_right(cells: list[str], to_right: bool) -> None:
    made = html_of(Preview(rows=tuple(Row("", (cell,)) for cell in cells)))
    assert made.count('<td class="r"') == (len(cells) if to_right else 0)


def test_rows_of_different_lengths_do_no_harm() -> None:
    Seen(preview_section(Preview(rows=(Row("a", ()), Row("b", ("1", "2"))), columns=FRAME.columns)))


def test_whatever_a_peer_sends_is_text_and_nothing_else() -> None:
    hostile = Preview(
        about=HOSTILE,
        text=HOSTILE,
        columns=(Column(HOSTILE, HOSTILE),),
        rows=(Row(HOSTILE, (HOSTILE,)),),
        png=PNG + HOSTILE.encode(),
    )
    seen = Seen(ref_repr(replace(VIEW, preview=hostile))[0])
    assert "script" not in seen.tags
    assert seen.tags.count("img") == 1
    assert seen.text.count(HOSTILE) == 6
    assert not {name for name, _ in seen.attributes if name.startswith("on")}


def test_a_picture_is_in_the_card_itself() -> None:
    seen = Seen(preview_section(Preview(about="RGB, 8 x 8 pixels", png=PNG)))
    sources = [value for name, value in seen.attributes if name == "src"]
    assert sources == [f"data:image/png;base64,{base64.b64encode(PNG).decode()}"]
    assert dict(seen.attributes)["alt"]


def test_text_keeps_its_lines() -> None:
    assert '<pre class="bzn-log bzn-wrap">one\n two</pre>' in html_of(Preview(text="one\n two"))


def test_the_card_shows_a_preview_or_says_why_there_is_none() -> None:
    bare = ref_repr(VIEW, now=0)[0]
    assert "review" not in bare
    assert "bzn-pv" not in bare
    shown = ref_repr(replace(VIEW, preview=FRAME), now=0)[0]
    assert Seen(shown).text.index("gpu-box") < Seen(shown).text.index("Preview city")
    none = Seen(ref_repr(replace(VIEW, no_preview="<b> is away"), now=0)[0])
    assert none.text.endswith("No preview: <b> is away")
    for about in (Preview(about="empty"), Preview(about="0 items")):
        assert Seen(ref_repr(replace(VIEW, preview=about))[0]).text.endswith(
            f"Preview {about.about}"
        )
    assert ref_repr(replace(VIEW, preview=Preview()), now=0)[0] == bare


def test_the_text_of_a_ref_has_no_preview() -> None:
    assert ref_repr(replace(VIEW, preview=FRAME))[1] == ref_repr(VIEW)[1]


def test_the_style_is_small_and_holds_for_nothing_outside_of_a_card() -> None:
    style = preview_style_tag()
    assert len(style) < 1_000
    for selector in re.findall(r"(?:^<style>|\})([^{}]+)\{", style):
        assert all("bzn" in part for part in selector.split(",")), selector
    for colour in re.findall(r"(?:color|background|border[a-z-]*):([^;}]+)", style):
        assert "#" not in colour, "colours come from the card's variables, so that dark is dark"
