"""Names that a cell needs from outside, found in its source alone."""

from __future__ import annotations

import sys

import pytest

from blazen_nb.shipping.names import read_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = y + 1", "y"),
        ("x += 1", "x"),
        ("x = 1\nx += y", "y"),
        ("print(x)\nx = 1", "x"),
        ("del gone", "gone"),
        ("print(len([1]))", ""),
        ("a.b.c(d[e:f])", "a d e f"),
        ("f'{a!r:{b}}'", "a b"),
        # functions
        ("def f(a, /, b=c, *d, e: g, **h) -> i: return a, b, d, e, h, j", "c g i j"),
        ("def f(): return later\nlater = 1", ""),
        ("def f(): return f()", ""),
        ("def f():\n  x = 1\n  def g(): return x + y\n  return g", "y"),
        ("def f():\n  n = 0\n  def g():\n    nonlocal n\n    n += k\n  return g", "k"),
        ("def f():\n  global n\n  n += 1", ""),
        ("def f():\n  global n\n  return n", "n"),
        ("def f():\n  print(x)\n  x = 1", ""),
        ("def f():\n  import os.path\n  from m import q as r\n  return os, r, q", "q"),
        ("def f():\n  x: T = 1\n  return x", ""),
        ("f = lambda a, b=c: a + b + d", "c d"),
        ("async def f():\n  async for i in s: yield i\n  async with w as v: await v", "s w"),
        ("@deco(arg)\ndef f(): ...", "deco arg"),
        # classes
        ("class A(B, metaclass=M):\n  x = y\n  z = x", "B M y"),
        ("class A:\n  x = 1\n  def m(self): return x", "x"),
        ("class A:\n  x = 1\n  y = [x for _ in x]", ""),
        ("class A:\n  def m(self): return __class__, super().m()", ""),
        ("class A:\n  x = x", "x"),
        ("@deco\nclass A: ...", "deco"),
        # comprehensions
        ("[x * k for x in xs if x in ys]", "k xs ys"),
        ("{k: v for k, v in pairs}", "pairs"),
        ("[y for x in x for y in x]", "x"),
        ("any((hit := x) for x in xs)\nhit", "xs"),
        ("[x for x in xs]\nx", "xs x"),
        # statements that bind
        ("import numpy as np, os.path\nnp, os", ""),
        ("from m import a as b\na, b", "a"),
        ("with open(p) as f, g as (a, [b, *c]): f, a, b, c", "p g"),
        ("try:\n  a\nexcept E as e:\n  e", "a E"),
        ("try:\n  a\nexcept* E as e:\n  e", "a E"),
        ("try:\n  import x\nexcept ImportError:\n  x = None\nx", ""),
        ("try:\n  x = 1\nexcept E:\n  raise\nx", "E"),
        ("try:\n  a\nfinally:\n  x = 1\nx", "a"),
        (
            "match p:\n  case [a, *b]: a, b\n  case {'k': v, **r}: v, r\n  case C(x=0) as d: d",
            "p C",
        ),
        ("match p:\n  case 1: x = 1\n  case _: x = 2\nx", "p"),
        ("if c:\n  x = 1\nelse:\n  x = 2\nx", "c"),
        ("if c:\n  raise E\nelse:\n  x = 2\nx", "c E"),
        ("(n := 10) and n", ""),
        ("x: T = 1\nx", "T"),
        ("x: T\nx", "T x"),
        ("global g\ng += 1", "g"),
        ("a, (b, *c) = d\na, b, c", "d"),
        ("for i in s:\n  i", "s"),
        ("while c:\n  pass", "c"),
    ],
)
def test_free_names(text: str, names: str) -> None:
    assert read_names(text).free == set(names.split())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f[T: B](x: T) -> T: return x + q", "B q"),
        ("class A[T](G[T]):\n  y: T", "G"),
        ("type X[T] = list[T] | Z\nX", "Z"),
    ],
)
def test_free_names_of_type_parameters(text: str, names: str) -> None:
    assert read_names(text).free == set(names.split())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("if c:\n  df = 1\ndf", "df"),
        ("for i in s: x = i\nx", "x"),
        ("c and (x := 1)\nx", "x"),
        ("try:\n  x = 1\nexcept E as e:\n  pass\nx, e", "x e"),
        ("def init():\n  global model\n  model = 1\ndef use(): return model", "model"),
        ("from __future__ import annotations\ndef f(x: T) -> U: ...", "T U"),
        ("def f(x: 'T'): ...", "T"),
        ("def f(x: 'not python ('): ...", ""),
        ("from m import *\nx", "x"),
        ("sum = sum(v)", "sum"),
    ],
)
def test_names_that_could_come_from_outside_are_maybe(text: str, names: str) -> None:
    found = read_names(text)
    builtin = {"ImportError", "range", "print"}
    assert found.maybe - builtin == set(names.split())
    assert not found.free & found.maybe


def test_after_a_star_import_only_what_was_read_before_is_certain() -> None:
    assert read_names("before\nfrom m import *\nafter").free == {"before"}


def test_what_is_read_while_the_cell_runs_is_told_from_what_functions_read() -> None:
    names = read_names("@deco\ndef f(x=default): return later")
    assert names.free == {"deco", "default", "later"}
    assert names.first & names.free == {"deco", "default"}


def test_bound_names_and_attribute_chains() -> None:
    names = read_names("import os\na = b = 1\nos.path.join(x.y.z, q().r)\ndef f(): return w.u")
    assert names.bound == {"os", "a", "b", "f"}
    assert names.dotted == {"x.y.z", "w.u"}


def test_lazy_annotations_of_earlier_cells_count() -> None:
    assert read_names("def f(x: T): ...", futures=("annotations",)).free == frozenset()


def test_source_that_does_not_parse_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        read_names("x = = 1")
