"""Tensors of torch and state dicts: the same bits again, in a format that the safetensors package reads, too."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazen_nb.shipping.codecs.tensors import _DTYPES
from blazen_nb.shipping.described import describe
from tests.unit.codecs.crossing import BOTH_WAYS, in_bulk, inline, opened, tag_of, taken_apart
from tests.unit.codecs.hostile import HUGE, changed, cut_short, damage, refused

torch = pytest.importorskip("torch", reason="torch is too large for the tests' environment")

NAMES = [name for name in (*_DTYPES.values(), "complex128") if hasattr(torch, name)]


@st.composite
def tensors(draw: st.DrawFn) -> Any:
    dtype = getattr(torch, draw(st.sampled_from(NAMES)))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    count = int(np.prod(shape, dtype=int)) * dtype.itemsize
    raw = bytearray(draw(st.binary(min_size=count, max_size=count)))
    if dtype is torch.bool:
        raw = bytearray(byte % 2 for byte in raw)
    # A clone lies where torch can read it; bytes may lie elsewhere.
    flat = torch.frombuffer(raw, dtype=torch.uint8).clone().view(dtype) if raw else None
    flat = torch.empty(0, dtype=dtype) if flat is None else flat
    tensor = flat.reshape(shape)
    view = draw(st.sampled_from(["whole", "transposed", "every other"]))
    if tensor.ndim and view == "every other":
        return tensor[..., ::2]
    return tensor.permute(list(reversed(range(tensor.ndim)))) if view == "transposed" else tensor


def bits(tensor: Any) -> bytes:
    plain = (
        tensor.detach()
        .resolve_conj()
        .resolve_neg()
        .clone(memory_format=torch.contiguous_format)
        .reshape(-1)
    )
    return bytes(plain.view(torch.uint8).numpy().tobytes()) if plain.numel() else b""


def same_tensor(left: Any, right: Any) -> bool:
    return (
        type(left) is type(right)
        and left.dtype == right.dtype
        and left.shape == right.shape
        and left.requires_grad == right.requires_grad
        and bits(left) == bits(right)
    )


@settings(max_examples=250, deadline=None)
@given(tensors(), st.sampled_from(BOTH_WAYS))
def test_a_tensor_comes_back_bit_for_bit(tensor: Any, way: Callable[[Any], Any]) -> None:
    assert tag_of(tensor) == "safetensors"
    back = way([tensor])[0]
    assert same_tensor(tensor, back)
    assert back.is_contiguous()


@pytest.mark.parametrize("name", NAMES)
def test_every_dtype_travels_in_bulk(name: str) -> None:
    tensor = torch.zeros(300, 400, dtype=getattr(torch, name))
    assert same_tensor(tensor, in_bulk({"t": tensor})["t"])


def test_what_arrives_is_the_receivers_own() -> None:
    for way in BOTH_WAYS:
        tensor = torch.zeros(40_000)
        back = way(tensor)
        back += 1
        assert not tensor.any()


def test_conjugates_and_negatives_are_resolved() -> None:
    tensor = torch.tensor([1 + 2j, 3 - 4j]).conj()
    assert same_tensor(tensor, inline(tensor))
    assert same_tensor(tensor.imag, inline(tensor.imag))


def test_requires_grad_is_kept_and_gradients_are_not() -> None:
    leaf = torch.ones(3, requires_grad=True)
    (leaf * 2).sum().backward()
    back = inline([leaf, leaf * 2])
    assert (back[0].requires_grad, back[0].grad) == (True, None)
    assert (back[1].requires_grad, back[1].grad_fn) == (True, None)
    parameter = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    assert same_tensor(parameter, inline(parameter))


def model() -> Any:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(300, 200), torch.nn.BatchNorm1d(200), torch.nn.Linear(200, 3).half()
    )


@pytest.mark.parametrize("way", BOTH_WAYS)
def test_a_state_dict_fits_its_model_again(way: Callable[[Any], Any]) -> None:
    state = model().state_dict()
    assert tag_of(state) == "safetensors"
    back = way(state)
    assert type(back) is OrderedDict
    assert list(back) == list(state)
    assert vars(back)["_metadata"] == vars(state)["_metadata"]
    assert all(same_tensor(state[name], back[name]) for name in state)
    fresh = model()
    fresh.load_state_dict(back)


def test_entries_that_are_one_tensor_are_one_again() -> None:
    shared = torch.zeros(5)
    back = inline(OrderedDict(a=shared, b=torch.ones(2), c=shared))
    back["a"][0] = 7
    assert back["c"][0] == 7
    assert back["a"].untyped_storage().data_ptr() == back["c"].untyped_storage().data_ptr()
    _, memory = taken_apart(OrderedDict(a=shared, c=shared))
    assert len(memory) < 200


def test_nested_dicts_of_tensors_travel_leaf_by_leaf() -> None:
    value = {"layers": [{"w": torch.ones(2, 2), "b": torch.zeros(2)}], "step": 5}
    back = inline(value)
    assert same_tensor(back["layers"][0]["w"], value["layers"][0]["w"])  # type: ignore[index]
    assert back["step"] == 5


def test_a_view_travels_without_the_rest_of_its_memory() -> None:
    row = torch.zeros(1000, 1000)[3]
    _, memory = taken_apart(row)
    assert len(memory) < 5000


def test_the_memory_is_what_the_package_reads_and_writes() -> None:
    package = pytest.importorskip("safetensors.torch")
    state = model().state_dict()
    state["odd"] = torch.ones(3, dtype=torch.int8)
    _, memory = taken_apart(state)
    for read in (package.load(memory), package.load(package.save(dict(state)))):
        assert all(same_tensor(state[name], read[name]) for name in state)
    head, _ = taken_apart(state)
    back = opened("safetensors", head, package.save(dict(state)))
    assert all(same_tensor(state[name], back[name]) for name in state)


def test_what_is_no_dense_tensor_is_left_to_the_pickle() -> None:
    class Sub(torch.Tensor):  # type: ignore[misc, name-defined]
        pass

    for value in (
        torch.zeros(3).to_sparse(),
        torch.zeros(2).as_subclass(Sub),
        torch.zeros(2, device="meta"),
    ):
        assert describe(value).type_tag == "pickle"
    assert describe(OrderedDict(a=torch.ones(1), b=2)).type_tag == "pickle"
    assert describe(OrderedDict()).type_tag == "pickle"


def test_a_device_that_is_not_here_becomes_the_cpu() -> None:
    head, memory = taken_apart(torch.arange(4))
    head["tensors"][0]["device"] = "cuda:63"
    back = opened("safetensors", head, memory)
    assert back.device.type == "cpu"
    assert back.tolist() == [0, 1, 2, 3]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_device_that_is_here_is_used_again() -> None:
    tensor = torch.arange(4, device="cuda")
    back = inline(tensor)
    assert back.device == tensor.device
    assert back.tolist() == [0, 1, 2, 3]


def test_a_ref_tells_dtype_and_device() -> None:
    about = describe(torch.zeros(2, 3, dtype=torch.bfloat16))
    assert (about.type_tag, about.type_name) == ("safetensors", "torch.Tensor")
    assert (about.shape, about.dtype, about.size, about.device) == (
        (2, 3),
        "torch.bfloat16",
        12,
        "cpu",
    )


def test_torch_load_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("torch.load was called")

    monkeypatch.setattr(torch, "load", forbidden)
    monkeypatch.setattr(torch.storage, "_load_from_bytes", forbidden)
    for value in (torch.ones(3), model().state_dict(), [torch.nn.Parameter(torch.ones(2))]):
        for way in BOTH_WAYS:
            way(value)


def test_cut_payloads_are_refused() -> None:
    cut_short(torch.ones(20))
    cut_short(model().state_dict())


def lying(**fields: Any) -> bytes:
    text = json.dumps(
        {"tensor": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **fields}}
    ).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8)


@pytest.mark.parametrize(
    "memory",
    [
        lying(shape=[HUGE]),
        lying(shape=[HUGE, HUGE]),
        lying(shape=[-2]),
        lying(shape=2),
        lying(shape=[3]),
        lying(dtype="F64"),
        lying(dtype="F99"),
        lying(dtype=["F32"]),
        lying(data_offsets=[0, HUGE]),
        lying(data_offsets=[-8, 0]),
        lying(data_offsets=[8, 0]),
        lying(data_offsets=[8, 16]),
        lying(data_offsets=[0]),
        (1 << 62).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}",
        (50_000).to_bytes(8, "little") + b"[" * 50_000,
        b"",
        b"1234",
    ],
)
def test_memory_that_lies_is_refused(memory: bytes) -> None:
    head, _ = taken_apart(torch.ones(2))
    refused("safetensors", head, memory)


@pytest.mark.parametrize("name", NAMES)
def test_memory_at_an_odd_place_does_not_crash_torch(name: str) -> None:
    tensor = torch.zeros(7, dtype=getattr(torch, name))
    head, memory = taken_apart(tensor)
    length = int.from_bytes(memory[:8], "little")
    for shift in range(1, 5):
        odd = (length + shift).to_bytes(8, "little") + memory[8 : 8 + length]
        back = opened("safetensors", head, odd + b" " * shift + memory[8 + length :])
        assert same_tensor(tensor, back)


@pytest.mark.parametrize(
    "fields",
    [
        {"tensors": []},
        {"tensors": None},
        {"tensors": [{}]},
        {"tensors": [{"name": "x", "stored": "none"}]},
        {"dict": True, "metadata": 5},
        {"dict": True, "metadata": [1]},
    ],
)
def test_heads_that_lie_are_refused(fields: Any) -> None:
    head, memory = taken_apart(torch.ones(2))
    refused("safetensors", changed(head, **fields), memory)


@settings(max_examples=150, deadline=None)
@given(tensors(), st.data())
def test_damaged_payloads_are_a_tensor_or_a_typed_error(tensor: Any, data: st.DataObject) -> None:
    damage(tensor, data, torch.Tensor)
