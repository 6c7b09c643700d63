"""Objects as pickles and back: the only module that pickles; knows one object at a time, no JSON around it.

Classes and functions of the user's own namespace (``home``) are named, and found in the home of the side that
opens the pickle. Where that side may lack them, the first pickle of a value also spells them out.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from functools import cache
from types import FunctionType
from typing import Any, TypeVar

from blazen_nb.errors import BlazenError, EncodeError, LimitError, ShippingError, text_of
from blazen_nb.shipping.environment import python_minor, require_same_minor
from blazen_nb.shipping.modules import is_own, notebook_name, own_modules

PLAIN = "pickle"
WITH_BYTECODE = "cloudpickle-"
"""The codec tag of pickles with bytecode inside is this and the Python minor version."""

LEAST_BUFFER = 64 << 10
"""A buffer below this size goes into the pickle, not beside it."""

_LARGEST_BY_VALUE = 1 << 20
"""A class that drags more than this along (a global it reads) goes by name only."""


def is_pickle(tag: str) -> bool:
    """Whether opening what has this codec tag runs code of whoever wrote it."""
    return tag == PLAIN or tag.startswith(WITH_BYTECODE)


class RedefinedClass(Exception):
    """A part of a value is of a class that was defined again since; its text is the name of the class."""


class Pickling:
    """Pickles the objects of one value.

    Args:
        current: Refuse instances of classes of home that were defined again since.
    """

    def __init__(
        self,
        *,
        same_minor: bool,
        home: str,
        named: Container[str],
        limit: int | None,
        defining: str,
        current: bool = False,
    ) -> None:
        self.same_minor = same_minor
        self.limit = limit
        self._current = current
        self._root: Any = None
        self.buffers: list[memoryview] | None = None
        """Where large buffers go that are to travel beside the pickles; None = into them."""
        self.references: set[str] = set()
        """Top-level names of home that the pickles refer to."""
        self.modules: set[str] = set()
        """Other modules that they refer to."""
        self._home = home
        self._named = named
        self._defining = defining
        self._spelled: set[str] = set()
        self._has_bytecode = False

    def dump(self, value: Any) -> tuple[str, bytes]:
        """The object as (codec tag, payload).

        Raises:
            LimitError: it is larger than the limit.
            RedefinedClass: a class of home was defined again since a part of it was made; only where asked for.
            Exception: it cannot be pickled; whatever its own methods raise.
        """
        self._has_bytecode = False
        self._root = value
        buffers = len(self.buffers or ())
        try:
            payload = self._run(_PlainPickler, value)
        except (LimitError, RedefinedClass):
            raise
        except Exception:  # objects raise anything from their __reduce__
            if not self.same_minor:
                raise
            del (self.buffers or [])[buffers:]
            payload = self._run(_cloud_pickler(), value)
            self._has_bytecode = True
        return (f"{WITH_BYTECODE}{python_minor()}" if self._has_bytecode else PLAIN), payload

    def reduce(self, obj: Any) -> Any:
        """How an object of home is pickled; NotImplemented for every other object."""
        if not isinstance(obj, (type, FunctionType, TypeVar)):
            return NotImplemented
        if obj.__module__ != self._home:
            return self._of_module(obj)
        name = self._home_name(obj)
        if name is None or self.must_spell_out(obj):
            self._refuse_redefined(obj)
            return NotImplemented
        top = name.partition(".")[0]
        self.references.add(top)
        return _home_object, (name, None if top in self._named else self._by_value(name, obj))

    def _of_module(self, obj: Any) -> Any:
        """How what another module defines is pickled: by name; one of the namespace's own by its notebook's name."""
        if not isinstance(obj.__module__, str):
            return NotImplemented
        self.modules.add(obj.__module__)
        if not is_own(obj, self._home):
            return NotImplemented
        name: str = getattr(obj, "__qualname__", obj.__name__)
        if find_object(obj.__module__, name) is not obj:
            return NotImplemented
        return _own_object, (notebook_name(obj.__module__), name)

    def _refuse_redefined(self, obj: Any) -> None:
        if not self._current or obj is self._root or not isinstance(obj, type):
            return
        if isinstance(find_object(self._home, obj.__qualname__), type) and not self.must_spell_out(
            obj
        ):
            raise RedefinedClass(obj.__qualname__)

    def goes_along(self, buffer: pickle.PickleBuffer) -> bool:
        """Whether the buffer belongs into the pickle; else it is among ``buffers`` from now on."""
        if self.buffers is None:
            return True
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if raw.nbytes < LEAST_BUFFER:
            return True
        self.buffers.append(raw)
        return False

    def must_spell_out(self, obj: Any) -> bool:
        """True for the very object that the other side will define by this value."""
        return bool(self._defining) and self._home_name(obj) == self._defining

    def culprit(self, value: Any, depth: int = 4) -> tuple[str, Any]:
        """The path to the innermost part of an object that cannot be pickled, and that part."""
        self.buffers = None
        for step, part in _parts(value):
            try:
                _cloud_pickler()(io.BytesIO(), self).dump(part)
            except Exception:  # this is the part that cannot
                inner, found = self.culprit(part, depth - 1) if depth else ("", part)
                return step + inner, found
        return "", value

    def needs_bytecode(self, value: Any) -> bool:
        """Whether the object could travel to a side of the same Python minor, which this one is not."""
        try:
            _cloud_pickler()(io.BytesIO(), self).dump(value)
        except Exception:  # objects raise anything from their __reduce__
            return False
        return not self.same_minor

    def _run(self, pickler: Callable[[io.BytesIO, Pickling], Any], value: Any) -> bytes:
        buffer = io.BytesIO() if self.limit is None else _CappedBuffer(self.limit)
        pickler(buffer, self).dump(value)
        return buffer.getvalue()

    def _home_name(self, obj: Any) -> str | None:
        if not isinstance(obj, (type, FunctionType, TypeVar)) or obj.__module__ != self._home:
            return None
        name: str = getattr(obj, "__qualname__", obj.__name__)
        return name if find_object(self._home, name) is obj else None

    def _by_value(self, name: str, obj: Any) -> bytes | None:
        if not self.same_minor or name in self._spelled:
            return None
        self._spelled.add(name)
        import cloudpickle

        if self._home != "__main__":
            cloudpickle.register_pickle_by_value(sys.modules[self._home])
        buffer = _CappedBuffer(_LARGEST_BY_VALUE)
        try:
            cloudpickle.Pickler(buffer, protocol=5).dump(obj)
        except Exception:  # then its name must do, and the other side says what is missing
            return None
        self._has_bytecode = True
        return buffer.getvalue()


class Unpickling:
    """Opens the pickles of one value, in the order in which they were made."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._spelled: dict[str, Any] = {}

    def load(self, tag: str, payload: bytes, buffers: Iterable[Any] = ()) -> Any:
        """The object; this runs code of whoever made the pickle.

        Args:
            buffers: Those that travelled beside it, in order.

        Raises:
            EnvironmentMismatchError: it has bytecode of another Python minor.
            ShippingError: what it needs is missing on this side.
            EncodeError: it is damaged.
        """
        if tag.startswith(WITH_BYTECODE):
            theirs = tag.removeprefix(WITH_BYTECODE)
            require_same_minor(python_minor(), theirs, "a function or class by value")
        try:
            return self._run(payload, buffers)
        except BlazenError:
            raise
        except ModuleNotFoundError as error:
            raise ShippingError(
                f"a pickled value needs the module {error.name}, which is not installed on this side: "
                "install it here, or send plain data"
            ) from error
        except (AttributeError, ImportError) as error:
            raise ShippingError(
                f"a pickled value needs something that is not defined on this side ({reason_of(error)}): "
                "define it here too, or send plain data"
            ) from error
        except Exception as error:  # unpickling runs code that may raise anything
            raise EncodeError(f"a pickled value cannot be opened: {reason_of(error)}") from error

    def home_object(self, name: str, by_value: bytes | None) -> Any:
        """The object of this name in home, else as it was spelled out."""
        found = find_object(self._home, name)
        if found is not None:
            return found
        if by_value is not None:
            self._spelled[name] = self._run(by_value)
        if name not in self._spelled:
            raise ShippingError(
                f"{name} is not defined on this side, and it could not travel with the value: "
                f"run the cell that defines {name} here too, or send plain data"
            )
        return self._spelled[name]

    def _run(self, payload: bytes, buffers: Iterable[Any] = ()) -> Any:
        return _Unpickler(payload, buffers, self._home, self).load()


class _PlainPickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, job: Pickling) -> None:
        super().__init__(buffer, protocol=5, buffer_callback=job.goes_along)
        self._job = job

    def reducer_override(self, obj: Any) -> Any:
        if self._job.must_spell_out(obj):
            raise pickle.PicklingError(f"{obj.__name__} has no source that could travel")
        return self._job.reduce(obj)


@cache
def _cloud_pickler() -> Callable[[io.BytesIO, Pickling], Any]:
    import cloudpickle

    class CloudPickler(cloudpickle.Pickler):  # type: ignore[misc]
        def __init__(self, buffer: io.BytesIO, job: Pickling) -> None:
            super().__init__(buffer, protocol=5, buffer_callback=job.goes_along)
            self._job = job

        def reducer_override(self, obj: Any) -> Any:
            reduced = self._job.reduce(obj)
            return super().reducer_override(obj) if reduced is NotImplemented else reduced

    return CloudPickler


class _Unpickler(pickle.Unpickler):
    def __init__(self, payload: bytes, buffers: Iterable[Any], home: str, job: Unpickling) -> None:
        super().__init__(io.BytesIO(payload), buffers=buffers)
        self._home = home
        self._job = job

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name == _home_object.__name__:
            return self._job.home_object
        if module == __name__ and name == _own_object.__name__:
            return self.find_class
        own = own_modules(self._home)
        if own is not None and own.has(module):
            module = own.load(module).__name__
        return super().find_class(self._home if module == "__main__" else module, name)


class _CappedBuffer(io.BytesIO):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any, /) -> int:
        if self.tell() + memoryview(data).nbytes > self._limit:
            raise LimitError(f"the value is larger than {self._limit:,} bytes")
        return super().write(data)


def find_object(module: str, name: str) -> Any:
    """What the dotted name is in this module now, or None."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def reason_of(error: BaseException) -> str:
    """``TypeError: cannot pickle ...``, in one line."""
    lines = text_of(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _home_object(name: str, by_value: bytes | None) -> Any:
    """Stands in pickles for the lookup on the side that opens them; the unpickler puts its own there."""
    raise EncodeError(f"{name} can only be unpickled by blazen_nb")


def _own_object(module: str, name: str) -> Any:
    """The same for what one of the user's own modules defines."""
    raise EncodeError(f"{module}.{name} can only be unpickled by blazen_nb")


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, FunctionType):
        for name in value.__code__.co_names:
            if name in value.__globals__:
                yield f" global {name}", value.__globals__[name]
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
            yield f" variable {name}", cell.cell_contents
    elif isinstance(value, dict):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif not isinstance(value, type):
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            yield from ((f".{name}", item) for name, item in attributes.items())
