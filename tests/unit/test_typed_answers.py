"""``blazen_nb.ask()`` outside of steps: the answer is typed."""

from __future__ import annotations

import builtins
from collections.abc import Callable

import pytest

import blazen_nb
from blazen_nb import (
    ValidationError,
)
from tests.unit.asking_steps import RANGE

SECONDS = 5.0


Typing = Callable[..., list[str]]


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Typing:
    """Has these lines typed; gives the list of prompts that were shown."""

    def typing(*lines: str) -> list[str]:
        prompts: list[str] = []
        left = iter(lines)

        def typed(prompt: str) -> str:
            prompts.append(prompt)
            line = next(left, None)
            if line is None:
                raise EOFError
            return line

        monkeypatch.setattr(builtins, "input", typed)
        return prompts

    return typing


def test_outside_of_a_step_a_question_is_typed_until_it_fits(typing: Typing) -> None:
    prompts = typing("99", "7")
    assert blazen_nb.ask("How many?", RANGE) == 7
    assert prompts == [
        "How many? (a whole number from 1 to 10) ",
        "It must be a whole number from 1 to 10, not 99.\nHow many? (a whole number from 1 to 10) ",
    ]


def test_choices_and_defaults_are_shown_and_an_empty_line_is_the_default(typing: Typing) -> None:
    prompts = typing("", "")
    assert blazen_nb.ask("Go on?", ["yes", "no"], default="no") == "no"
    assert blazen_nb.ask("Name?") == ""
    assert prompts == ["Go on? (yes, no) [no] ", "Name? "]


def test_an_object_is_typed_field_by_field(typing: Typing) -> None:
    form = {
        "properties": {
            "epochs": {**RANGE, "title": "Epochs", "description": "how often"},
            "keep": bool,
            "note": str,
        },
        "required": ["epochs"],
    }
    prompts = typing("", "3", "y", "")
    assert blazen_nb.ask("Train?", form) == {"epochs": 3, "keep": True}
    assert prompts == [
        "Train?\nEpochs (how often; a whole number from 1 to 10) ",
        "It is needed.\nTrain?\nEpochs (how often; a whole number from 1 to 10) ",
        "keep (yes or no) ",
        "note ",
    ]


def test_outside_of_a_step_without_input_or_with_a_timeout_it_is_refused(typing: Typing) -> None:
    typing()
    with pytest.raises(ValidationError, match="nobody can be asked 'Name\\?' here"):
        blazen_nb.ask("Name?")
    with pytest.raises(ValidationError, match="leave timeout out"):
        blazen_nb.ask("Name?", timeout=1)
