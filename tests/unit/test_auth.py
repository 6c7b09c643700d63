from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazen_nb.errors import ValidationError
from blazen_nb.wire import connection_file
from blazen_nb.wire.address import parse
from blazen_nb.wire.auth import ANONYMOUS, REFUSED, TokenCheck, bearer, make_token, resolve_token

HERE = parse("127.0.0.1:5001", use="connect")
TOKEN = "s3cret-token-of-a-peer"
CHECK = TokenCheck(TOKEN)


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("BLAZEN_PEER_TOKEN", raising=False)


def test_the_argument_wins_over_environment_and_connection_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", "from-environment")
    connection_file.write(node_id="n", address=HERE, token="from-file")
    assert resolve_token("from-argument", HERE) == "from-argument"


def test_the_environment_wins_over_the_connection_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", "from-environment")
    connection_file.write(node_id="n", address=HERE, token="from-file")
    assert resolve_token(None, HERE) == "from-environment"


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_variable_counts_as_unset(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", empty)
    connection_file.write(node_id="n", address=HERE, token="from-file")
    assert resolve_token(None, HERE) == "from-file"


def test_the_token_of_one_address_is_not_given_to_another() -> None:
    connection_file.write(node_id="n", address=HERE, token="from-file")
    assert resolve_token(None, parse("127.0.0.1:5002", use="connect")) is None
    assert resolve_token(None, parse("gpu.example:5001", use="connect")) is None
    assert resolve_token(None, None) is None


@pytest.mark.parametrize("bad", ["", "two words", "line\nbreak", "größe", "\x7f", "tab\t"])
def test_a_token_that_a_header_cannot_carry_is_refused_without_being_shown(bad: str) -> None:
    for use in (bearer, TokenCheck, lambda token: resolve_token(token, None)):
        with pytest.raises(ValidationError) as caught:
            use(bad)
        assert not bad or bad not in str(caught.value)


def test_a_bad_token_in_the_environment_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BLAZEN_PEER_TOKEN", "zwölf")
    with pytest.raises(ValidationError, match=r"^BLAZEN_PEER_TOKEN may hold only") as caught:
        resolve_token(None, None)
    assert "zwölf" not in str(caught.value)


def test_the_bearer_of_the_token_has_an_identity() -> None:
    key, value = bearer(TOKEN)
    assert (key, value) == ("authorization", f"Bearer {TOKEN}")
    identity = CHECK.identity([("user-agent", "x"), (key, value)])
    assert identity is not None
    assert CHECK.identity([(key, value.encode())]) == identity
    assert CHECK.identity([(key, f"bearer {TOKEN}")]) == identity


def test_an_identity_is_the_same_on_every_start_and_differs_by_token() -> None:
    assert TokenCheck(TOKEN).identity([bearer(TOKEN)]) == CHECK.identity([bearer(TOKEN)])
    other = make_token()
    assert TokenCheck(other).identity([bearer(other)]) != CHECK.identity([bearer(TOKEN)])


def test_an_identity_holds_no_part_of_the_token() -> None:
    identity = CHECK.identity([bearer(TOKEN)])
    assert identity is not None
    assert len(identity) == 12
    assert not any(TOKEN[at : at + 4] in identity for at in range(len(TOKEN) - 3))


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        [],
        [("authorization", "")],
        [("authorization", TOKEN)],
        [("authorization", "Bearer")],
        [("authorization", "Bearer ")],
        [("authorization", f"Basic {TOKEN}")],
        [("authorization", f"Bearer {TOKEN}x")],
        [("authorization", f"Bearer {TOKEN[:-1]}")],
        [("authorization", "Bearer größe-✓")],
        [("authorization", "Bearer \ud800")],
        [("authorization", b"Bearer \xff\xfe")],
        [("x-token", f"Bearer {TOKEN}")],
        [("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}x")],
    ],
)
def test_anything_but_the_token_is_refused(metadata: list[tuple[str, str | bytes]] | None) -> None:
    assert CHECK.identity(metadata) is None


@given(st.text() | st.binary())
def test_no_header_value_makes_the_check_raise(value: str | bytes) -> None:
    assert CHECK.identity([("authorization", value)]) is None


def test_a_peer_without_a_token_lets_everybody_in_as_one_identity() -> None:
    open_check = TokenCheck(None)
    assert open_check.identity([]) == ANONYMOUS
    assert open_check.identity([bearer(TOKEN)]) == ANONYMOUS


def test_neither_the_check_nor_the_refusal_shows_a_token() -> None:
    assert TOKEN not in repr(CHECK)
    assert repr(TokenCheck(None)) == "TokenCheck(insecure=True)"
    assert "BLAZEN_PEER_TOKEN" in REFUSED
    assert not hasattr(CHECK, "__dict__")


def test_made_tokens_differ_and_can_travel() -> None:
    tokens = {make_token() for _ in range(20)}
    assert len(tokens) == 20
    assert all(bearer(token)[1].endswith(token) and len(token) >= 43 for token in tokens)
