"""Refs as a table, and a peer's memory as a card."""

from __future__ import annotations

import re
from dataclasses import replace

from blazen_nb.devices import Devices, Gpu, Holding
from blazen_nb.render.memory import memory_repr, refs_repr
from blazen_nb.render.ref import RefView

SMALL = RefView(
    type_name="numpy.ndarray",
    shape=(2, 3),
    dtype="float32",
    size=24,
    device="",
    owner="gpu-box",
    lifetime="UntilParentFinish",
    created_at=100.0,
)
LARGE = replace(
    SMALL,
    type_name="torch.Tensor",
    size=3 << 20,
    device="cuda:0",
    run_id="0a1b2c3d-0000-4000-8000-000000000000",
    holder="train.ipynb",
)
UNKNOWN = replace(SMALL, type_name="<b>Model</b>", shape=None, dtype="", size=None)


def test_refs_are_lines_of_text_the_largest_first() -> None:
    assert refs_repr([SMALL, LARGE, UNKNOWN], now=112.5)[1].splitlines() == [
        "Refs: 3 values, 3.0 MiB and 1 of unknown size",
        (
            "  torch.Tensor 2 x 3 float32, 3.0 MiB, cuda:0, on gpu-box, 12.5 s, "
            "run 0a1b2c3d, UntilParentFinish for train.ipynb"
        ),
        "  numpy.ndarray 2 x 3 float32, 24 B, on gpu-box, 12.5 s, UntilParentFinish",
        "  <b>Model</b>, on gpu-box, 12.5 s, UntilParentFinish",
    ]


def test_the_table_has_a_row_for_each_ref_and_no_markup_of_theirs() -> None:
    html = refs_repr([SMALL, LARGE, UNKNOWN], now=112.5)[0]
    assert html.count('<th scope="row"') == 3
    assert "<b>Model" not in html
    assert "&lt;b&gt;Model" in html


def test_a_long_table_says_how_many_are_left_out() -> None:
    html, text = refs_repr([SMALL] * 10_000, now=100.0)
    assert html.count('<th scope="row"') == 40
    assert text.splitlines()[-1] == "and 9,960 more"


def test_no_refs_are_said_to_be_none() -> None:
    assert refs_repr([])[1] == "Refs: 0 values, 0 B"


def test_memory_says_what_the_process_the_host_and_each_gpu_hold() -> None:
    gpus = (Gpu(name="H100", memory_used=1 << 30, memory_total=80 << 30), Gpu(name="slice"))
    devices = Devices(
        cpu=0.1, memory_used=2 << 30, memory_total=4 << 30, gpus=gpus, at=112.0, process_memory=512
    )
    html, text = memory_repr("gpu-box", devices, (), {"UntilParentFinish": 24}, [SMALL])
    assert text == (
        "PeerMemory(gpu-box, peer 512 B, host 2.0 GiB of 4.0 GiB, H100 1.0 GiB of 80.0 GiB, "
        "slice not known, refs 24 B)"
    )
    assert html.count('<th scope="row"') == 1


def test_memory_has_a_row_for_each_holder_and_one_for_other_users() -> None:
    mine = Holding(
        holder="<i>train.ipynb", is_others=False, device="cuda:0", count=2, size=3 << 20, unknown=1
    )
    others = Holding(holder="", is_others=True, device="", count=1200, size=24, unknown=0)
    nobody = Holding(holder="", is_others=False, device="", count=1, size=0, unknown=1)
    devices = Devices(cpu=0.1, memory_used=1, memory_total=2, at=112.0)
    html = memory_repr("gpu-box", devices, (mine, others, nobody), {}, [])[0]
    rows = [re.sub("<[^>]+>", "|", each) for each in html.split("<tr>")[-3:]]
    assert "&lt;i&gt;train.ipynb" in rows[0]
    assert [text for text in rows[0].split("|") if text][1:4] == [
        "cuda:0",
        "2",
        "3.0 MiB and 1 of unknown size",
    ]
    assert [text for text in rows[1].split("|") if text][:4] == [
        "other users",
        "host",
        "1,200",
        "24 B",
    ]
    assert "calls without a session" in rows[2]
