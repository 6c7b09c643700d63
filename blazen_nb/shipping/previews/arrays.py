"""Previews of NumPy arrays, tensors and sparse matrices: a corner, sliced out before anything is copied."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from blazen_nb.render.preview import LONGEST_TEXT, MOST_COLUMNS, MOST_ROWS, Column, Preview, Row
from blazen_nb.render.ref import shape_words
from blazen_nb.shipping.previews.short import cell

_FIRST, _LAST = 8, 3
_COMPRESSED = {"csr": ("row", "column"), "csc": ("column", "row")}

Read = Callable[[Any], Any]
"""A small part of an array as nested lists of what stands in it, on the host."""


def numpy_preview(value: Any) -> Preview | None:
    """The preview of an array or a NumPy scalar."""
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.generic):
        return Preview(text=str(value)[: LONGEST_TEXT + 1])
    return _array(value, _nested) if isinstance(value, numpy.ndarray) else None


def tensor_preview(value: Any) -> Preview | None:
    """The preview of a tensor; of one on a GPU only the corner comes to the host."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor):
        return None
    # To slice one of a subclass may be a matter of all processes that share it.
    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        return Preview(about="a kind of tensor of its own")
    if value.layout is not torch.strided:
        return Preview(about=str(value.layout).removeprefix("torch."))
    if value.is_quantized or value.device.type == "meta":
        return Preview(about="quantized" if value.is_quantized else "no data: on meta")
    with torch.no_grad():
        return _array(value.detach(), _on_host)


def sparse_preview(value: Any) -> Preview | None:
    """The preview of a sparse matrix: its first stored values."""
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not sparse.issparse(value):
        return None
    if value.format not in (*_COMPRESSED, "coo"):
        return Preview(about=value.format)
    stored = int(value.data.shape[0]) if value.format == "coo" else int(value.indptr[-1])
    heads = [f"axis {axis}" for axis in range(len(value.shape))]
    if value.format == "coo":
        where = [each[:MOST_ROWS] for each in value.coords]
        heads = ["row", "column"] if len(where) == 2 else heads
    else:
        numpy = sys.modules["numpy"]
        numbers = numpy.arange(min(MOST_ROWS, stored))
        outer = numpy.searchsorted(value.indptr, numbers, side="right") - 1
        where, heads = [outer, value.indices[:MOST_ROWS]], [*_COMPRESSED[value.format]]
    found = zip(*where, value.data[:MOST_ROWS], strict=True)
    rows = tuple(Row("", tuple(map(cell, each))) for each in found)[:stored]
    return Preview(
        about=f"{value.format}, {stored:,} stored",
        columns=tuple(Column(name) for name in (*heads, "value")),
        rows=rows,
        more_rows=stored - len(rows),
    )


def _array(value: Any, read: Read) -> Preview:
    shape = tuple(int(length) for length in value.shape)
    if 0 in shape:
        return Preview(about="empty")
    if not shape:
        return Preview(text=cell(read(value)))
    return _line(value, shape[0], read) if len(shape) == 1 else _corner(value, shape, read)


def _line(value: Any, length: int, read: Read) -> Preview:
    if length <= _FIRST + _LAST:
        return Preview(text=", ".join(map(cell, read(value))))
    first, last = read(value[:_FIRST]), read(value[-_LAST:])
    return Preview(text=", ".join([*map(cell, first), "...", *map(cell, last)]))


def _corner(value: Any, shape: tuple[int, ...], read: Read) -> Preview:
    """Of more than two dimensions: of the first matrix."""
    lead = (0,) * (len(shape) - 2)
    found = read(value[(*lead, slice(MOST_ROWS), slice(MOST_COLUMNS))])
    rows = tuple(Row(str(at), tuple(map(cell, line))) for at, line in enumerate(found))
    zeros = ", ".join(["0"] * len(lead))
    return Preview(
        about=f"[{zeros}] of {shape_words(shape)}" if lead else "",
        columns=tuple(Column(str(at)) for at in range(len(rows[0].cells))),
        rows=rows,
        more_rows=shape[-2] - len(rows),
        more_columns=shape[-1] - len(rows[0].cells),
    )


def _nested(corner: Any) -> Any:
    """As ``tolist``, which makes numbers of some types: here a moment stays one."""
    if corner.ndim == 0:
        return corner[()]
    return [_nested(corner[at]) if corner.ndim > 1 else corner[at] for at in range(len(corner))]


def _on_host(corner: Any) -> Any:
    host = corner.cpu()
    try:
        return host.tolist()
    except (RuntimeError, NotImplementedError):  # torch has formats that it only converts
        return host.float().tolist()
