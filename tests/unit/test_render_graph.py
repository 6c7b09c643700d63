from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest

from blazen_nb.events import INPUT_REQUEST, INPUT_RESPONSE, START, STOP
from blazen_nb.render.graph import NODES_LIMIT, run_edges, run_graph, shape_edges, workflow_graph
from blazen_nb.render.layout import NODE_HEIGHT, START_NODE, STOP_NODE, Edge, Layout, Node, arrange
from blazen_nb.updates import StepShape
from tests.unit.render_story import INDEX_DOCS, Story, failed, running, split_done, succeeded

ANSWER = (
    StepShape(step_id="a::route", accepts=(START,), emits=("Query", "Direct")),
    StepShape(step_id="a::search", accepts=("Query",), emits=("Hits",)),
    StepShape(step_id="a::recall", accepts=("Query",), emits=("Facts",)),
    StepShape(step_id="a::rerank", accepts=("Hits",), emits=("Context",)),
    StepShape(step_id="a::write", accepts=("Context", "Facts"), emits=("Draft",)),
    StepShape(step_id="a::check", accepts=("Draft", "Direct"), emits=(STOP, "Query")),
)
PING_PONG = (
    StepShape(step_id="ping", accepts=(START, "Pong"), emits=("Ping", STOP)),
    StepShape(step_id="pong", accepts=("Ping",), emits=("Pong",)),
    StepShape(step_id="log", accepts=("Ping",), emits=()),
)
SELF = (StepShape(step_id="tick", accepts=(START, "Again"), emits=("Again", STOP)),)


def lay_out(shapes: tuple[StepShape, ...]) -> Layout:
    names = [START_NODE, *(shape.step_id for shape in shapes), STOP_NODE]
    return arrange([Node(node_id=name, label=name) for name in names], shape_edges(shapes))


def chain_of(length: int) -> tuple[StepShape, ...]:
    events = [START, *(f"E{number}" for number in range(1, length)), STOP]
    return tuple(
        StepShape(
            step_id=f"m{number // 20}::step_{number}",
            accepts=(events[number],),
            emits=(events[number + 1],),
        )
        for number in range(length)
    )


def tags(html: str) -> list[str]:
    root = ElementTree.fromstring(html)
    return [element.tag for element in root.iter()]


def test_steps_stand_in_the_layer_of_their_longest_path() -> None:
    places = lay_out(ANSWER).places
    columns = sorted((place.x, name) for name, place in places.items() if not name.startswith("\0"))
    assert [name for _, name in columns if name != "a::search"] == [
        "a::route",
        "a::recall",
        "a::rerank",
        "a::write",
        "a::check",
    ]
    assert places["a::search"].x == places["a::recall"].x
    assert places[START_NODE].x < places["a::route"].x
    assert places[STOP_NODE].x > places["a::check"].x


def test_a_wire_never_goes_back_and_a_loop_is_kept_apart() -> None:
    layout = lay_out(ANSWER)
    assert {(edge.source, edge.target) for edge in layout.loops} == {
        ("a::check", "a::search"),
        ("a::check", "a::recall"),
    }
    for _, chain in layout.chains:
        xs = [layout.places[name].x for name in chain]
        assert xs == sorted(xs)


def test_nodes_never_overlap() -> None:
    places = [place for name, place in lay_out(ANSWER).places.items() if not name.startswith("\0")]
    for at, one in enumerate(places):
        for other in places[at + 1 :]:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert beside or abs(one.y - other.y) >= NODE_HEIGHT


def test_everything_lies_inside_the_picture() -> None:
    layout = lay_out(ANSWER)
    for place in layout.places.values():
        assert place.x >= 0
        assert place.x + place.width <= layout.width
        assert 0 <= place.y <= layout.floor


def test_a_step_that_feeds_itself_and_a_step_nobody_feeds_are_drawn() -> None:
    shapes = (
        StepShape(step_id="loop", accepts=(START, "Again"), emits=("Again", STOP)),
        StepShape(step_id="alone", accepts=("Never",), emits=()),
    )
    layout = lay_out(shapes)
    assert [(edge.source, edge.target) for edge in layout.loops] == [("loop", "loop")]
    assert layout.places["alone"].x == layout.places["loop"].x
    assert "alone" in workflow_graph(shapes)


def points_of(path: str) -> list[tuple[float, float]]:
    """The corners of a path of straight lines and of curves that end where their last pair says."""
    points: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MHVQC])([^MHVQC]+)", path):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        x, y = points[-1] if points else (0.0, 0.0)
        if command == "H":
            points.append((values[0], y))
        elif command == "V":
            points.append((x, values[0]))
        else:
            points.append((values[-2], values[-1]))
    return points


@pytest.mark.parametrize("shapes", [ANSWER, PING_PONG])
def test_a_wire_that_goes_back_passes_behind_no_node(shapes: tuple[StepShape, ...]) -> None:
    root = ElementTree.fromstring(workflow_graph(shapes))
    boxes = [
        {name: float(element.attrib[name]) for name in ("x", "y", "width", "height")}
        for element in root.iter("rect")
        if element.attrib["class"] == "node"
    ]
    back = [e.attrib["d"] for e in root.iter("path") if e.attrib["class"] == "wire back"]
    assert len(back) == len(lay_out(shapes).loops) > 0
    for path in back:
        for (x0, y0), (x1, y1) in itertools.pairwise(points_of(path)):
            for box in boxes:
                left, right = (
                    max(min(x0, x1), box["x"] + 1),
                    min(max(x0, x1), box["x"] + box["width"] - 1),
                )
                top, low = (
                    max(min(y0, y1), box["y"] + 1),
                    min(max(y0, y1), box["y"] + box["height"] - 1),
                )
                assert left > right or top > low, f"{path} crosses {box}"


def test_the_caption_of_a_step_that_feeds_itself_stands_beside_its_wire() -> None:
    (loop,) = (
        e
        for e in ElementTree.fromstring(workflow_graph(SELF)).iter("path")
        if e.attrib["class"] == "wire back"
    )
    (patch,) = (
        e
        for e in ElementTree.fromstring(workflow_graph(SELF)).iter("rect")
        if e.attrib["class"] == "patch"
    )
    assert float(patch.attrib["x"]) > max(x for x, _ in points_of(loop.attrib["d"]))


def test_an_answer_goes_from_the_step_that_asks_to_the_step_that_takes_it() -> None:
    shapes = (
        StepShape(step_id="ask", accepts=(START,), emits=(INPUT_REQUEST,)),
        StepShape(step_id="go", accepts=(INPUT_RESPONSE,), emits=(STOP,)),
    )
    assert ("ask", "go") in {(edge.source, edge.target) for edge in shape_edges(shapes)}


def test_two_event_types_between_two_steps_share_one_wire() -> None:
    edge = Edge(source="a", target="b", events=(("Good", 3), ("Bad", 1)))
    assert edge.caption == "Good x3, Bad"


def test_wires_carry_the_counts_seen() -> None:
    captions = {edge.caption for edge in run_edges(running().state)}
    assert {"Chunk x8", "Vectors x5"} <= captions


def test_events_of_a_step_without_annotations_are_learned_while_it_runs() -> None:
    shapes = (
        StepShape(step_id="make", accepts=(START,), emits=()),
        StepShape(step_id="take", accepts=("Thing",), emits=()),
    )
    story = Story().accepted().graph(*shapes)
    assert ("make", "take") not in {(edge.source, edge.target) for edge in run_edges(story.state)}
    story.start("make", 1, 0.0, event=START).end("make", 1, 1.0, emitted=("Thing", "Thing"))
    assert ("make", "take", "Thing x2") in {
        (edge.source, edge.target, edge.caption) for edge in run_edges(story.state)
    }


def boxes_of(html: str) -> list[dict[str, str]]:
    root = ElementTree.fromstring(html)
    return [
        {name: element.attrib[name] for name in ("x", "y", "width")}
        for element in root.iter("rect")
        if element.attrib["class"] == "tint" or element.attrib["class"].startswith("node")
    ]


def test_nothing_moves_while_the_numbers_grow() -> None:
    few = split_done(Story(), 8).state
    many = split_done(Story(), 1_000).state
    assert boxes_of(run_graph(few, 1.0)) == boxes_of(run_graph(many, 1.0))
    sizes = {
        re.findall(r'viewBox="[^"]+"', run_graph(state, 9.0))[0]
        for state in (few, many, running().state)
    }
    assert len(sizes) == 1


def test_the_picture_is_well_formed_and_has_no_ids_and_no_script() -> None:
    for html in (
        run_graph(running().state, 14.2),
        run_graph(failed().state, 0.0),
        workflow_graph(ANSWER),
    ):
        assert "script" not in tags(html)
        assert " id=" not in html
        assert "url(" not in html


def test_what_is_left_without_the_shapes_reads_as_a_sentence() -> None:
    html = run_graph(succeeded().state, 19.6)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html)).strip()
    assert text == (
        "[split to embed: Chunk x8] [embed to collect: Vectors x8] "
        "split (0.42 s) embed (8 of 8, 17.9 s) collect (8 of 8, 0.75 s)"
    )


def test_the_label_for_people_who_do_not_see_it_lists_the_wires() -> None:
    assert (
        'aria-label="Steps and events: split to embed by Chunk; embed to collect by Vectors"'
        in workflow_graph(INDEX_DOCS)
    )


def test_hostile_names_stay_text() -> None:
    name = 'x::"><script>alert(1)</script>'
    shapes = (
        StepShape(step_id=name, accepts=(START,), emits=("<b>&",)),
        StepShape(step_id="y", accepts=("<b>&",), emits=(STOP,)),
    )
    html = workflow_graph(shapes)
    assert not {"script", "b", "i"} & set(tags(html))
    assert "&lt;b&gt;&amp;" in html


def test_a_run_of_many_steps_has_no_graph_but_a_workflow_shows_its_modules() -> None:
    shapes = chain_of(NODES_LIMIT * 4)
    assert run_graph(Story().accepted().graph(*shapes).state, 1.0) == ""
    html = workflow_graph(shapes)
    assert html.count("20 steps") == 4
    assert "step_7" not in html


def test_a_graph_too_wide_for_a_card_is_left_out_of_a_run_and_kept_in_a_workflow() -> None:
    shapes = chain_of(15)
    assert run_graph(Story().accepted().graph(*shapes).state, 1.0) == ""
    assert "step_14" in workflow_graph(shapes)


def test_a_wide_graph_is_left_out_where_the_output_is_narrow() -> None:
    html = run_graph(Story().accepted().graph(*chain_of(6)).state, 1.0)
    assert re.search(r'class="bzn-s bzn-g bzn-x\d{3,4}"', html)


@pytest.mark.parametrize("length", [1_000])
def test_a_thousand_steps_are_laid_out_in_no_time(length: int) -> None:
    layout = lay_out(chain_of(length))
    assert layout.places[STOP_NODE].x > layout.places[f"m{(length - 1) // 20}::step_{length - 1}"].x


def test_the_same_steps_give_the_same_picture() -> None:
    assert workflow_graph(ANSWER) == workflow_graph(ANSWER)
    assert run_graph(running().state, 14.2) == run_graph(running().state, 14.2)
