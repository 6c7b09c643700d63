"""The codecs of this process, in the order in which they are asked; those of users come first."""

from __future__ import annotations

from typing import Any

from blazen_nb.errors import BlazenError, EncodeError, ShippingError, ValidationError, text_of
from blazen_nb.shipping.codecs.arrays import ArrayCodec, ScalarCodec
from blazen_nb.shipping.codecs.arrow import ArrowCodec
from blazen_nb.shipping.codecs.images import ImageCodec
from blazen_nb.shipping.codecs.pandas_frames import PandasCodec
from blazen_nb.shipping.codecs.polars_frames import PolarsCodec
from blazen_nb.shipping.codecs.protocol import Codec, Encoded
from blazen_nb.shipping.codecs.sparse import SparseCodec
from blazen_nb.shipping.codecs.tensors import TensorCodec
from blazen_nb.shipping.modules import notebook_name

_RESERVED = frozenset({"json", "bytes", "pickle", "ref", "buffers"})
_LONGEST_TAG = 64

_tensors = TensorCodec()
_BUILT_IN: dict[str, tuple[Codec, ...]] = {
    "numpy": (ArrayCodec(), ScalarCodec()),
    "pandas": (PandasCodec(),),
    "polars": (PolarsCodec(),),
    "pyarrow": (ArrowCodec(),),
    "torch": (_tensors,),
    "collections": (_tensors,),
    "PIL": (ImageCodec(),),
    "scipy": (SparseCodec(),),
}
"""By the first part of the name of the module that defines a value's type: others need not be asked."""

_built_in = {codec.tag: codec for codecs in _BUILT_IN.values() for codec in codecs}
_registered: dict[str, Codec] = {}


def register_codec(codec: Codec) -> None:
    """Values that the codec claims travel by it from now on; both sides must register it.

    It counts for the whole process: on a peer, for every namespace. It is asked before the codecs that come along, the
    earlier registered first. Registering again, as a cell does that is run again, replaces the codec of this class; so
    does a class of the same name in another notebook's cells.
    What it decodes is opened whether or not the other side is trusted, so ``decode`` must check what it reads.

    Args:
        codec: An object with ``tag``, ``claims(value)``, ``encode(value)`` and ``decode(head, memory)``; see
            ``blazen_nb.shipping.codecs.protocol.Codec``.

    Raises:
        ValidationError: The tag is none, or it is taken; or a method is missing.

    Example:
        >>> from fractions import Fraction
        >>> class FractionCodec:
        ...     tag = "fraction"
        ...     def claims(self, value):
        ...         return type(value) is Fraction
        ...     def encode(self, value):
        ...         return [value.numerator, value.denominator], ()
        ...     def decode(self, head, memory):
        ...         numerator, denominator = head
        ...         return Fraction(numerator, denominator)
        >>> register_codec(FractionCodec())
    """
    tag = getattr(codec, "tag", None)
    if type(tag) is not str or not tag.isprintable() or not 0 < len(tag) <= _LONGEST_TAG:
        raise ValidationError(
            f"a codec's tag is printable text of 1 to {_LONGEST_TAG} characters, not {tag!r:.80}"
        )
    missing = [
        name for name in ("claims", "encode", "decode") if not callable(getattr(codec, name, None))
    ]
    if missing:
        raise ValidationError(f"the codec {tag!r} has no {' and no '.join(missing)}")
    if tag in _RESERVED or tag in _built_in or tag.startswith("cloudpickle-"):
        raise ValidationError(f"the codec tag {tag!r} is one of blazen_nb's own; choose another")
    known = _registered.get(tag)
    if known is not None and _class_name(known) != _class_name(codec):
        raise ValidationError(
            f"the codec tag {tag!r} is taken by {_class_name(known)}; choose another"
        )
    _registered[tag] = codec


def codec_for(value: Any) -> Codec | None:
    """The codec that claims the value; None = JSON, bytes or a pickle."""
    for codec in tuple(_registered.values()):
        if codec.claims(value):
            return codec
    module = type(value).__module__
    if isinstance(module, str):
        for codec in _BUILT_IN.get(module.partition(".")[0], ()):
            if codec.claims(value):
                return codec
    return None


def encode_with_codec(value: Any) -> tuple[str, Encoded] | None:
    """Tag and bytes of the value; None where no codec writes it.

    Raises:
        Exception: Whatever a codec raises.
    """
    codec = codec_for(value)
    made = None if codec is None else codec.encode(value)
    if codec is None or made is None:
        return None
    head, memory = made
    return codec.tag, Encoded(head, tuple(memoryview(piece).cast("B") for piece in memory))


def decode_with_codec(tag: str, head: Any, memory: memoryview) -> Any:
    """The value.

    Raises:
        EncodeError: Head and memory are damaged, or no codec here has this tag.
        ShippingError: The codec's library is not installed here.
    """
    codec = _built_in.get(tag) or _registered.get(tag)
    if codec is None:
        raise EncodeError(
            f"a value arrived with the codec {tag[:_LONGEST_TAG]!r}, which this side does not know: "
            "register_codec() it here, too, or upgrade blazen-nb on this side"
        )
    try:
        return codec.decode(head, memory)
    except BlazenError:
        raise
    except ImportError as error:
        raise ShippingError(
            f"a value of the codec {tag!r} needs what is not installed here: {error}"
        ) from error
    except Exception as error:  # hostile bytes: nothing but typed errors may leave
        lines = text_of(error).strip().splitlines() or [""]
        raise EncodeError(
            f"a value of the codec {tag!r} is damaged: {type(error).__name__}: {lines[0][:200]}"
        ) from error


def _class_name(codec: Codec) -> str:
    """As in the notebook: a kernel that has started again has another namespace, and is not to be locked out."""
    kind = type(codec)
    module = notebook_name(kind.__module__)
    return f"{'__main__' if module.startswith('blazen_ns_') else module}.{kind.__qualname__}"
