"""Remote cells in JupyterLab, seen and driven through Chromium."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.notebook.conftest import PeerProcess
from tests.notebook.lab import CHROMIUM, Browser, Lab, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="NO BROWSER TEST RAN: chromium is not installed (apt-get install chromium)",
    ),
    pytest.mark.timeout(120),  # the browser's start and JupyterLab's count too
]
CONNECT = ["%load_ext blazen_nb", "%blazen_connect gpu0 {address}"]
LOOP = """%%blazen_remote
print("working")
while True:
    pass"""
STEPS = """%%blazen_remote -o counted
import time
from blazen_nb import Context, Event, StartEvent, StopEvent, step


class Part(Event):
    n: int


@step
def split(ctx: Context, ev: StartEvent) -> list[Part]:
    return [Part(n=n) for n in range(3)]


@step
def work(ctx: Context, ev: Part) -> StopEvent:
    while not ctx.cancelled:
        ctx.progress(ev.n, 3, label="parts")
        print("part", ev.n)
        time.sleep(0.02)
    return StopEvent()"""


QUESTIONS = """%%blazen_remote
from blazen_nb import Context, InputRequestEvent, InputResponseEvent, StartEvent, StopEvent, step


@step
def ask(ctx: Context, ev: StartEvent) -> InputRequestEvent:
    ctx.session["answers"] = []
    return InputRequestEvent(request_id="epochs", prompt="How many epochs?")


@step
def collect(ctx: Context, ev: InputResponseEvent) -> InputRequestEvent | StopEvent:
    answers = ctx.session["answers"]
    answers.append(ev.response)
    if len(answers) == 2:
        return StopEvent(result=answers)
    return InputRequestEvent(request_id="sure", prompt="Go on?", metadata={"choices": ["no", "yes"]})"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, own_environment: Path) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("notebooks")).serving() as lab:
        yield lab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def connected(gpu0: PeerProcess, *cells: str) -> list[str]:
    return [*(cell.format(address=gpu0.address) for cell in CONNECT), *cells]


def end_of_last_run(gpu0: PeerProcess) -> str:
    """How the last run ended, as the peer's log tells; empty while it runs."""
    lines = [line for line in gpu0.said().splitlines() if " run " in line]
    return lines[-1].split(": ")[-1] if lines and " starts: " not in lines[-1] else ""


def test_stop_cancels_the_run_within_a_second_and_the_cell_behind_does_not_run(
    lab: Lab, browser: Browser, gpu0: PeerProcess
) -> None:
    path = lab.write("stop.ipynb", connected(gpu0, LOOP, "print('behind')"))
    notebook = browser.open(lab, path)
    notebook.run_all()
    notebook.page.wait_for_selector(".bzn-pill:has-text('Running')")
    notebook.page.wait_for_selector(".jp-OutputArea :text('working')")
    pressed = time.monotonic()
    notebook.press_stop()
    eventually(lambda: end_of_last_run(gpu0).startswith("cancelled"))
    assert time.monotonic() - pressed < 1.0
    notebook.wait_until_idle()
    said = notebook.outputs(2)
    assert "Cancelled" in said
    assert "KeyboardInterrupt: the run on gpu0 ended: cancelled" in said
    assert "behind" not in notebook.outputs(3)
    assert browser.errors == []


def test_the_cancel_button_works_while_the_cell_waits(
    lab: Lab, browser: Browser, gpu0: PeerProcess
) -> None:
    path = lab.write("cancel.ipynb", connected(gpu0, STEPS))
    notebook = browser.open(lab, path)
    notebook.run_all()
    notebook.page.wait_for_selector(".bzn-pill:has-text('Running')")
    for shown in ("split", "work", "parts", "part 2"):
        notebook.page.wait_for_selector(f".bzn-card :text('{shown}') >> visible=true")
    notebook.page.click(".bzn-card button:has-text('Cancel')")
    eventually(lambda: end_of_last_run(gpu0).startswith("cancelled"))
    notebook.wait_until_idle()
    assert "WorkflowCancelledError" in notebook.outputs(2)


def test_a_question_of_the_run_is_answered_in_its_card(
    lab: Lab, browser: Browser, gpu0: PeerProcess
) -> None:
    notebook = browser.open(lab, lab.write("asks.ipynb", connected(gpu0, QUESTIONS)))
    notebook.run_all()
    page = notebook.page
    page.wait_for_selector(".bzn-card :text('How many epochs?') >> visible=true")
    page.fill(".bzn-card input[type=text]", "12")
    page.click(".bzn-card button:has-text('Send')")
    page.wait_for_selector(".bzn-card :text('Go on?') >> visible=true")
    page.select_option(".bzn-card select", "yes")
    page.click(".bzn-card button:has-text('Send')")
    notebook.wait_until_idle()
    said = notebook.outputs(2)
    assert "Succeeded" in said
    assert "['12', 'yes']" in said
    assert "widgets" not in notebook.saved().metadata
    assert browser.errors == []


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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_values_of_an_object_are_given_by_keyboard_and_each_says_what_is_wrong_with_it(
    lab: Lab, browser: Browser, gpu0: PeerProcess, dark: bool
) -> None:
    lab.use_theme(dark=dark)
    notebook = browser.open(lab, lab.write(f"form-{dark}.ipynb", connected(gpu0, FORM)))
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
    lab: Lab, browser: Browser, gpu0: PeerProcess
) -> None:
    cell = """%%blazen_remote
from blazen_nb import ask
first = ask("First?", default="nobody", timeout=1.5)
[first, ask("Second?", bool)]"""
    notebook = browser.open(lab, lab.write("elsewhere.ipynb", connected(gpu0, cell)))
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


def test_a_saved_notebook_keeps_the_cards_as_html_and_no_widget(
    lab: Lab, browser: Browser, gpu0: PeerProcess
) -> None:
    cells = connected(gpu0, "%%blazen_remote\nprint('from afar')\n6 * 7", "_ + 1")
    notebook = browser.open(lab, lab.write("saved.ipynb", cells))
    notebook.run_all()
    notebook.wait_until_idle()
    assert notebook.outputs(2).count("Succeeded") == 1
    assert "43" in notebook.outputs(3)
    saved = notebook.saved()
    outputs = saved.cells[2].outputs
    assert "widgets" not in saved.metadata
    assert set(outputs[0].data) == {"text/html", "text/plain"}
    assert [output.get("text") for output in outputs[1:-1]] == ["from afar\n"]
    assert outputs[-1].data["text/plain"] == "42"
    assert browser.refused == []
    assert browser.errors == []
