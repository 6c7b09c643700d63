"""A few hostile bytes that would become many, or be taken for addresses: refused before anything is made of them."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from blazen_nb.errors import EncodeError
from blazen_nb.shipping.bulk import encode_bulk
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.shipping.codecs.safetensors_format import Stored, read, written
from tests.unit.codecs.crossing import inline, opened, tag_of, taken_apart
from tests.unit.codecs.hostile import changed, refused

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

LONG_RANGE = {"range": [0, 30_000_000, 1], "name": None}


def stream(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def test_a_message_that_says_by_metadata_that_it_is_compressed_is_not_opened() -> None:
    size = 256 << 20
    squeezed = struct.pack("<q", size) + pa.compress(bytes(size), codec="zstd", asbytes=True)
    batch = pa.record_batch({"column": pa.array(np.frombuffer(squeezed, "i1"))})
    sink = pa.BufferOutputStream()
    old = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4)
    with pa.ipc.new_stream(sink, batch.schema, options=old) as writer:
        writer.write_batch(batch, custom_metadata={"ARROW:experimental_compression": "ZSTD"})
    before = pa.total_allocated_bytes()
    with pytest.raises(EncodeError, match="compressed"):
        opened("arrow", ["table"], sink.getvalue().to_pybytes())
    assert pa.total_allocated_bytes() - before < 1 << 20
    assert pa.default_memory_pool().max_memory() < size


def test_a_range_is_not_written_out_as_the_bounds_of_intervals() -> None:
    bounds = {"interval": [LONG_RANGE, LONG_RANGE], "closed": "right"}
    refused("pandas", {"sizes": [], "index": {"values": bounds, "name": None}})


def test_a_range_is_not_looked_through_as_a_level() -> None:
    head, memory = taken_apart(pd.MultiIndex.from_tuples([(1,), (2,)]))
    refused("pandas", changed(head, index={**head["index"], "levels": [LONG_RANGE]}), memory)


@pytest.mark.parametrize(("rows", "tag"), [(1 << 16, "pandas"), ((1 << 16) + 1, "pickle")])
def test_levels_that_are_ranges_travel_up_to_the_bound(rows: int, tag: str) -> None:
    index = pd.MultiIndex([pd.RangeIndex(rows)], [[0, rows - 1]])
    assert tag_of(index) == tag
    if tag == "pandas":
        pd.testing.assert_index_equal(inline(index), index, exact=True)


def test_columns_that_lie_in_the_same_memory_are_refused() -> None:
    head, memory = taken_apart(pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}))
    told = head["each"][0]
    with pytest.raises(EncodeError, match="same memory"):
        opened("pandas", changed(head, each=[told, told]), memory)


def test_tensors_that_lie_over_each_other_are_refused() -> None:
    stored = Stored("U8", (64,), memoryview(bytes(64)))
    raw = b"".join(written({"a": stored}))
    assert read(memoryview(raw), {"U8": 1})["a"].memory == bytes(64)
    each = {"dtype": "U8", "shape": [64], "data_offsets": [0, 64]}
    text = json.dumps({"a": each, "b": each}).encode()
    with pytest.raises(ValueError, match="over each other"):
        read(memoryview(len(text).to_bytes(8, "little") + text + bytes(64)), {"U8": 1})


@pytest.mark.parametrize("nested", [False, True])
def test_addresses_of_objects_of_polars_are_refused(nested: bool) -> None:
    objects = pa.field("0", pa.binary(16)).with_metadata(
        {"ARROW:extension:name": "POLARS_EXTENSION_TYPE", "ARROW:extension:metadata": "1;8;8"}
    )
    field = pa.field("0", pa.list_(objects)) if nested else objects
    item = [b"x" * 16] if nested else b"x" * 16
    column = pa.array([item], pa.list_(pa.binary(16)) if nested else pa.binary(16))
    table = pa.Table.from_arrays([column.cast(field.type)], schema=pa.schema([field]))
    with pytest.raises(EncodeError, match="Python objects"):
        opened("polars", {"series": False, "names": ["a"], "rows": 1}, stream(table))


def test_a_buffer_is_the_memory_of_one_leaf_only() -> None:
    bulk = encode_bulk([bytes(1 << 20)])
    whole = b"".join(bulk.span(0, bulk.size))
    text_size, leaf_size, _ = bulk.sizes
    leaf, buffer = whole[text_size:][:leaf_size], whole[text_size + leaf_size :]
    parts = [b'[{"$leaf":0},{"$leaf":1}]', leaf, leaf, buffer]
    reader = BulkReader([len(part) for part in parts], [*bulk.tags, *bulk.tags])
    reader.write(0, memoryview(b"".join(parts)))
    with pytest.raises(EncodeError, match="twice"):
        reader.value(trusted=False)
