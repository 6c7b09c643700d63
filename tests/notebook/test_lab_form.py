"""Questions of a run that are answered in its card: forms by keyboard, light and dark, and gone when answered elsewhere."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import PeerProcess
from tests.notebook.lab import BROWSER_MARKS, Browser, Lab

pytestmark = BROWSER_MARKS
CONNECT = ["%load_ext blazen_nb", "%blazen_connect gpu0 {address}"]
FORM = """%%blazen_remote
from blazen_nb import ask
size = ask("Which size?", ["small", "large"], timeout=120)
ask("How shall it be trained?", {
    "description": "It takes about a minute.",
    "properties": {
        "epochs": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3, "title": "Epochs"},
        "rate": {"type": "number", "minimum": 0, "title": "Learning rate", "description": "of each step"},
        "augment": {"type": "boolean", "title": "Turn the pictures"},
        "size": {"enum": ["small", "large"], "default": size, "title": "Size"},
        "note": {"type": "string", "title": "Note"},
    },
    "required": ["epochs", "rate"],
})"""


def connected(gpu0: PeerProcess, *cells: str) -> list[str]:
    return [*(cell.format(address=gpu0.address) for cell in CONNECT), *cells]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_values_of_an_object_are_given_by_keyboard_and_each_says_what_is_wrong_with_it(
    jupyterlab: Lab, browser: Browser, gpu0: PeerProcess, dark: bool
) -> None:
    jupyterlab.use_theme(dark=dark)
    notebook = browser.open(
        jupyterlab, jupyterlab.write(f"form-{dark}.ipynb", connected(gpu0, FORM))
    )
    notebook.run_all()
    page = notebook.page
    form = page.locator(".bzn-card .bzn-form")
    page.wait_for_selector(".bzn-card :text('Which size?') >> visible=true")
    form.locator("select").focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bzn-card :text('How shall it be trained?') >> visible=true")
    form.locator("input[type=number]").first.fill("99")
    page.keyboard.press("Tab")
    page.keyboard.type("0.5")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bzn-wrong:has-text('Epochs must be a whole number from 1 to 10')")
    form.locator("input[type=number]").first.fill("7")
    form.locator("button:has-text('Send')").focus()
    page.keyboard.press("Enter")
    notebook.wait_until_idle()
    said = notebook.outputs(2)
    for value in ("'epochs': 7", "'rate': 0.5", "'augment': True", "'size': 'large'", "'by hand'"):
        assert value in said
    assert browser.errors == []


def test_a_form_whose_question_is_closed_elsewhere_goes(
    jupyterlab: Lab, browser: Browser, gpu0: PeerProcess
) -> None:
    cell = """%%blazen_remote
from blazen_nb import ask
first = ask("First?", default="nobody", timeout=1.5)
[first, ask("Second?", bool)]"""
    notebook = browser.open(jupyterlab, jupyterlab.write("elsewhere.ipynb", connected(gpu0, cell)))
    notebook.run_all()
    page = notebook.page
    page.wait_for_selector(".bzn-card :text('First?') >> visible=true")
    page.wait_for_selector(".bzn-card .bzn-form input[type=text]")
    page.wait_for_selector(".bzn-card :text('Second?') >> visible=true")
    page.wait_for_selector(".bzn-card .bzn-form input[type=checkbox]")
    assert page.locator(".bzn-card .bzn-form input[type=text]").count() == 0
    page.click(".bzn-card button:has-text('Send')")
    notebook.wait_until_idle()
    assert "['nobody', False]" in notebook.outputs(2)
