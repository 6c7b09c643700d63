"""The line of ``%%blazen_remote``: words, the notebook's values in them, options."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from blazen_nb.notebook.arguments import RemoteArguments, help_text, parse_line
from blazen_nb.notebook.expansion import expand, read_value, split_words


class Config:
    rate = 0.5


NAMES: dict[str, Any] = {"n": 3, "name": "gpu1", "rows": [1, 2], "config": Config, "_private": 7}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  -p gpu0   -o a ", ["-p", "gpu0", "-o", "a"]),
        ("--input {'a': [1, 2]} -o b", ["--input", "{'a': [1, 2]}", "-o", "b"]),
        ('--input \'{"a": "x y"}\'', ["--input", '\'{"a": "x y"}\'']),
        ("f(1, (2, 3))", ["f(1, (2, 3))"]),
        ('"two words"', ['"two words"']),
        (r'"a \" b" c', [r'"a \" b"', "c"]),
    ],
)
def test_a_line_is_split_at_spaces_outside_of_brackets_and_quotes(
    line: str, words: list[str]
) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize("line", ["{'a': 1", "[1, 2", "f(1", "'open", '"open'])
def test_a_bracket_or_quote_that_is_never_closed_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="never closed"):
        split_words(line)


@given(st.text(alphabet="ab {}[]()'\"\\$", max_size=30))
def test_any_line_is_split_or_refused_with_a_word(line: str) -> None:
    try:
        words = split_words(line)
    except UsageError:
        return
    assert "".join("".join(words).split()) == "".join(line.split())


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("$name", "gpu1"),
        ("{name}", "gpu1"),
        ("{n + 1}", "4"),
        ("a-$n-{n}", "a-3-3"),
        ("$config.rate", "0.5"),
        ("$$name", "$name"),
        ("'$name'", "gpu1"),
        ("{}", "{}"),
        ("{1, 2}", "{1, 2}"),
    ],
)
def test_names_and_expressions_stand_for_their_values(word: str, text: str) -> None:
    assert expand(word, NAMES) == text


def test_an_undefined_name_is_refused_and_a_similar_one_offered() -> None:
    with pytest.raises(UsageError, match=r"'nane'.*not defined.*'name'"):
        expand("$nane", NAMES)


def test_an_expression_that_fails_says_how() -> None:
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        expand("{1 / 0}", NAMES)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("5", 5),
        ("null", None),
        ("true", True),
        ('{"a": 1, "b": null}', {"a": 1, "b": None}),
        ("'{\"a\": 1}'", {"a": 1}),
        ("{'a': n, 'b': rows}", {"a": 3, "b": [1, 2]}),
        ("dict(a=n)", {"a": 3}),
        ("rows", [1, 2]),
        ("$rows", [1, 2]),
        ("{rows}", [1, 2]),
        ("'text'", "text"),
        ('"{not json"', "{not json"),
    ],
)
def test_an_input_is_json_or_an_expression(word: str, value: Any) -> None:
    assert read_value(word, NAMES) == value


def test_an_input_keeps_the_identity_of_the_notebooks_value() -> None:
    assert read_value("rows", NAMES) is NAMES["rows"]
    assert read_value("{rows}", NAMES) is NAMES["rows"]


def test_all_options_are_read() -> None:
    line = '-p $name -o a,b --timeout {n * 10} --input {"x": 1} --ref --transfer --quiet'
    assert parse_line(line, NAMES) == RemoteArguments(
        peers=("gpu1",),
        out=("a", "b"),
        timeout=30.0,
        input={"x": 1},
        keep_values=True,
        transfer=True,
        quiet=True,
    )


def test_options_about_where_and_how_it_runs_are_read() -> None:
    line = "-p gpu0,$name --detach --fresh --namespace shared-1 --output card"
    assert parse_line(line, NAMES) == RemoteArguments(
        peers=("gpu0", "gpu1"), detach=True, fresh=True, namespace="shared-1", output="card"
    )


def test_no_options_are_the_defaults() -> None:
    assert parse_line("", NAMES) == RemoteArguments()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--ouput a", "did you mean '--output'"),
        ("--time 3", "did you mean '--timeout'"),
        ("-o a, b", "no spaces between them"),
        ("-o 1a", "takes names of variables"),
        ("-o class", "takes names of variables"),
        ("-o", "expected one argument"),
        ("--timeout 0", "above 0"),
        ("--timeout -1", "above 0"),
        ("--timeout inf", "above 0"),
        ("--timeout nan", "above 0"),
        ("--timeout soon", "not 'soon'"),
        ("--input {'a': missing}", "'missing'"),
        ("--input {'a' 1}", "neither JSON nor a Python expression"),
        ("-p ''", "needs the name of a peer"),
        ("-p gpu0,", "needs the name of a peer"),
        ("--output crad", "did you mean 'card'"),
        ("--namespace a/b", "takes a name of letters"),
        ("--detach --quiet", "leave one of the two out"),
        ("print(1)", "code belongs on the lines below"),
    ],
)
def test_what_is_wrong_is_said_with_a_hint(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_line(line, NAMES)
    assert says in str(caught.value)


def test_help_lists_every_option() -> None:
    text = help_text()
    assert all(
        option in text for option in ("--peer", "--out", "--ref", "--timeout", "--input", "--quiet")
    )
    assert parse_line("--help", {}).wants_help
