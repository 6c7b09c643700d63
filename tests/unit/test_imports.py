"""Which modules a source imports, found in its text alone."""

from __future__ import annotations

import ast

import pytest

from blazen_nb.shipping.imports import Imported, imports_in


def found(text: str) -> tuple[Imported, ...]:
    return imports_in(ast.parse(text))


def test_each_form_of_import_says_its_module_and_what_it_binds() -> None:
    assert found(
        "import a.b as c, d\nfrom e.f import g, h as i\nfrom ..j import *\nfrom . import k"
    ) == (
        Imported(module="a.b"),
        Imported(module="d"),
        Imported(module="e.f", names=(("g", "g"), ("h", "i"))),
        Imported(module="..j", names=(("*", "*"),)),
        Imported(module=".", names=(("k", "k"),)),
    )


@pytest.mark.parametrize(
    ("text", "optional"),
    [
        ("try:\n    import a\nexcept ImportError:\n    pass", True),
        ("try:\n    import a\nexcept (KeyError, ModuleNotFoundError):\n    pass", True),
        ("try:\n    import a\nexcept:\n    pass", True),
        (
            "import contextlib as c\nwith c.suppress(ImportError):\n    if x:\n        import a",
            True,
        ),
        ("try:\n    import a\nexcept KeyError:\n    pass", False),
        ("try:\n    pass\nexcept ImportError:\n    import a", False),
        ("with open('x'):\n    import a", False),
        ("match x:\n    case 1:\n        import a", False),
        ("for x in y:\n    pass\nelse:\n    import a", False),
    ],
)
def test_an_import_that_the_source_can_do_without_is_optional(text: str, optional: bool) -> None:
    assert found(text)[-1] == Imported(module="a", optional=optional)


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    import a",
        "class C:\n    import a",
        "async def f():\n    with x:\n        import a",
    ],
)
def test_an_import_inside_a_function_or_class_binds_nothing_at_the_top(text: str) -> None:
    assert found(text) == (Imported(module="a", at_top=False),)


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_imports_for_type_checkers_do_not_count(test: str) -> None:
    assert found(f"if {test}:\n    import a\nelse:\n    import b") == (Imported(module="b"),)


@pytest.mark.parametrize(
    ("module", "package", "absolute"),
    [
        ("a.b", "x", "a.b"),
        (".b", "x.y", "x.y.b"),
        ("..", "x.y", "x"),
        ("..b", "x", ""),
        (".b", "", ""),
    ],
)
def test_a_relative_import_is_resolved_in_its_package(
    module: str, package: str, absolute: str
) -> None:
    assert Imported(module=module).absolute(package) == absolute
