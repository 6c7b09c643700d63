"""A value on a peer, as people see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blazen_nb.render.ref import RefView, ref_repr, size_words, stable_ref

VIEW = RefView(
    type_name="torch.Tensor",
    shape=(4096, 4096),
    dtype="torch.float16",
    size=32 << 20,
    device="cuda:0",
    owner="gpu-box",
    lifetime="UntilParentFinish",
)


def test_the_text_says_what_where_and_what_to_do_in_one_line() -> None:
    assert ref_repr(VIEW)[1] == (
        "RemoteRef(torch.Tensor 4,096 x 4,096 torch.float16, 32.0 MiB, cuda:0, on gpu-box; "
        "stays there, remote cells that read it use it in place, fetch() brings a copy here)"
    )


def test_the_stable_text_names_no_device() -> None:
    assert stable_ref(VIEW) == "RemoteRef(torch.Tensor, 4,096 x 4,096 torch.float16, on gpu-box)"


def test_what_is_not_known_is_left_out() -> None:
    view = RefView(
        type_name="Model\n",
        shape=None,
        dtype="",
        size=None,
        device="",
        owner="gpu-box",
        lifetime="",
        is_released=True,
    )
    text = ref_repr(view)[1]
    assert text.startswith("RemoteRef(Model")
    assert text.endswith(", on gpu-box; released)")
    assert "\n" not in text


def test_the_card_escapes_what_a_peer_says() -> None:
    view = RefView(
        type_name="<script>",
        shape=(1,),
        dtype="<b>",
        size=1,
        device="<i>",
        owner="<u>",
        lifetime="<s>",
    )
    html = ref_repr(view)[0]
    for tag in ("<script>", "<b>", "<i>", "<u>", "<s>"):
        assert tag not in html


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (64 << 20, "64.0 MiB"),
        (3 << 40, "3,072.0 GiB"),
    ],
)
def test_sizes_are_told_in_binary_units(size: int, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (0.4, "just now"),
        (1, "1 second ago"),
        (119, "1 minute ago"),
        (7_200, "2 hours ago"),
        (90_000, "1 day ago"),
        (-5, "just now"),
    ],
)
def test_the_card_says_how_long_ago_the_value_was_made(past: float, words: str) -> None:
    html, text = ref_repr(replace(VIEW, created_at=1000.0), now=1000.0 + past)
    assert f"<dd>{words}</dd>" in html
    assert words not in text


def test_a_value_of_unknown_age_has_none() -> None:
    assert "Made" not in ref_repr(VIEW)[0]
