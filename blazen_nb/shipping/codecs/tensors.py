"""Tensors of torch, and state dicts, as safetensors; torch.load is never called."""

from __future__ import annotations

import ctypes
import sys
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any

from blazen_nb.events import is_json
from blazen_nb.shipping.codecs.library import library
from blazen_nb.shipping.codecs.protocol import Encoded
from blazen_nb.shipping.codecs.safetensors_format import RESERVED, Stored, read, written

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}
"""Torch's names by those of safetensors; an older torch lacks some. complex128 goes as pairs of F64."""

_ALIGNMENT = 16
_ONLY = "tensor"
"""The name of a tensor that is alone."""


class TensorCodec:
    """Tensors and parameters of every dense dtype, and state dicts.

    The device is kept where the receiver has it, else the tensor is on the CPU. ``requires_grad`` is kept, gradients
    and what a tensor was computed from are not. What arrives is contiguous. Entries of one state dict that are the
    same tensor share their memory again.
    """

    tag = "safetensors"

    def claims(self, value: Any) -> bool:
        """See Codec."""
        if "torch" not in sys.modules:
            return False
        if type(value) is not OrderedDict:
            return _takes(value)
        if not value or RESERVED in value or not vars(value).keys() <= {"_metadata"}:
            return False
        return all(type(name) is str and _takes(each) for name, each in value.items())

    def encode(self, value: Any) -> Encoded | None:
        """See Codec."""
        is_dict = type(value) is OrderedDict
        metadata = _plain_metadata(value) if is_dict else None
        if is_dict and metadata is None and hasattr(value, "_metadata"):
            return None
        named = value if is_dict else {_ONLY: value}
        first: dict[Any, str] = {}
        entries = [_entry(name, each, first) for name, each in named.items()]
        sources = {name: named[name] for name in first.values()}
        by_size = sorted(sources, key=lambda name: -sources[name].element_size())
        tensors = written({name: _stored(sources[name]) for name in by_size})
        return Encoded({"dict": is_dict, "metadata": metadata, "tensors": entries}, tensors)

    def decode(self, head: Any, memory: memoryview) -> Any:
        """See Codec."""
        torch = library("torch", "a tensor")
        stored = read(memory, {name: dtype.itemsize for name, dtype in _dtypes().items()})
        made: dict[str, Any] = {}
        tensors = OrderedDict(
            (str(entry["name"]), _tensor(torch, entry, stored, made)) for entry in head["tensors"]
        )
        if not head["dict"]:
            return tensors[_ONLY]
        if head["metadata"] is not None:
            vars(tensors)["_metadata"] = OrderedDict(
                (str(name), dict(each)) for name, each in head["metadata"]
            )
        return tensors


@cache
def _dtypes() -> dict[str, Any]:
    """Torch's dtypes by the names of safetensors."""
    torch = sys.modules["torch"]
    return {name: getattr(torch, own) for name, own in _DTYPES.items() if hasattr(torch, own)}


@cache
def _names() -> dict[Any, str]:
    torch = sys.modules["torch"]
    return {**{dtype: name for name, dtype in _dtypes().items()}, torch.complex128: "F64"}


def _takes(value: Any) -> bool:
    if type(value).__module__.partition(".")[0] != "torch":
        return False
    torch = sys.modules["torch"]
    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.layout is torch.strided
        and value.dtype in _names()
        and value.device.type != "meta"
        and not vars(value)
    )


def _plain_metadata(tensors: Any) -> list[Any] | None:
    metadata = getattr(tensors, "_metadata", None)
    if not isinstance(metadata, Mapping):
        return None
    plain = [[name, each] for name, each in metadata.items()]
    return plain if is_json(plain) else None


def _entry(name: str, tensor: Any, first: dict[Any, str]) -> dict[str, Any]:
    torch = sys.modules["torch"]
    memory = (tensor.data_ptr() or id(tensor), tensor.dtype, tensor.device)
    layout = (tuple(tensor.shape), tensor.stride(), tensor.is_conj(), tensor.is_neg())
    return {
        "name": name,
        "stored": first.setdefault((memory, layout), name),
        "device": str(tensor.device),
        "grad": tensor.requires_grad,
        "parameter": type(tensor) is torch.nn.Parameter,
        "complex128": tensor.dtype is torch.complex128,
    }


def _stored(tensor: Any) -> Stored:
    torch = sys.modules["torch"]
    plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    dtype = _names()[plain.dtype]
    if plain.dtype is torch.complex128:
        plain = torch.view_as_real(plain)
    return Stored(dtype, tuple(plain.shape), _memory(plain))


def _memory(tensor: Any) -> memoryview:
    """The tensor's own memory, with no need of NumPy."""
    size = tensor.numel() * tensor.element_size()
    if not size:
        return memoryview(b"")
    lent = (ctypes.c_ubyte * size).from_address(tensor.data_ptr())
    lent.owner = tensor  # lives as long as what it has lent
    return memoryview(lent).cast("B")


def _tensor(torch: Any, entry: Any, stored: dict[str, Stored], made: dict[str, Any]) -> Any:
    name = entry["stored"]
    if name not in made:
        made[name] = _placed(torch, _filled(torch, stored[name], entry), entry["device"])
    tensor = made[name].detach()
    if entry["parameter"]:
        return torch.nn.Parameter(tensor, requires_grad=bool(entry["grad"]))
    return tensor.requires_grad_() if entry["grad"] else tensor


def _filled(torch: Any, stored: Stored, entry: Any) -> Any:
    dtype = _dtypes()[stored.dtype]
    if stored.memory.nbytes:
        raw = torch.frombuffer(stored.memory, dtype=torch.uint8)
        # Torch reads complex128 by instructions that crash elsewhere; a clone lies well.
        aligned = raw.clone() if raw.data_ptr() % _ALIGNMENT else raw
        tensor = aligned.view(dtype).reshape(stored.shape)
    else:
        tensor = torch.empty(stored.shape, dtype=dtype)
    return torch.view_as_complex(tensor) if entry["complex128"] else tensor


def _placed(torch: Any, tensor: Any, wanted: str) -> Any:
    device = torch.device(wanted)
    counted = getattr(getattr(torch, device.type, None), "device_count", None)
    there = device.type != "cpu" and counted is not None and (device.index or 0) < counted()
    return tensor.to(device) if there else tensor
