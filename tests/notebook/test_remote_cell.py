"""``%%blazen_remote`` in a real kernel, with a real peer process."""

from __future__ import annotations

import json
import re

import pytest

from tests.notebook.conftest import PeerProcess
from tests.notebook.kernels import Kernel

WORKFLOW = """
from blazen_nb import Context, Event, StartEvent, StopEvent, step


class Counted(Event):
    n: int


@step
def count(ctx: Context, ev: StartEvent) -> Counted:
    print("counting", ev.words)
    return Counted(n=len(ev.words))


@step
async def {name}(ctx: Context, ev: Counted) -> StopEvent:
    return StopEvent(result={{"n": ev.n, "by": "{name}"}})
"""


def test_the_last_expression_is_out_and_underscore(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\nprint('from afar')\n6 * 7")
    assert (cell.stdout, cell.text) == ("from afar\n", "42")
    assert kernel.run("_ + 1").text == "43"


def test_it_runs_in_the_process_of_the_peer(kernel: Kernel, gpu0: PeerProcess) -> None:
    assert kernel.run("%%blazen_remote\nimport os\nos.getpid()").text == str(gpu0.pid)


def test_names_stay_on_the_peer_and_some_come_back(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote\nbase = [1, 2, 3]")
    cell = kernel.run(
        "%%blazen_remote -o total,double\ntotal = sum(base)\ndouble = [2 * n for n in base]"
    )
    assert (cell.status, cell.text) == ("ok", "")
    assert kernel.run("total, double").text == "(6, [2, 4, 6])"
    assert kernel.run("base").error == "NameError"


def test_what_the_cell_needs_of_the_notebook_goes_along(kernel: Kernel) -> None:
    kernel.run("factor = 3\ndef scaled(n):\n    return factor * n")
    assert kernel.run("%%blazen_remote\nscaled(5)").text == "15"
    kernel.run("factor = 4")
    assert kernel.run("%%blazen_remote\nscaled(5)").text == "20"


def test_a_changed_function_of_another_cell_is_the_one_that_runs(kernel: Kernel) -> None:
    kernel.run("def version():\n    return 1")
    assert kernel.run("%%blazen_remote\nversion()").text == "1"
    kernel.run("def version():\n    return 2")
    assert kernel.run("%%blazen_remote\nversion()").text == "2"


def test_streams_logs_and_warnings_come_back_in_their_streams(kernel: Kernel) -> None:
    cell = kernel.run(
        "%%blazen_remote\n"
        "import logging, sys, warnings\n"
        "print('one'); print('two', file=sys.stderr)\n"
        "logging.getLogger('mine').warning('three'); warnings.warn('four')\n"
    )
    assert cell.stdout == "one\n"
    assert cell.stderr.startswith("two\nthree\n")
    assert "UserWarning: four" in cell.stderr


def test_a_table_is_shown_as_the_peer_renders_it(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\nimport pandas as pd\npd.DataFrame({'a': [1, 2]})")
    assert "<table" in cell.result["text/html"]


def test_a_figure_is_shown_as_a_picture(kernel: Kernel) -> None:
    cell = kernel.run(
        "%%blazen_remote\nimport matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()"
    )
    pictures = [shown["image/png"] for shown in cell.shown if "image/png" in shown]
    assert len(pictures) == 1
    assert pictures[0].startswith("iVBOR")  # the PNG signature in base64


def test_steps_of_a_cell_run_as_a_workflow(kernel: Kernel) -> None:
    line = """%%blazen_remote -o counted --input '{"words": ["a", "b"]}'"""
    cell = kernel.run(line + WORKFLOW.format(name="answer"))
    assert cell.status == "ok"
    assert kernel.run("counted.result").text == "{'n': 2, 'by': 'answer'}"


def test_input_takes_values_of_the_notebook(kernel: Kernel) -> None:
    kernel.run("some = ['x', 'y', 'z']")
    cell = kernel.run("%%blazen_remote --input {'words': some}" + WORKFLOW.format(name="answer"))
    assert cell.text == "{'n': 3, 'by': 'answer'}"


def test_a_workflow_run_again_with_a_changed_step_uses_the_new_code(kernel: Kernel) -> None:
    line = "%%blazen_remote --input dict(words=[])"
    assert "'by': 'first'" in kernel.run(line + WORKFLOW.format(name="first")).text
    changed = WORKFLOW.format(name="first").replace('"by": "first"', '"by": "changed"')
    assert "'by': 'changed'" in kernel.run(line + changed).text


def test_registered_steps_run_without_a_cell(kernel: Kernel) -> None:
    kernel.run("%%blazen_remote --input dict(words=[])" + WORKFLOW.format(name="answer"))
    steps = "__main__::count,__main__::answer"
    line = f"%blazen_remote -o counted --workflow again --steps {steps} --input dict(words=[1, 2])"
    cell = kernel.run(line)
    assert cell.status == "ok"
    assert "again on gpu0: succeeded" in cell.shown[0]["text/plain"]
    assert kernel.run("counted.result").text == "{'n': 2, 'by': 'answer'}"
    assert "no code" in kernel.run(f"%%blazen_remote --steps {steps}\n1 + 1").stderr
    assert kernel.run("%blazen_remote --steps __main__::nobody").error == "UnknownStepError"


def test_a_connection_can_be_a_variable_that_shares_the_cells_namespace(
    kernel: Kernel, gpu0: PeerProcess
) -> None:
    said = kernel.run(f"%blazen_connect gpu0 {gpu0.address} -o client")
    assert said.stdout == "gpu0: connected to peer gpu0\n"
    kernel.run("%%blazen_remote\ndef double(x):\n    return 2 * x")
    assert kernel.run("client.find_names(['double', 'triple']).missing").text.endswith(
        "({'triple'})"
    )
    assert "-o takes" in kernel.run("%blazen_connect gpu0 local -o 1a").stderr


def test_options_and_peers_are_completed(kernel: Kernel) -> None:
    assert {"--input", "--timeout", "--steps"} <= set(kernel.complete("%%blazen_remote --"))
    assert set(kernel.complete("%%blazen_remote -p ")) >= {"gpu0", "local"}


def test_the_card_of_a_run_ends_as_html_without_script(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\n1")
    card = cell.shown[0]
    assert set(card) == {"text/html", "text/plain"}
    assert "Succeeded" in card["text/html"]
    assert "<script" not in card["text/html"]
    assert "on gpu0: succeeded" in card["text/plain"]


def test_quiet_shows_no_card(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote --quiet\nprint('only this')")
    assert (cell.shown, cell.stdout) == ([], "only this\n")


def test_without_a_card_a_question_is_asked_below_the_cell(kernel: Kernel) -> None:
    cell = kernel.send(
        "%%blazen_remote --quiet\n"
        "from blazen_nb import InputRequestEvent, InputResponseEvent, StartEvent, StopEvent, step\n"
        "@step\n"
        "def ask(ev: StartEvent) -> InputRequestEvent:\n"
        "    return InputRequestEvent(request_id='name', prompt='Your name?')\n"
        "@step\n"
        "def greet(ev: InputResponseEvent) -> StopEvent:\n"
        "    return StopEvent(result='hello ' + ev.response)\n"
    )
    assert kernel.answer("Ada") == "Your name? "
    assert kernel.wait(cell).text == "'hello Ada'"


AWAITS = """%%blazen_remote
import asyncio, contextlib

@contextlib.asynccontextmanager
async def opened():
    yield "open"

async def counted():
    for n in range(3):
        await asyncio.sleep(0)
        yield n

await asyncio.sleep(0)
async with opened() as state:
    seen = [state]
async for n in counted():
    seen.append(n)
seen += [n * 10 async for n in counted() if n]
async with asyncio.timeout(5), asyncio.TaskGroup() as group:
    task = group.create_task(asyncio.sleep(0, "task"))
try:
    await asyncio.wait_for(asyncio.Event().wait(), 0.01)
except TimeoutError:
    seen.append(await task)
seen
"""


def test_a_cell_may_await_at_its_top_level(kernel: Kernel) -> None:
    assert kernel.run(AWAITS).text == "['open', 0, 1, 2, 10, 20, 'task']"
    kept = kernel.run(
        "%%blazen_remote -o kept\nkept = await asyncio.sleep(0, len(seen))\nawait asyncio.sleep(0, kept)"
    )
    assert kept.text == "7"
    assert kernel.run("kept").text == "7"
    broken = kernel.run("%%blazen_remote\n1\nawait asyncio.sleep(0, 1) / 0")
    assert "line 3" in "\n".join(broken.traceback)


ASKS = """%%blazen_remote --quiet
from blazen_nb import ask
answer = ask("Train?", {"properties": {"epochs": {"type": "integer", "minimum": 1}, "keep": bool}})
answer | {"size": ask("Size?", ["small", "large"])}
"""


def test_without_a_card_what_a_cell_asks_is_typed_value_by_value_until_it_fits(
    kernel: Kernel,
) -> None:
    cell = kernel.send(ASKS)
    assert kernel.answer("0") == "Train?\nepochs (a whole number of at least 1) "
    assert kernel.answer("3").startswith("It must be a whole number of at least 1, not 0.\n")
    assert kernel.answer("yes") == "keep (yes or no) "
    assert kernel.answer("LARGE") == "Size? (small, large) "
    assert kernel.wait(cell).text == "{'epochs': 3, 'keep': True, 'size': 'large'}"


INNER = """%%blazen_remote --quiet
from blazen_nb import StartEvent, StopEvent, Workflow, step

def asks(ctx, ev):
    return StopEvent(result=ctx.ask("Size?", int))

inner = Workflow("inner", [step(asks, id="inner::asks")])
"""


def test_a_plain_step_asks_also_where_its_workflow_runs_inside_a_cell(fresh_kernel: Kernel) -> None:
    # A peer of its own: run_sync() inside a running loop changes asyncio for the whole process.
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run("%blazen_connect here local --launch")
    for code, answered in (
        (INNER, "4"),
        ("%%blazen_remote --quiet\ninner.run_sync().result", "5"),
    ):
        cell = fresh_kernel.send(code)
        assert fresh_kernel.answer(answered) == "Size? (a whole number) "
        assert fresh_kernel.wait(cell).text == answered


def test_ask_in_a_cell_of_this_kernel_is_typed_below_it(kernel: Kernel) -> None:
    cell = kernel.send("from blazen_nb import ask\nask('Size?', int, default=2)")
    assert kernel.answer("") == "Size? (a whole number) [2] "
    assert kernel.wait(cell).text == "2"


def test_an_exception_shows_the_lines_of_the_cell_its_step_and_its_peer(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\ndef inverse(x):\n    return 1 / x\n\ninverse(0)")
    assert cell.error == "WorkflowError"
    shown = "\n".join(cell.traceback)
    assert len(cell.traceback) < 25
    for part in ("step cell", "gpu0", "line 3, in inverse", "return 1 / x", "ZeroDivisionError"):
        assert part in shown
    assert "site-packages" not in shown
    assert kernel.run("%%blazen_remote\n'alive'").text == "'alive'"


def test_an_exception_in_a_step_names_the_step(kernel: Kernel) -> None:
    broken = WORKFLOW.format(name="answer").replace("len(ev.words)", "len(ev.missing)")
    cell = kernel.run("%%blazen_remote --input dict(words=[1])" + broken)
    shown = "\n".join(cell.traceback)
    assert len(cell.traceback) < 25
    for part in ("__main__::count", "gpu0", "return Counted(n=len(ev.missing))", "AttributeError"):
        assert part in shown


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        ("%%blazen_remote\nfoo bar", "CellSyntaxError", "nothing was sent"),
        ("%%blazen_remote\nno_such_name + 1", "ShippingError", "no_such_name: not defined"),
        ("%%blazen_remote --colour red\n1", "UsageError", "no option '--colour'"),
        ("%%blazen_remote -p gpu1\n1", "UsageError", "no peer is connected as 'gpu1'"),
        ("%%blazen_remote --timeout soon\n1", "UsageError", "takes seconds"),
        ("%%blazen_remote --input {undefined}\n1", "UsageError", "'undefined'"),
        ("%blazen_connect gpu1 not-an-address", "ValidationError", "not-an-address"),
        ("%blazen_connect gpu1 127.0.0.1:9", "TransportError", "127.0.0.1:9"),
    ],
)
def test_bad_input_is_a_typed_error_and_nothing_runs(
    kernel: Kernel, gpu0: PeerProcess, code: str, error: str, says: str
) -> None:
    before = gpu0.said().count(" starts: ")
    cell = kernel.run(code)
    # IPython prints a UsageError instead of raising it.
    assert cell.error == error or cell.stderr.startswith(f"{error}: ")
    assert says in cell.message + cell.stderr
    assert len(cell.traceback) < 25
    assert gpu0.said().count(" starts: ") == before


def test_a_syntax_error_points_at_the_line_in_the_notebook(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\nx = 1\nfoo bar")
    shown = "\n".join(cell.traceback)
    assert ":3" in shown
    assert "foo bar" in shown


def test_the_card_of_a_run_that_takes_a_while_tells_how_busy_the_peer_was(kernel: Kernel) -> None:
    cell = kernel.run("%%blazen_remote\nimport time\ntime.sleep(2.3)")
    (card,) = cell.shown
    for name, said in (("CPU", r"peak \d+ %"), ("Memory", r"peak [\d.]+ of [\d.]+ GiB")):
        assert re.search(
            f'role="meter" aria-label="{name}"[^>]*aria-valuetext="{said}"', card["text/html"]
        )
    assert "CPU" not in card["text/plain"]


def test_a_short_run_shows_no_meters_and_a_quiet_one_neither(kernel: Kernel) -> None:
    (card,) = kernel.run("%%blazen_remote\n1").shown
    assert "meter" not in re.sub("<style>.*?</style>", "", card["text/html"])
    assert kernel.run("%%blazen_remote --quiet\nimport time\ntime.sleep(1.3)").shown == []


def test_a_fork_pool_works_and_prints_no_noise(kernel: Kernel, gpu0: PeerProcess) -> None:
    before = len(gpu0.said())
    cell = kernel.run(
        "%%blazen_remote\n"
        "import multiprocessing\n"
        "def square(n):\n    return n * n\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    squares = pool.map(square, range(100))\n"
        "sum(squares)"
    )
    assert (cell.text, cell.stdout, cell.stderr) == ("328350", "", "")
    lines = gpu0.said()[before:].splitlines()
    assert [line for line in lines if "DEBUG blazen_nb.peer: run" not in line] == []


def test_a_workflow_runs_in_the_cell_and_the_cells_behind_it_run_too(kernel: Kernel) -> None:
    first = kernel.send(
        "from blazen_nb import StartEvent, StopEvent, Workflow, step\n"
        "import asyncio\n"
        "@step\n"
        "async def rest(ev: StartEvent) -> StopEvent:\n"
        "    await asyncio.sleep(0.1)\n"
        "    return StopEvent(result='rested')\n"
        "Workflow('here', [rest]).run_sync().result"
    )
    behind = [kernel.send(f"'cell {n}'") for n in range(3)]
    remote = kernel.send("%%blazen_remote\n'session lives'")
    assert kernel.wait(first).text == "'rested'"
    assert [kernel.wait(cell).text for cell in behind] == ["'cell 0'", "'cell 1'", "'cell 2'"]
    assert kernel.wait(remote).text == "'session lives'"


def test_two_notebooks_do_not_see_each_others_names(
    kernel: Kernel, fresh_kernel: Kernel, gpu0: PeerProcess
) -> None:
    fresh_kernel.run("%load_ext blazen_nb")
    fresh_kernel.run(f"%blazen_connect gpu0 {gpu0.address}")
    source = "%%blazen_remote --input dict(words=[])" + WORKFLOW
    kernel.run(source.format(name="ours"))
    fresh_kernel.run(source.format(name="ours").replace('"by": "ours"', '"by": "theirs"'))
    assert "'by': 'ours'" in kernel.run(source.format(name="ours")).text
    kernel.run("%%blazen_remote\nsecret = 1")
    assert fresh_kernel.run("%%blazen_remote\nsecret").error == "ShippingError"


def test_no_output_holds_the_token(
    kernel: Kernel, gpu0: PeerProcess, own_environment: object
) -> None:
    from blazen_nb.wire.connection_file import find_local

    found = find_local()
    assert found is not None
    assert found.token
    told = kernel.run(
        "client = get_ipython().magics_manager; %blazen_connect again " + gpu0.address
    )
    cell = kernel.run("%%blazen_remote\n1")
    assert found.token not in json.dumps(cell.shown) + told.stdout + gpu0.said()
