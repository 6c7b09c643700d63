"""What is given back to the devices once values are gone, by libraries that are put in the real ones' place."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from blazen_nb.peer.freed_memory import give_memory_back


def fake_torch(*, uses_gpu: bool, emptied: list[str]) -> Any:
    cuda = SimpleNamespace(
        is_initialized=lambda: uses_gpu, empty_cache=lambda: emptied.append("torch")
    )
    return SimpleNamespace(cuda=cuda)


def test_libraries_that_use_the_gpu_give_back_what_they_keep_in_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emptied: list[str] = []
    pool = SimpleNamespace(free_all_blocks=lambda: emptied.append("cupy"))
    cupy = SimpleNamespace(get_default_memory_pool=lambda: pool)
    monkeypatch.setitem(sys.modules, "torch", fake_torch(uses_gpu=True, emptied=emptied))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    give_memory_back()
    assert emptied == ["torch", "cupy"]


def test_one_that_has_not_touched_the_gpu_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[str] = []
    monkeypatch.setitem(sys.modules, "torch", fake_torch(uses_gpu=False, emptied=emptied))
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    give_memory_back()
    assert emptied == []


def test_one_that_fails_is_told_of_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())  # half loaded
    with caplog.at_level(logging.WARNING, "blazen_nb.peer"):
        give_memory_back()
    assert "could not be given back" in caplog.text
