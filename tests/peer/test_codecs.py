"""Every codec on the wire: as an input, as a result, put and fetched; the peer takes no pickle."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest

from blazen_nb import Context, StartEvent, StopEvent, register_codec, step
from blazen_nb.errors import EncodeError, ShippingError
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.shipping.codecs import registry
from blazen_nb.testing import LocalPeer


@step(id="codecs::echo")
def echo(ctx: Context, ev: StartEvent) -> StopEvent:
    seen = f"{type(ev.value).__module__}.{type(ev.value).__qualname__}"
    return StopEvent(result={"value": ev.value, "seen": seen})


@step(id="codecs::kept")
def kept(ctx: Context, ev: StartEvent) -> StopEvent:
    return StopEvent(result=ctx.put(ev.value))


@pytest.fixture(scope="module")
def peer() -> Iterator[LocalPeer]:
    with LocalPeer("gpu-box", accept_code="never") as peer:
        yield peer


def array() -> tuple[Any, Any]:
    np = pytest.importorskip("numpy")
    value = np.zeros((30, 4), dtype=[("a", ">i2"), ("b", "M8[ms]")])
    return value, lambda back: back.dtype == value.dtype and back.tobytes() == value.tobytes()


def scalar() -> tuple[Any, Any]:
    np = pytest.importorskip("numpy")
    return np.float32(1.5), lambda back: type(back) is np.float32 and back == 1.5


def pandas_frame() -> tuple[Any, Any]:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")  # without it text is pickled
    value = pd.DataFrame(
        {"n": [1, 2], "s": ["x", None], "c": pd.Categorical(["u", "v"])},
        index=pd.date_range("2024-01-01", periods=2, tz="UTC"),
    )
    return value, lambda back: pd.testing.assert_frame_equal(value, back) is None


def polars_frame() -> tuple[Any, Any]:
    pl = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    value = pl.DataFrame({"n": [1, None], "s": ["x", "y"]})
    return value, lambda back: back.equals(value)


def arrow_table() -> tuple[Any, Any]:
    pa = pytest.importorskip("pyarrow")
    value = pa.table({"n": [1, None], "s": ["x", "y"]})
    return value, lambda back: back.equals(value)


def sparse_matrix() -> tuple[Any, Any]:
    sparse = pytest.importorskip("scipy.sparse")
    value = sparse.random_array((20, 30), density=0.1, format="csr", rng=1)
    return value, lambda back: back.format == "csr" and (back != value).nnz == 0


def image() -> tuple[Any, Any]:
    pil = pytest.importorskip("PIL.Image")
    value = pil.effect_noise((20, 30), 90).convert("RGB")
    return value, lambda back: back.mode == "RGB" and back.tobytes() == value.tobytes()


def tensor() -> tuple[Any, Any]:
    torch = pytest.importorskip("torch", reason="torch is too large for the tests' environment")
    value = torch.arange(12, dtype=torch.bfloat16).reshape(3, 4)
    return value, lambda back: back.dtype == value.dtype and bool((back == value).all())


def state_dict() -> tuple[Any, Any]:
    torch = pytest.importorskip("torch", reason="torch is too large for the tests' environment")
    value = torch.nn.Linear(3, 2).state_dict()
    return (
        value,
        lambda back: (
            type(back) is OrderedDict and all((back[name] == value[name]).all() for name in value)
        ),
    )


MAKERS = [
    *(array, scalar, pandas_frame, polars_frame, arrow_table, sparse_matrix, image),
    *(tensor, state_dict),
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_value_goes_in_and_comes_out(peer: LocalPeer, make: Callable[[], Any]) -> None:
    value, equals = make()
    result = peer.client.run_remote_workflow("w", ["codecs::echo"], {"value": value}).result
    assert result["seen"] == f"{type(value).__module__}.{type(value).__qualname__}"
    assert equals(result["value"])


@pytest.mark.parametrize("make", MAKERS)
def test_a_value_is_put_and_fetched(peer: LocalPeer, make: Callable[[], Any]) -> None:
    value, equals = make()
    ref = peer.client.put(value)
    assert ref.type_tag == registry.codec_for(value).tag  # type: ignore[union-attr]
    assert equals(ref.fetch())
    kept = peer.client.run_remote_workflow("w", ["codecs::kept"], {"value": ref}).result
    assert equals(kept.fetch())


def test_an_object_that_only_a_pickle_can_write_is_refused(peer: LocalPeer) -> None:
    with pytest.raises(ShippingError, match="not opened"):
        peer.client.run_remote_workflow("w", ["codecs::echo"], {"value": Fraction(1, 3)})


class FractionCodec:
    tag = "fraction"

    def claims(self, value: Any) -> bool:
        return type(value) is Fraction

    def encode(self, value: Any) -> Any:
        return [value.numerator, value.denominator], ()

    def decode(self, head: Any, memory: memoryview) -> Any:
        numerator, denominator = head
        return Fraction(numerator, denominator)


def test_a_registered_type_crosses_as_any_other(
    peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    register_codec(FractionCodec())
    value = Fraction(1, 3)
    result = peer.client.run_remote_workflow("w", ["codecs::echo"], {"value": value}).result
    assert result == {"value": value, "seen": "fractions.Fraction"}
    ref = peer.client.put([value])
    assert ref.fetch() == [value]
    registry._registered.clear()  # this process is both sides: neither knows it any more
    monkeypatch.setattr(registry, "codec_for", lambda value: FractionCodec())
    with pytest.raises(EncodeError, match="'fraction', which this side does not know"):
        ref.fetch()


CELL = """
from blazen_nb import register_codec

class Samples:
    def __init__(self, data):
        self.data = data

class SamplesCodec:
    tag = "samples"
    def claims(self, value):
        return type(value) is Samples
    def encode(self, value):
        return None, [value.data]
    def decode(self, head, memory):
        return Samples(bytearray(memory))

register_codec(SamplesCodec())
Samples(bytearray(b"abc"))
"""


@pytest.fixture
def trusting_peer() -> Iterator[LocalPeer]:
    with LocalPeer() as peer:
        yield peer


def test_a_cell_registers_a_codec_and_may_be_run_again_from_any_namespace(
    trusting_peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    cell = parse_cell(CELL, label="cell [1]", first_line=2)
    with trusting_peer.connect() as other:
        for client in (trusting_peer.client, trusting_peer.client, other):
            back = client.start_cell(cell).result(5.0).result
            assert back.data == b"abc"
            assert list(registry._registered) == ["samples"]
