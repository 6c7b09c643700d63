from __future__ import annotations

from dataclasses import replace

import pytest

from blazen_nb.render import reprs
from tests.unit.render_seen import HOSTILE, Seen
from tests.unit.render_story import INDEX_DOCS


def every_repr() -> dict[str, reprs.Repr]:
    steps = tuple(shape.step_id for shape in INDEX_DOCS)
    return {
        "PeerClient(gpu-box, connected, 3 steps)": reprs.peer_client_repr(
            reprs.PeerClientView(
                node_id="gpu-box", address="https://gpu-box:7443", ping=0.0018, steps=steps
            )
        ),
        "PeerInfo(gpu-box, 1 step, 2 runs)": reprs.peer_info_repr(
            reprs.PeerInfoView(
                node_id="gpu-box",
                python="3.12.1",
                host=HOSTILE,
                steps=(HOSTILE,),
                runs=2,
                abandoned=1,
            )
        ),
        "RunHandle(index_docs on gpu-box, running)": reprs.run_handle_repr(
            reprs.RunHandleView(run_id="4f1c09aa", workflow_name="index_docs", node_id="gpu-box")
        ),
        "AsyncRunHandle(index_docs on gpu-box, failed)": reprs.run_handle_repr(
            reprs.RunHandleView(
                kind="AsyncRunHandle",
                run_id=HOSTILE,
                workflow_name="index_docs",
                node_id="gpu-box",
                state="failed",
                message=HOSTILE,
            )
        ),
        "WorkflowResult(index_docs, dict with 3 keys, 1 ref)": reprs.result_repr(
            reprs.ResultView(
                workflow_name="index_docs",
                kind="dict with 3 keys",
                value_text=HOSTILE,
                duration=19.6,
                ref_owners=(HOSTILE,),
            )
        ),
        "Workflow(answer: 3 steps, StartEvent to StopEvent)": reprs.workflow_repr(
            reprs.WorkflowView(name="answer", steps=INDEX_DOCS)
        ),
    }


@pytest.mark.parametrize("text", list(every_repr()))
def test_a_repr_is_one_stable_line_and_a_complete_card(text: str) -> None:
    html, plain = every_repr()[text]
    assert plain == text
    seen = Seen(html)
    assert not {"script", "img"} & set(seen.tags)
    assert seen.tags.count("style") == 1
    assert ("role", "group") in seen.attributes


def test_the_card_of_a_handle_says_how_to_see_the_run_while_it_runs_and_then_how_it_ended() -> None:
    view = reprs.RunHandleView(run_id="4f1c09aa-77", workflow_name="index_docs", node_id="gpu-box")
    running, _ = reprs.run_handle_repr(view)
    assert Seen(running).text == (
        "Running index_docs on gpu-box run 4f1c09 "
        "Seen live in any notebook by %blazen_attach 4f1c09aa-77"
    )
    lost, _ = reprs.run_handle_repr(
        replace(view, state="lost", duration=3.0, message="the peer went away")
    )
    assert Seen(lost).text == "Lost index_docs on gpu-box 3.00 s run 4f1c09 the peer went away"


def test_a_peer_tells_of_steps_that_did_not_stop() -> None:
    html, _ = reprs.peer_info_repr(reprs.PeerInfoView(node_id="n", sessions=1, runs=2, abandoned=1))
    assert "1 session, 2 runs, 1 step that did not stop when told to" in Seen(html).text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ({"a": 1}, "dict with 1 key"),
        ([1, 2], "list of 2"),
        ("abc", "str of 3 characters"),
        (b"a", "bytes of 1 byte"),
        (3.5, "float"),
    ],
)
def test_a_result_is_named_by_its_kind(value: object, text: str) -> None:
    assert reprs.kind_of(value) == text
