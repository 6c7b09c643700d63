"""Remote cells in JupyterLab and in Notebook 7, seen and driven through Chromium, on one page for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.eventually import eventually
from tests.notebook.conftest import PeerProcess
from tests.notebook.lab import BROWSER_MARKS, Browser, Lab, Notebook
from tests.notebook.test_live_rate import FAN_OUT

pytestmark = BROWSER_MARKS
LOOP = """%%blazen_remote
import matplotlib.pyplot as plt
plt.plot([1, 4, 9])
plt.show()
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
CELLS = {
    "connect": "%load_ext blazen_nb\n%blazen_connect gpu0 {address}",
    "loop": LOOP,
    "behind": "print('behind')",
    "steps": STEPS,
    "questions": QUESTIONS,
    "bar": """%%blazen_remote
import time
from tqdm.auto import tqdm
for n in tqdm(range(1_000), desc="training"):
    time.sleep(0.01)""",
    "thousand": FAN_OUT.replace("sleep(0.02)", "sleep(0.05)"),
}
PLACE = {name: place for place, name in enumerate(CELLS)}
SAMPLE = """place => {
    const seen = window.seen = [];
    let before = performance.now();
    const look = now => {
        const card = document.querySelectorAll('.jp-CodeCell')[place].querySelector('.bzn-card');
        const box = card?.getBoundingClientRect();
        seen.push({gap: now - before, top: box?.top, height: box?.height, word: card?.querySelector('.bzn-pill')?.innerText});
        before = now;
        if (window.seen === seen) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
"""Looks at the card of a cell at every frame that is painted."""


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser, gpu0: PeerProcess) -> Iterator[Notebook]:
    cells = [text.replace("{address}", gpu0.address) for text in CELLS.values()]
    notebook = browser.open(lab, lab.write("live.ipynb", cells))
    notebook.run(PLACE["connect"])
    yield notebook
    notebook.wait_until_idle()
    assert "widgets" not in notebook.saved().metadata
    assert (browser.refused, browser.errors) == ([], [])


@pytest.fixture
def started(notebook: Notebook) -> Callable[..., str]:
    """Runs cells of the page, and returns where the first one's outputs are once its card says that it runs."""

    def start(name: str, last: str | None = None) -> str:
        notebook.run(PLACE[name], PLACE[last or name])
        cell = f".jp-CodeCell >> nth={PLACE[name]}"
        notebook.page.wait_for_selector(f"{cell} >> .bzn-pill:has-text('Running')")
        return f"{cell} >> .jp-OutputArea"

    return start


def end_of_last_run(gpu0: PeerProcess) -> str:
    """How the last run ended, as the peer's log tells; empty while it runs."""
    lines = [line for line in gpu0.said().splitlines() if " run " in line]
    return lines[-1].split(": ")[-1] if lines and " starts: " not in lines[-1] else ""


def test_outputs_are_there_while_the_cell_runs_and_stop_cancels_it_within_a_second(
    notebook: Notebook, gpu0: PeerProcess, started: Callable[..., str]
) -> None:
    outputs = started("loop", "behind")
    notebook.page.wait_for_selector(f"{outputs} >> text=working")
    figure = notebook.page.wait_for_selector(f"{outputs} >> img")
    assert figure is not None
    assert figure.evaluate("image => image.naturalWidth") > 300
    notebook.shot(PLACE["loop"], "cell-running")
    assert end_of_last_run(gpu0) == ""
    pressed = time.monotonic()
    notebook.press_stop()
    eventually(lambda: end_of_last_run(gpu0).startswith("cancelled"))
    assert time.monotonic() - pressed < 1.0
    notebook.wait_until_idle()
    said = notebook.outputs(PLACE["loop"])
    assert "Cancelled" in said
    assert "KeyboardInterrupt: the run on gpu0 ended: cancelled" in said
    assert "behind" not in notebook.outputs(PLACE["behind"])
    notebook.shot(PLACE["loop"], "cell-cancelled")


@pytest.mark.parametrize("name", ["loop", "steps"])
def test_the_cancel_button_ends_the_run_within_half_a_second_while_the_cell_waits(
    notebook: Notebook, gpu0: PeerProcess, started: Callable[..., str], name: str
) -> None:
    outputs = started(name)
    for shown in ("working",) if name == "loop" else ("split", "work", "parts", "part 2"):
        notebook.page.wait_for_selector(f"{outputs} >> :text('{shown}') >> visible=true")
    notebook.shot(PLACE[name], f"{name}-running")
    button = notebook.page.wait_for_selector(f"{outputs} >> button:has-text('Cancel')")
    assert button is not None
    pressed = time.monotonic()
    button.click()
    eventually(lambda: end_of_last_run(gpu0).startswith("cancelled"))
    assert time.monotonic() - pressed < 0.5
    notebook.wait_until_idle()
    assert "WorkflowCancelledError" in notebook.outputs(PLACE[name])
    notebook.shot(PLACE[name], f"{name}-cancelled")


def test_a_question_of_the_run_is_answered_in_its_card(
    notebook: Notebook, browser: Browser, started: Callable[..., str]
) -> None:
    notebook.run(PLACE["questions"])
    page, outputs = notebook.page, f".jp-CodeCell >> nth={PLACE['questions']} >> .bzn-card"
    page.wait_for_selector(f"{outputs} >> :text('How many epochs?') >> visible=true")
    notebook.shot(PLACE["questions"], "question")
    page.fill(f"{outputs} >> input[type=text]", "12")
    page.click(f"{outputs} >> button:has-text('Send')")
    page.wait_for_selector(f"{outputs} >> :text('Go on?') >> visible=true")
    notebook.shot(PLACE["questions"], "choice")
    page.select_option(f"{outputs} >> select", "yes")
    page.click(f"{outputs} >> button:has-text('Send')")
    notebook.wait_until_idle()
    said = notebook.outputs(PLACE["questions"])
    assert "Succeeded" in said
    assert "['12', 'yes']" in said


def test_a_bar_of_tqdm_is_one_row_of_the_card(
    notebook: Notebook, started: Callable[..., str]
) -> None:
    outputs = started("bar")
    bars = notebook.page.locator(f"{outputs} >> [role=progressbar]")
    bars.filter(has_text="training").filter(has_text="of 1,000").wait_for()
    first = bars.inner_text()
    eventually(lambda: bars.inner_text() != first)
    assert bars.count() == 1
    notebook.shot(PLACE["bar"], "bar")
    notebook.page.click(f"{outputs} >> button:has-text('Cancel')")
    notebook.wait_until_idle()
    assert notebook.outputs(PLACE["bar"]).count("training:") == 1  # where it was stopped


def test_a_thousand_calls_leave_the_page_quick_and_the_card_where_it_is(
    notebook: Notebook, started: Callable[..., str]
) -> None:
    page = notebook.page
    notebook.wait_until_idle()
    page.evaluate(SAMPLE, PLACE["thousand"])
    started("thousand")
    trips = []
    while page.evaluate("window.seen.at(-1).word") == "Running":
        began = time.monotonic()
        page.locator(".jp-Notebook").first.click(position={"x": 3, "y": 3})
        trips.append(time.monotonic() - began)
    seen = page.evaluate("window.seen.splice(0)")
    page.evaluate("window.seen = null")
    notebook.wait_until_idle()
    notebook.shot(PLACE["thousand"], "thousand-succeeded")
    trips.sort()
    assert len(trips) > 5
    assert trips[len(trips) // 2] < 0.2
    running = [each for each in seen if each["word"] == "Running"]
    heights = [each["height"] for each in running]
    assert heights == sorted(heights)  # it grows with its first pictures, and never shrinks
    assert (
        len(set(heights[len(heights) // 3 :])) <= 2
    )  # and once more when the meters have their first sample
