"""``@step``: what it reads from a function, and what it refuses."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Optional, Union

import pytest

from blazen_nb.engine.context import Context
from blazen_nb.engine.registry import (
    StepRegistry,
    current_registry,
    process_registry,
    registering_in,
)
from blazen_nb.engine.retry import NO_RETRY, RetryConfig
from blazen_nb.engine.step import Step, step
from blazen_nb.errors import UnknownStepError, ValidationError
from blazen_nb.events import START, Event, InputRequestEvent, StartEvent, StopEvent

STOP = "blazen::StopEvent"


class Mid(Event):
    x: int = 0


class Renamed(Event):
    event_type = "my_app::Renamed"


@pytest.fixture(autouse=True)
def registry() -> Iterator[StepRegistry]:
    """Steps of these tests stay out of the process's registry."""
    overlay = StepRegistry(process_registry)
    with registering_in(overlay):
        yield overlay


# --- what it accepts and emits -------------------------------------------------------------------


def test_accepts_and_emits_come_from_the_annotations() -> None:
    @step
    def work(ctx: Context, ev: Mid) -> StopEvent:
        return StopEvent(result=ev.x)

    assert (work.accepts, work.emits) == (("Mid",), (STOP,))


def test_without_an_annotation_it_accepts_the_start_event() -> None:
    @step
    def bare(ctx, ev):  # type: ignore[no-untyped-def]
        return None

    @step
    def wide(ctx: Context, ev: Event) -> None:
        return None

    assert (bare.accepts, wide.accepts, bare.emits) == ((START,), (START,), ())


def test_a_union_accepts_each_of_its_types() -> None:
    @step
    def either(ctx: Context, ev: Mid | StartEvent) -> list[Mid] | StopEvent | None: ...

    @step
    def old(ctx: Context, ev: Union[Mid, StartEvent]) -> Optional[StopEvent]:  # noqa: UP007, UP045
        ...

    assert (either.accepts, either.emits) == (("Mid", START), ("Mid", STOP))
    assert (old.accepts, old.emits) == (("Mid", START), (STOP,))


def test_a_class_that_chose_its_type_name_is_accepted_under_it() -> None:
    @step
    def work(ctx: Context, ev: Renamed) -> None: ...

    assert work.accepts == ("my_app::Renamed",)


def test_annotations_that_cannot_be_resolved_count_by_their_text() -> None:
    class Local(Event):
        pass

    @step
    def work(ctx: Context, ev: Local | StartEvent) -> list[Local] | InputRequestEvent | None: ...

    assert work.accepts == ("Local", START)
    assert work.emits == ("Local", "blazen::InputRequestEvent")


def test_an_annotation_quoted_within_another_counts() -> None:
    @step
    def work(ctx: Context, ev: "list['Nobody'] | app.events.Other.Inner") -> None:  # type: ignore[name-defined] # noqa: F821, UP037, RUF100
        ...

    assert work.accepts == ("Nobody", "Inner")


def test_annotations_written_as_text_count_like_others() -> None:
    namespace: dict[str, Any] = {"Event": Event, "step": step}
    source = (
        "class Local(Event): pass\n"
        "@step\n"
        "def work(ctx: 'Context', ev: 'blazen.Local') -> 'list[Local] | blazen.StopEvent': ...\n"
    )
    exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
    work: Step = namespace["work"]
    assert (work.accepts, work.emits) == (("Local",), ("Local", STOP))


def test_real_annotations_of_local_classes_count_as_themselves() -> None:
    namespace: dict[str, Any] = {"Event": Event, "step": step}
    source = (
        "def make():\n"
        "    class Local(Event):\n"
        "        event_type = 'app::Local'\n"
        "    @step\n"
        "    def work(ctx, ev: Local) -> Local: ...\n"
        "    return work\n"
    )
    exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
    work: Step = namespace["make"]()
    assert (work.accepts, work.emits) == (("app::Local",), ("app::Local",))


def test_accepts_and_emits_may_be_given_by_name_or_class() -> None:
    @step(accepts=["Mid", StartEvent], emits=[Renamed, "blazen::StopEvent"])
    def work(ctx: Context, ev: Event) -> Any: ...

    assert (work.accepts, work.emits) == (("Mid", START), ("my_app::Renamed", STOP))


def test_the_short_name_of_a_built_in_event_is_accepted() -> None:
    @step(accepts=["StartEvent"], emits=["StopEvent"])
    def work(ctx: Context, ev: Event) -> Any: ...

    assert (work.accepts, work.emits) == ((START,), (STOP,))


def test_a_text_for_accepts_is_refused_because_it_would_be_read_letter_by_letter() -> None:
    with pytest.raises(ValidationError, match=r"lists: \['Mid'\]"):
        step(accepts="Mid")(lambda ctx, ev: None)


def test_accepting_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="accepts no event"):
        step(accepts=[])(lambda ctx, ev: None)


# --- parameters ----------------------------------------------------------------------------------


def both(ctx: Context, ev: Mid) -> Any:
    return (ctx, ev)


def both_by_other_names(c: Any, e: Mid, extra: int = 1) -> Any:
    return (c, e)


def only_event(ev: Mid) -> Any:
    return (None, ev)


def only_context(ctx: Context) -> Any:
    return (ctx, None)


def only_context_by_annotation(c: Context) -> Any:
    return (c, None)


def neither() -> Any:
    return (None, None)


@pytest.mark.parametrize(
    ("function", "gets", "accepts"),
    [
        (both, ("ctx", "ev"), ("Mid",)),
        (both_by_other_names, ("ctx", "ev"), ("Mid",)),
        (only_event, (None, "ev"), ("Mid",)),
        (only_context, ("ctx", None), (START,)),
        (only_context_by_annotation, ("ctx", None), (START,)),
        (neither, (None, None), (START,)),
    ],
)
def test_a_step_takes_context_and_event_or_one_of_them(
    function: Callable[..., Any], gets: tuple[Any, Any], accepts: tuple[str, ...]
) -> None:
    made = step(function)
    event: Any = "ev"
    assert made.call("ctx", event) == gets
    assert made.accepts == accepts


def test_a_function_that_needs_more_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"takes \(ctx, event\); f needs 3 arguments"):

        @step
        def f(ctx: Context, ev: Event, more: int) -> None: ...


def test_generators_are_refused_with_what_to_do() -> None:
    with pytest.raises(ValidationError, match="return a list of events"):

        @step
        def f(ctx: Context, ev: Event) -> Iterator[Event]:
            yield ev

    with pytest.raises(ValidationError, match="return a list of events"):

        @step
        async def g(ctx: Context, ev: Event) -> Any:
            yield ev


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ValidationError, match="not of a int"):
        step(3)  # type: ignore[call-overload]


# --- the step itself -----------------------------------------------------------------------------


def test_async_functions_and_callables_are_known_as_async() -> None:
    async def coroutine(ctx: Any, ev: Any) -> None: ...

    class AsyncCallable:
        async def __call__(self, ctx: Any, ev: Any) -> None: ...

    assert step(coroutine).is_async
    assert step(functools.partial(coroutine)).is_async
    assert step(AsyncCallable()).is_async
    assert not step(lambda ctx, ev: None).is_async


def test_a_step_can_be_called_like_its_function() -> None:
    @step
    def double(ctx: Any, ev: Mid) -> StopEvent:
        return StopEvent(result=ev.x * 2)

    assert double(None, Mid(x=4)) == StopEvent(result=8)


def test_a_step_keeps_its_functions_name_and_docstring() -> None:
    @step
    def double(ctx: Any, ev: Mid) -> None:
        """Twice."""

    assert (vars(double)["__name__"], double.__doc__) == ("double", "Twice.")


def test_attributes_of_the_function_do_not_replace_those_of_the_step() -> None:
    def work(ctx: Any, ev: Mid) -> None: ...

    # As the decorator of a well-known retry library leaves it.
    work.retry = object()  # type: ignore[attr-defined]
    work.timeout = "soon"  # type: ignore[attr-defined]
    made = step(work)
    assert (made.retry, made.timeout) == (None, None)


def test_the_id_is_module_and_name_without_where_it_was_defined() -> None:
    @step
    def work(ctx: Any, ev: Mid) -> None: ...

    assert work.step_id == f"{__name__}::work"
    assert work.name == "work"


def test_the_id_may_be_given() -> None:
    @step(id="my_app::analyze")
    def work(ctx: Any, ev: Mid) -> None: ...

    assert (work.step_id, work.name) == ("my_app::analyze", "analyze")


def test_options_count_too_where_the_function_is_given_at_once() -> None:
    def work(ctx: Any, ev: Any) -> None: ...

    made = step(
        work,
        id="my_app::made",
        accepts=[Mid],
        emits=[StopEvent],
        max_concurrency=3,
        timeout=1.5,
        retry=2,
    )
    assert made.step_id == "my_app::made"
    assert (made.accepts, made.emits) == (("Mid",), (STOP,))
    assert (made.max_concurrency, made.timeout) == (3, 1.5)
    assert made.retry == RetryConfig(max_retries=2)


def test_timeout_takes_seconds_or_a_timedelta() -> None:
    assert step(timeout=1.5)(lambda ctx, ev: None).timeout == 1.5
    assert step(timeout=timedelta(minutes=2))(lambda ctx, ev: None).timeout == 120.0


def test_retry_takes_a_number_or_a_config() -> None:
    config = RetryConfig(max_retries=7)
    assert step(retry=config)(lambda ctx, ev: None).retry is config
    assert step(retry=2)(lambda ctx, ev: None).retry == RetryConfig(max_retries=2)
    assert step(retry=0)(lambda ctx, ev: None).retry is NO_RETRY
    assert step(lambda ctx, ev: None).retry is None


def test_a_step_made_of_a_step_is_made_of_its_function() -> None:
    first = step(lambda ctx, ev: None)
    assert step(id="again")(first).function is first.function


# --- the registry --------------------------------------------------------------------------------


def test_decorating_registers_and_decorating_again_replaces(registry: StepRegistry) -> None:
    def make(answer: int) -> Step:
        @step(id="app::work")
        def work(ctx: Any, ev: Mid) -> int:
            return answer

        return work

    first = make(1)
    version = registry.total_version()
    second = make(2)
    assert registry.get("app::work") is second
    assert first.function(None, None) == 1
    assert registry.total_version() > version


def test_an_overlay_finds_its_own_steps_first_and_the_others_below(registry: StepRegistry) -> None:
    below = step(id="app::a")(lambda ctx, ev: None)
    other = step(id="app::b")(lambda ctx, ev: None)
    overlay = StepRegistry(registry)
    with registering_in(overlay):
        assert current_registry() is overlay
        above = step(id="app::a")(lambda ctx, ev: None)
    assert current_registry() is registry
    assert overlay.resolve(["app::b", "app::a"]) == (other, above)
    assert registry.get("app::a") is below
    assert {"app::a", "app::b"} <= set(overlay.step_ids())
    assert overlay.step_ids().count("app::a") == 1


def test_an_unknown_id_is_named(registry: StepRegistry) -> None:
    with pytest.raises(UnknownStepError, match="unknown step id `app::nobody`"):
        registry.resolve(["app::nobody"])


def test_a_namespaces_own_module_counts_as_main() -> None:
    with registering_in(StepRegistry(process_registry, module_name="blazen_nb_space_1")):
        namespace: dict[str, Any] = {"__name__": "blazen_nb_space_1", "step": step}
        exec("@step\ndef train(ctx, ev): ...", namespace)
    assert namespace["train"].step_id == "__main__::train"
