from __future__ import annotations

import re
from typing import get_args

import pytest

from blazen_nb.render.icons import LOOKS, StateName, icon
from blazen_nb.render.style import INK, TINT, form_style_tag, style_tag
from tests.unit.render_seen import Seen


def test_every_state_has_a_word_and_an_outline_of_its_own() -> None:
    assert set(LOOKS) == set(get_args(StateName))
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.shape for look in LOOKS.values()}) == len(LOOKS)
    for state in LOOKS:
        Seen(icon(state))


def test_every_class_in_a_picture_begins_with_the_prefix_or_lives_below_one() -> None:
    rules = re.sub(r"@keyframes[^{]+\{[^}]*\}\}", "", style_tag() + form_style_tag())
    for selector in re.findall(r"(?:^<style>|\})([^{}@]+)\{", rules):
        for part in selector.split(","):
            assert "bzn" in part, part


def luminance(colour: tuple[float, ...]) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(ink: str, ground: str, tint: float) -> float:
    front, back = (
        tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)) for colour in (ink, ground)
    )
    mixed = tuple(tint * one + (1 - tint) * other for one, other in zip(front, back, strict=True))
    low, high = sorted((luminance(front), luminance(mixed)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", [name for name in INK if name != "edge"])
def test_text_is_readable_on_the_ground_and_on_its_own_tint(name: str) -> None:
    for theme, grounds in ((0, ["#ffffff"]), (1, ["#111111", "#212121"])):
        for ground in grounds:
            assert contrast(INK[name][theme], ground, 0) >= 4.5
            assert contrast(INK[name][theme], ground, TINT.get(name, (0, 0))[theme]) >= 4.5


def test_the_style_is_small_and_sets_ground_and_ink_in_both_themes() -> None:
    style = style_tag()
    assert len(style) < 12_000
    assert style.count("--bg:var(--jp-layout-color0") == 3
    assert style.count("--fg:var(--jp-ui-font-color1") == 3
    assert "\n" not in style
