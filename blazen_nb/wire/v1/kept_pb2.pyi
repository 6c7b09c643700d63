from blazen_nb.wire.v1 import kernel_pb2 as _kernel_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeptStart(_message.Message):
    __slots__ = ("start", "steps", "python", "code", "timeout")
    START_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    start: _kernel_pb2.StartRun
    steps: _containers.RepeatedCompositeFieldContainer[KeptStep]
    python: str
    code: KeptCode
    timeout: float
    def __init__(self, start: _Optional[_Union[_kernel_pb2.StartRun, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[KeptStep, _Mapping]]] = ..., python: _Optional[str] = ..., code: _Optional[_Union[KeptCode, _Mapping]] = ..., timeout: _Optional[float] = ...) -> None: ...

class KeptStep(_message.Message):
    __slots__ = ("step_id", "digest", "is_hosts")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    IS_HOSTS_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    digest: str
    is_hosts: bool
    def __init__(self, step_id: _Optional[str] = ..., digest: _Optional[str] = ..., is_hosts: bool = ...) -> None: ...

class KeptCode(_message.Message):
    __slots__ = ("digest", "names", "problem")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    digest: str
    names: _containers.RepeatedScalarFieldContainer[str]
    problem: str
    def __init__(self, digest: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., problem: _Optional[str] = ...) -> None: ...

class KeptTick(_message.Message):
    __slots__ = ("at", "seconds_left", "usage", "state", "finished", "failed", "sent", "timer", "answered", "cancelled", "paused", "restarted")
    AT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    TIMER_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    RESTARTED_FIELD_NUMBER: _ClassVar[int]
    at: float
    seconds_left: float
    usage: _kernel_pb2.Usage
    state: _containers.RepeatedCompositeFieldContainer[KeptState]
    finished: KeptFinished
    failed: KeptFailed
    sent: KeptEvent
    timer: KeptTimer
    answered: KeptAnswer
    cancelled: KeptCancel
    paused: bool
    restarted: KeptRestart
    def __init__(self, at: _Optional[float] = ..., seconds_left: _Optional[float] = ..., usage: _Optional[_Union[_kernel_pb2.Usage, _Mapping]] = ..., state: _Optional[_Iterable[_Union[KeptState, _Mapping]]] = ..., finished: _Optional[_Union[KeptFinished, _Mapping]] = ..., failed: _Optional[_Union[KeptFailed, _Mapping]] = ..., sent: _Optional[_Union[KeptEvent, _Mapping]] = ..., timer: _Optional[_Union[KeptTimer, _Mapping]] = ..., answered: _Optional[_Union[KeptAnswer, _Mapping]] = ..., cancelled: _Optional[_Union[KeptCancel, _Mapping]] = ..., paused: bool = ..., restarted: _Optional[_Union[KeptRestart, _Mapping]] = ...) -> None: ...

class KeptState(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: _kernel_pb2.Value
    def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_kernel_pb2.Value, _Mapping]] = ...) -> None: ...

class KeptEvent(_message.Message):
    __slots__ = ("event_type", "fields")
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    event_type: str
    fields: _kernel_pb2.Value
    def __init__(self, event_type: _Optional[str] = ..., fields: _Optional[_Union[_kernel_pb2.Value, _Mapping]] = ...) -> None: ...

class KeptFinished(_message.Message):
    __slots__ = ("attempt_id", "events", "is_list", "workflow")
    ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    IS_LIST_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    attempt_id: int
    events: _containers.RepeatedCompositeFieldContainer[KeptEvent]
    is_list: bool
    workflow: KeptWorkflow
    def __init__(self, attempt_id: _Optional[int] = ..., events: _Optional[_Iterable[_Union[KeptEvent, _Mapping]]] = ..., is_list: bool = ..., workflow: _Optional[_Union[KeptWorkflow, _Mapping]] = ...) -> None: ...

class KeptWorkflow(_message.Message):
    __slots__ = ("steps", "code")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[KeptStep]
    code: KeptCode
    def __init__(self, steps: _Optional[_Iterable[_Union[KeptStep, _Mapping]]] = ..., code: _Optional[_Union[KeptCode, _Mapping]] = ...) -> None: ...

class KeptFailed(_message.Message):
    __slots__ = ("attempt_id", "failure", "random")
    ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RANDOM_FIELD_NUMBER: _ClassVar[int]
    attempt_id: int
    failure: _kernel_pb2.Failure
    random: float
    def __init__(self, attempt_id: _Optional[int] = ..., failure: _Optional[_Union[_kernel_pb2.Failure, _Mapping]] = ..., random: _Optional[float] = ...) -> None: ...

class KeptTimer(_message.Message):
    __slots__ = ("kind", "attempt_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
    kind: str
    attempt_id: int
    def __init__(self, kind: _Optional[str] = ..., attempt_id: _Optional[int] = ...) -> None: ...

class KeptAnswer(_message.Message):
    __slots__ = ("request_id", "event")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    event: KeptEvent
    def __init__(self, request_id: _Optional[str] = ..., event: _Optional[_Union[KeptEvent, _Mapping]] = ...) -> None: ...

class KeptCancel(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class KeptRestart(_message.Message):
    __slots__ = ("seconds_left", "delays")
    class DelaysEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: float
        def __init__(self, key: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    DELAYS_FIELD_NUMBER: _ClassVar[int]
    seconds_left: float
    delays: _containers.ScalarMap[int, float]
    def __init__(self, seconds_left: _Optional[float] = ..., delays: _Optional[_Mapping[int, float]] = ...) -> None: ...
