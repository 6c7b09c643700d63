from __future__ import annotations

import pytest

from blazen_nb.render import reprs
from tests.unit.render_seen import HOSTILE, Seen
from tests.unit.render_story import INDEX_DOCS


def every_repr() -> dict[str, reprs.Repr]:
    steps = tuple(shape.step_id for shape in INDEX_DOCS)
    served = reprs.ServedRun(
        run_id="4f1c09aa", state="running", workflow_name=HOSTILE, elapsed=14.2
    )
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
        "PeerServer(notebook-7f, serving)": reprs.peer_server_repr(
            reprs.PeerServerView(
                node_id="notebook-7f",
                address="127.0.0.1:51734",
                hints=(("Same machine", HOSTILE),),
                runs=(served,),
            )
        ),
        "WorkflowResult(index_docs, dict with 3 keys)": reprs.result_repr(
            reprs.ResultView(
                workflow_name="index_docs",
                kind="dict with 3 keys",
                value_text=HOSTILE,
                duration=19.6,
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


def test_a_server_that_stopped_says_so() -> None:
    html, text = reprs.peer_server_repr(reprs.PeerServerView(node_id="n", state="stopped"))
    assert text == "PeerServer(n, stopped)"
    assert "Stopped" in Seen(html).text


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
