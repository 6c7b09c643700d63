"""Parts of values behind refs: taken out on the peer, so that nothing else travels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.client import bulk
from blazen_nb.errors import SessionRefError, ValidationError
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.shipping.part_keys import part_of

numpy = pytest.importorskip("numpy")


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the values that came here."""
    sizes: list[int] = []
    run = bulk._Fetch.run

    async def noted(fetch: bulk._Fetch) -> BulkReader:
        reader = await run(fetch)
        sizes.append(reader.arrived)
        return reader

    monkeypatch.setattr(bulk._Fetch, "run", noted)
    return sizes


@pytest.mark.parametrize(
    "key",
    [3, slice(0, 10), numpy.s_[:10, 3], numpy.s_[..., ::7], [1, 5], (None, 2), numpy.int64(4)],
    ids=repr,
)
def test_only_the_part_of_an_array_travels(
    client: PeerClient, arrived: list[int], key: Any
) -> None:
    array = numpy.arange(100_000).reshape(1000, 100)
    ref = client.put(array)
    part = ref.fetch(key)
    assert numpy.array_equal(part, array[key])
    assert arrived == [pytest.approx(array[key].nbytes, abs=200)]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("abcdef", slice(2, 4)),
        (b"abcdef", slice(None, 3)),
        ([1, [2], 3], 1),
        ({"a": 1, "b": [2]}, "b"),
    ],
    ids=repr,
)
def test_parts_of_plain_values_come_as_python_gives_them(
    client: PeerClient, value: Any, key: Any
) -> None:
    assert client.put(value).fetch(key) == value[key]


@pytest.mark.parametrize("part", [numpy.s_[:, 3], numpy.s_[3, ::-1], numpy.s_[::2, ::3]], ids=repr)
def test_a_strided_array_can_be_put(client: PeerClient, part: Any) -> None:
    array = numpy.arange(1000).reshape(10, 100)[part]
    assert numpy.array_equal(client.put(array).fetch(), array)


@pytest.mark.parametrize(
    "text", ["{", '{"code":[1]}', '{"slice":[1]}', '{"a":[],"b":[]}', "[" * 9999]
)
def test_a_text_that_is_no_key_is_refused_on_the_peer(text: str) -> None:
    with pytest.raises(ValidationError, match="cannot be read"):
        part_of([1, 2], text)


def test_a_part_of_a_tensor_comes_without_the_rest(client: PeerClient, arrived: list[int]) -> None:
    torch = pytest.importorskip("torch")
    part = client.put(torch.arange(1_000_000)).fetch(slice(0, 10))
    assert part.tolist() == list(range(10))
    assert arrived[0] < 50_000


def test_rows_and_columns_of_a_frame(client: PeerClient, arrived: list[int]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({name: numpy.arange(10_000) for name in "abc"})
    ref = client.put(frame)
    assert ref.fetch(slice(5, 8)).equals(frame[5:8])
    assert ref.fetch(["a", "c"]).equals(frame[["a", "c"]])
    assert arrived[0] < 5_000


def test_a_key_that_leads_nowhere_is_an_error_with_the_peers_words(client: PeerClient) -> None:
    with pytest.raises(ValidationError, match="list has no such part: IndexError: list index"):
        client.put([1, 2]).fetch(7)
    with pytest.raises(ValidationError, match="KeyError: 'x'"):
        client.put({"a": 1}).fetch("x")


def test_a_key_that_is_not_plain_data_is_refused_here(client: PeerClient) -> None:
    ref = client.put([1, 2])
    with pytest.raises(ValidationError, match="not by function"):
        ref.fetch(lambda: 0)
    with pytest.raises(ValidationError, match="takes one key"):
        ref.fetch(0, 1)


def test_a_part_can_be_awaited(client: PeerClient) -> None:
    assert asyncio.run(client.put([1, 2, 3]).afetch(slice(1, None))) == [2, 3]


def test_a_released_ref_has_no_parts(client: PeerClient) -> None:
    ref = client.put([1])
    ref.release()
    with pytest.raises(SessionRefError, match="was released"):
        ref.fetch(0)
