from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OnDisconnect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_DISCONNECT_CONTINUE: _ClassVar[OnDisconnect]
    ON_DISCONNECT_CANCEL: _ClassVar[OnDisconnect]
ON_DISCONNECT_CONTINUE: OnDisconnect
ON_DISCONNECT_CANCEL: OnDisconnect

class ClientBatch(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[ClientFrame]
    def __init__(self, frames: _Optional[_Iterable[_Union[ClientFrame, _Mapping]]] = ...) -> None: ...

class ClientFrame(_message.Message):
    __slots__ = ("request_id", "hello", "register_code", "start_run", "cancel_run", "describe", "find_names", "ping", "answer_input", "part", "release_refs", "list_refs", "pause_run", "resume_run", "describe_devices", "describe_memory", "attach_run", "detach_run", "list_runs", "ack_run", "reset_namespace", "drop_transfers", "beat", "goodbye", "preview_ref")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    REGISTER_CODE_FIELD_NUMBER: _ClassVar[int]
    START_RUN_FIELD_NUMBER: _ClassVar[int]
    CANCEL_RUN_FIELD_NUMBER: _ClassVar[int]
    DESCRIBE_FIELD_NUMBER: _ClassVar[int]
    FIND_NAMES_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    ANSWER_INPUT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    RELEASE_REFS_FIELD_NUMBER: _ClassVar[int]
    LIST_REFS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_RUN_FIELD_NUMBER: _ClassVar[int]
    RESUME_RUN_FIELD_NUMBER: _ClassVar[int]
    DESCRIBE_DEVICES_FIELD_NUMBER: _ClassVar[int]
    DESCRIBE_MEMORY_FIELD_NUMBER: _ClassVar[int]
    ATTACH_RUN_FIELD_NUMBER: _ClassVar[int]
    DETACH_RUN_FIELD_NUMBER: _ClassVar[int]
    LIST_RUNS_FIELD_NUMBER: _ClassVar[int]
    ACK_RUN_FIELD_NUMBER: _ClassVar[int]
    RESET_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DROP_TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_REF_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    hello: Hello
    register_code: RegisterCode
    start_run: StartRun
    cancel_run: CancelRun
    describe: Describe
    find_names: FindNames
    ping: Ping
    answer_input: AnswerInput
    part: Part
    release_refs: ReleaseRefs
    list_refs: ListRefs
    pause_run: PauseRun
    resume_run: ResumeRun
    describe_devices: DescribeDevices
    describe_memory: DescribeMemory
    attach_run: AttachRun
    detach_run: DetachRun
    list_runs: ListRuns
    ack_run: AckRun
    reset_namespace: ResetNamespace
    drop_transfers: DropTransfers
    beat: Beat
    goodbye: Goodbye
    preview_ref: PreviewRef
    def __init__(self, request_id: _Optional[int] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., register_code: _Optional[_Union[RegisterCode, _Mapping]] = ..., start_run: _Optional[_Union[StartRun, _Mapping]] = ..., cancel_run: _Optional[_Union[CancelRun, _Mapping]] = ..., describe: _Optional[_Union[Describe, _Mapping]] = ..., find_names: _Optional[_Union[FindNames, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., answer_input: _Optional[_Union[AnswerInput, _Mapping]] = ..., part: _Optional[_Union[Part, _Mapping]] = ..., release_refs: _Optional[_Union[ReleaseRefs, _Mapping]] = ..., list_refs: _Optional[_Union[ListRefs, _Mapping]] = ..., pause_run: _Optional[_Union[PauseRun, _Mapping]] = ..., resume_run: _Optional[_Union[ResumeRun, _Mapping]] = ..., describe_devices: _Optional[_Union[DescribeDevices, _Mapping]] = ..., describe_memory: _Optional[_Union[DescribeMemory, _Mapping]] = ..., attach_run: _Optional[_Union[AttachRun, _Mapping]] = ..., detach_run: _Optional[_Union[DetachRun, _Mapping]] = ..., list_runs: _Optional[_Union[ListRuns, _Mapping]] = ..., ack_run: _Optional[_Union[AckRun, _Mapping]] = ..., reset_namespace: _Optional[_Union[ResetNamespace, _Mapping]] = ..., drop_transfers: _Optional[_Union[DropTransfers, _Mapping]] = ..., beat: _Optional[_Union[Beat, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., preview_ref: _Optional[_Union[PreviewRef, _Mapping]] = ...) -> None: ...

class PeerBatch(_message.Message):
    __slots__ = ("frames",)
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[PeerFrame]
    def __init__(self, frames: _Optional[_Iterable[_Union[PeerFrame, _Mapping]]] = ...) -> None: ...

class PeerFrame(_message.Message):
    __slots__ = ("request_id", "welcome", "refusal", "registered", "run_started", "done", "description", "missing_names", "pong", "update", "result", "part", "devices", "holdings", "run_list", "beat", "goodbye", "ref_list", "preview")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    RUN_STARTED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MISSING_NAMES_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    RUN_LIST_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    REF_LIST_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    welcome: Welcome
    refusal: Refusal
    registered: Registered
    run_started: RunStarted
    done: Done
    description: Description
    missing_names: MissingNames
    pong: Pong
    update: RunUpdate
    result: RunResult
    part: Part
    devices: DeviceReport
    holdings: HoldingList
    run_list: RunList
    beat: Beat
    goodbye: Goodbye
    ref_list: RefList
    preview: Preview
    def __init__(self, request_id: _Optional[int] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., registered: _Optional[_Union[Registered, _Mapping]] = ..., run_started: _Optional[_Union[RunStarted, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., description: _Optional[_Union[Description, _Mapping]] = ..., missing_names: _Optional[_Union[MissingNames, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., update: _Optional[_Union[RunUpdate, _Mapping]] = ..., result: _Optional[_Union[RunResult, _Mapping]] = ..., part: _Optional[_Union[Part, _Mapping]] = ..., devices: _Optional[_Union[DeviceReport, _Mapping]] = ..., holdings: _Optional[_Union[HoldingList, _Mapping]] = ..., run_list: _Optional[_Union[RunList, _Mapping]] = ..., beat: _Optional[_Union[Beat, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., ref_list: _Optional[_Union[RefList, _Mapping]] = ..., preview: _Optional[_Union[Preview, _Mapping]] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("part_id", "data", "last")
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    part_id: int
    data: bytes
    last: bool
    def __init__(self, part_id: _Optional[int] = ..., data: _Optional[bytes] = ..., last: bool = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("json", "leaves")
    JSON_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    leaves: _containers.RepeatedCompositeFieldContainer[Leaf]
    def __init__(self, json: _Optional[bytes] = ..., leaves: _Optional[_Iterable[_Union[Leaf, _Mapping]]] = ...) -> None: ...

class Leaf(_message.Message):
    __slots__ = ("type_tag", "data")
    TYPE_TAG_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    type_tag: str
    data: bytes
    def __init__(self, type_tag: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class Ref(_message.Message):
    __slots__ = ("uuid", "node_id", "incarnation", "type_tag", "type_name", "has_shape", "shape", "dtype", "size", "device", "lifetime", "created_at_epoch_ms", "held", "run_id", "holder")
    UUID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    TYPE_TAG_FIELD_NUMBER: _ClassVar[int]
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    HAS_SHAPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_EPOCH_MS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    uuid: bytes
    node_id: str
    incarnation: str
    type_tag: str
    type_name: str
    has_shape: bool
    shape: _containers.RepeatedScalarFieldContainer[int]
    dtype: str
    size: int
    device: str
    lifetime: str
    created_at_epoch_ms: int
    held: bool
    run_id: bytes
    holder: str
    def __init__(self, uuid: _Optional[bytes] = ..., node_id: _Optional[str] = ..., incarnation: _Optional[str] = ..., type_tag: _Optional[str] = ..., type_name: _Optional[str] = ..., has_shape: bool = ..., shape: _Optional[_Iterable[int]] = ..., dtype: _Optional[str] = ..., size: _Optional[int] = ..., device: _Optional[str] = ..., lifetime: _Optional[str] = ..., created_at_epoch_ms: _Optional[int] = ..., held: bool = ..., run_id: _Optional[bytes] = ..., holder: _Optional[str] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("uuid", "python", "raw", "log_of_run", "offset", "size", "transfer", "upload", "tcp_socket", "part")
    UUID_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    LOG_OF_RUN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    TCP_SOCKET_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    uuid: bytes
    python: str
    raw: bool
    log_of_run: bytes
    offset: int
    size: int
    transfer: bytes
    upload: bytes
    tcp_socket: bool
    part: str
    def __init__(self, uuid: _Optional[bytes] = ..., python: _Optional[str] = ..., raw: bool = ..., log_of_run: _Optional[bytes] = ..., offset: _Optional[int] = ..., size: _Optional[int] = ..., transfer: _Optional[bytes] = ..., upload: _Optional[bytes] = ..., tcp_socket: bool = ..., part: _Optional[str] = ...) -> None: ...

class ValueChunk(_message.Message):
    __slots__ = ("header", "data", "refusal", "offset", "checksum", "tcp_port")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    TCP_PORT_FIELD_NUMBER: _ClassVar[int]
    header: ValueHeader
    data: bytes
    refusal: Refusal
    offset: int
    checksum: bytes
    tcp_port: int
    def __init__(self, header: _Optional[_Union[ValueHeader, _Mapping]] = ..., data: _Optional[bytes] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., offset: _Optional[int] = ..., checksum: _Optional[bytes] = ..., tcp_port: _Optional[int] = ...) -> None: ...

class ValueHeader(_message.Message):
    __slots__ = ("sizes", "tags", "session_id", "upload", "bytes_buffers", "same_as", "digest")
    SIZES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    BYTES_BUFFERS_FIELD_NUMBER: _ClassVar[int]
    SAME_AS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    sizes: _containers.RepeatedScalarFieldContainer[int]
    tags: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    upload: bytes
    bytes_buffers: _containers.RepeatedScalarFieldContainer[int]
    same_as: bytes
    digest: bytes
    def __init__(self, sizes: _Optional[_Iterable[int]] = ..., tags: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ..., upload: _Optional[bytes] = ..., bytes_buffers: _Optional[_Iterable[int]] = ..., same_as: _Optional[bytes] = ..., digest: _Optional[bytes] = ...) -> None: ...

class PutReply(_message.Message):
    __slots__ = ("ref", "refusal")
    REF_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    ref: Ref
    refusal: Refusal
    def __init__(self, ref: _Optional[_Union[Ref, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class NamedValue(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: Value
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class SourceUnit(_message.Message):
    __slots__ = ("name", "text", "label", "futures")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    FUTURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    label: str
    futures: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., label: _Optional[str] = ..., futures: _Optional[_Iterable[str]] = ...) -> None: ...

class Import(_message.Message):
    __slots__ = ("name", "module", "attribute")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    module: str
    attribute: str
    def __init__(self, name: _Optional[str] = ..., module: _Optional[str] = ..., attribute: _Optional[str] = ...) -> None: ...

class CodeBundle(_message.Message):
    __slots__ = ("units", "imports", "values", "order", "python", "modules", "pushed", "packages", "digests")
    class PackagesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class DigestsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    UNITS_FIELD_NUMBER: _ClassVar[int]
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    PUSHED_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    units: _containers.RepeatedCompositeFieldContainer[SourceUnit]
    imports: _containers.RepeatedCompositeFieldContainer[Import]
    values: _containers.RepeatedCompositeFieldContainer[NamedValue]
    order: _containers.RepeatedScalarFieldContainer[str]
    python: str
    modules: _containers.RepeatedCompositeFieldContainer[SourceModule]
    pushed: _containers.RepeatedScalarFieldContainer[str]
    packages: _containers.ScalarMap[str, str]
    digests: _containers.ScalarMap[str, str]
    def __init__(self, units: _Optional[_Iterable[_Union[SourceUnit, _Mapping]]] = ..., imports: _Optional[_Iterable[_Union[Import, _Mapping]]] = ..., values: _Optional[_Iterable[_Union[NamedValue, _Mapping]]] = ..., order: _Optional[_Iterable[str]] = ..., python: _Optional[str] = ..., modules: _Optional[_Iterable[_Union[SourceModule, _Mapping]]] = ..., pushed: _Optional[_Iterable[str]] = ..., packages: _Optional[_Mapping[str, str]] = ..., digests: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SourceModule(_message.Message):
    __slots__ = ("name", "text", "label", "is_package")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    IS_PACKAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    label: str
    is_package: bool
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., label: _Optional[str] = ..., is_package: bool = ...) -> None: ...

class Cell(_message.Message):
    __slots__ = ("text", "label", "digest", "outputs", "bundle", "futures", "keep_values")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    FUTURES_FIELD_NUMBER: _ClassVar[int]
    KEEP_VALUES_FIELD_NUMBER: _ClassVar[int]
    text: str
    label: str
    digest: str
    outputs: _containers.RepeatedScalarFieldContainer[str]
    bundle: CodeBundle
    futures: _containers.RepeatedScalarFieldContainer[str]
    keep_values: bool
    def __init__(self, text: _Optional[str] = ..., label: _Optional[str] = ..., digest: _Optional[str] = ..., outputs: _Optional[_Iterable[str]] = ..., bundle: _Optional[_Union[CodeBundle, _Mapping]] = ..., futures: _Optional[_Iterable[str]] = ..., keep_values: bool = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("session_id", "resume_secret", "namespace", "envelope_version", "node_id", "python", "version", "trusts_pickle", "resumes", "received")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_SECRET_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TRUSTS_PICKLE_FIELD_NUMBER: _ClassVar[int]
    RESUMES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    resume_secret: str
    namespace: str
    envelope_version: int
    node_id: str
    python: str
    version: str
    trusts_pickle: bool
    resumes: bool
    received: int
    def __init__(self, session_id: _Optional[str] = ..., resume_secret: _Optional[str] = ..., namespace: _Optional[str] = ..., envelope_version: _Optional[int] = ..., node_id: _Optional[str] = ..., python: _Optional[str] = ..., version: _Optional[str] = ..., trusts_pickle: bool = ..., resumes: bool = ..., received: _Optional[int] = ...) -> None: ...

class Beat(_message.Message):
    __slots__ = ("received", "answer")
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    received: int
    answer: bool
    def __init__(self, received: _Optional[int] = ..., answer: bool = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("comes_back",)
    COMES_BACK_FIELD_NUMBER: _ClassVar[int]
    comes_back: bool
    def __init__(self, comes_back: bool = ...) -> None: ...

class RegisterCode(_message.Message):
    __slots__ = ("bundle", "step_names")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    STEP_NAMES_FIELD_NUMBER: _ClassVar[int]
    bundle: CodeBundle
    step_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, bundle: _Optional[_Union[CodeBundle, _Mapping]] = ..., step_names: _Optional[_Iterable[str]] = ...) -> None: ...

class StartRun(_message.Message):
    __slots__ = ("run_id", "workflow_name", "step_ids", "input", "timeout_secs", "updates", "on_disconnect", "cell", "durable", "after_seq")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECS_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    ON_DISCONNECT_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    workflow_name: str
    step_ids: _containers.RepeatedScalarFieldContainer[str]
    input: Value
    timeout_secs: int
    updates: bool
    on_disconnect: OnDisconnect
    cell: Cell
    durable: bool
    after_seq: int
    def __init__(self, run_id: _Optional[bytes] = ..., workflow_name: _Optional[str] = ..., step_ids: _Optional[_Iterable[str]] = ..., input: _Optional[_Union[Value, _Mapping]] = ..., timeout_secs: _Optional[int] = ..., updates: bool = ..., on_disconnect: _Optional[_Union[OnDisconnect, str]] = ..., cell: _Optional[_Union[Cell, _Mapping]] = ..., durable: bool = ..., after_seq: _Optional[int] = ...) -> None: ...

class CancelRun(_message.Message):
    __slots__ = ("run_id", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    reason: str
    def __init__(self, run_id: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class PauseRun(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ...) -> None: ...

class ResumeRun(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ...) -> None: ...

class AnswerInput(_message.Message):
    __slots__ = ("run_id", "request_id", "response")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    request_id: str
    response: Value
    def __init__(self, run_id: _Optional[bytes] = ..., request_id: _Optional[str] = ..., response: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class AttachRun(_message.Message):
    __slots__ = ("run_id", "after_seq")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    after_seq: int
    def __init__(self, run_id: _Optional[bytes] = ..., after_seq: _Optional[int] = ...) -> None: ...

class DetachRun(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    def __init__(self, request_id: _Optional[int] = ...) -> None: ...

class ListRuns(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AckRun(_message.Message):
    __slots__ = ("run_id", "request_id")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    request_id: int
    def __init__(self, run_id: _Optional[bytes] = ..., request_id: _Optional[int] = ...) -> None: ...

class ResetNamespace(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Describe(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeDevices(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeMemory(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FindNames(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReleaseRefs(_message.Message):
    __slots__ = ("uuids",)
    UUIDS_FIELD_NUMBER: _ClassVar[int]
    uuids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, uuids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class DropTransfers(_message.Message):
    __slots__ = ("ids", "given_up")
    IDS_FIELD_NUMBER: _ClassVar[int]
    GIVEN_UP_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[bytes]
    given_up: bool
    def __init__(self, ids: _Optional[_Iterable[bytes]] = ..., given_up: bool = ...) -> None: ...

class ListRefs(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PreviewRef(_message.Message):
    __slots__ = ("uuid",)
    UUID_FIELD_NUMBER: _ClassVar[int]
    uuid: bytes
    def __init__(self, uuid: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("node_id", "incarnation", "namespace_state", "resume_secret", "envelope_version", "python", "version", "session_resumed", "received", "bulk")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_STATE_FIELD_NUMBER: _ClassVar[int]
    RESUME_SECRET_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_VERSION_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_RESUMED_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    BULK_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    incarnation: str
    namespace_state: str
    resume_secret: str
    envelope_version: int
    python: str
    version: str
    session_resumed: bool
    received: int
    bulk: BulkOffer
    def __init__(self, node_id: _Optional[str] = ..., incarnation: _Optional[str] = ..., namespace_state: _Optional[str] = ..., resume_secret: _Optional[str] = ..., envelope_version: _Optional[int] = ..., python: _Optional[str] = ..., version: _Optional[str] = ..., session_resumed: bool = ..., received: _Optional[int] = ..., bulk: _Optional[_Union[BulkOffer, _Mapping]] = ...) -> None: ...

class BulkOffer(_message.Message):
    __slots__ = ("key_id", "key", "unix_name")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    UNIX_NAME_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    key: bytes
    unix_name: str
    def __init__(self, key_id: _Optional[bytes] = ..., key: _Optional[bytes] = ..., unix_name: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("kind", "message")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    message: str
    def __init__(self, kind: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Registered(_message.Message):
    __slots__ = ("step_ids",)
    STEP_IDS_FIELD_NUMBER: _ClassVar[int]
    step_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, step_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RunStarted(_message.Message):
    __slots__ = ("run_id", "workflow_name", "durable")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    workflow_name: str
    durable: bool
    def __init__(self, run_id: _Optional[bytes] = ..., workflow_name: _Optional[str] = ..., durable: bool = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: bool = ...) -> None: ...

class Description(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    def __init__(self, json: _Optional[bytes] = ...) -> None: ...

class DeviceReport(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    def __init__(self, json: _Optional[bytes] = ...) -> None: ...

class MissingNames(_message.Message):
    __slots__ = ("names", "arrived", "modules")
    class ArrivedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ModulesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMES_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    arrived: _containers.ScalarMap[str, str]
    modules: _containers.ScalarMap[str, str]
    def __init__(self, names: _Optional[_Iterable[str]] = ..., arrived: _Optional[_Mapping[str, str]] = ..., modules: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RunList(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    def __init__(self, json: _Optional[bytes] = ...) -> None: ...

class RefList(_message.Message):
    __slots__ = ("refs",)
    REFS_FIELD_NUMBER: _ClassVar[int]
    refs: _containers.RepeatedCompositeFieldContainer[Ref]
    def __init__(self, refs: _Optional[_Iterable[_Union[Ref, _Mapping]]] = ...) -> None: ...

class HoldingList(_message.Message):
    __slots__ = ("holdings",)
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    holdings: _containers.RepeatedCompositeFieldContainer[Holding]
    def __init__(self, holdings: _Optional[_Iterable[_Union[Holding, _Mapping]]] = ...) -> None: ...

class Holding(_message.Message):
    __slots__ = ("holder", "is_others", "device", "count", "size", "unknown")
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    IS_OTHERS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    holder: str
    is_others: bool
    device: str
    count: int
    size: int
    unknown: int
    def __init__(self, holder: _Optional[str] = ..., is_others: bool = ..., device: _Optional[str] = ..., count: _Optional[int] = ..., size: _Optional[int] = ..., unknown: _Optional[int] = ...) -> None: ...

class Preview(_message.Message):
    __slots__ = ("about", "text", "columns", "rows", "more_rows", "more_columns", "png")
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MORE_ROWS_FIELD_NUMBER: _ClassVar[int]
    MORE_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    about: str
    text: str
    columns: _containers.RepeatedCompositeFieldContainer[PreviewColumn]
    rows: _containers.RepeatedCompositeFieldContainer[PreviewRow]
    more_rows: int
    more_columns: int
    png: bytes
    def __init__(self, about: _Optional[str] = ..., text: _Optional[str] = ..., columns: _Optional[_Iterable[_Union[PreviewColumn, _Mapping]]] = ..., rows: _Optional[_Iterable[_Union[PreviewRow, _Mapping]]] = ..., more_rows: _Optional[int] = ..., more_columns: _Optional[int] = ..., png: _Optional[bytes] = ...) -> None: ...

class PreviewColumn(_message.Message):
    __slots__ = ("name", "dtype")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    dtype: str
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[str] = ...) -> None: ...

class PreviewRow(_message.Message):
    __slots__ = ("name", "cells")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    name: str
    cells: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., cells: _Optional[_Iterable[str]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("type_name", "message", "notes", "step_id", "attempt", "frames", "traceback", "exception")
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    type_name: str
    message: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    step_id: str
    attempt: int
    frames: _containers.RepeatedCompositeFieldContainer[FailureFrame]
    traceback: str
    exception: Leaf
    def __init__(self, type_name: _Optional[str] = ..., message: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ..., step_id: _Optional[str] = ..., attempt: _Optional[int] = ..., frames: _Optional[_Iterable[_Union[FailureFrame, _Mapping]]] = ..., traceback: _Optional[str] = ..., exception: _Optional[_Union[Leaf, _Mapping]] = ...) -> None: ...

class FailureFrame(_message.Message):
    __slots__ = ("label", "line", "function", "source", "in_cell")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    IN_CELL_FIELD_NUMBER: _ClassVar[int]
    label: str
    line: int
    function: str
    source: str
    in_cell: bool
    def __init__(self, label: _Optional[str] = ..., line: _Optional[int] = ..., function: _Optional[str] = ..., source: _Optional[str] = ..., in_cell: bool = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_input_tokens", "audio_input_tokens", "audio_output_tokens", "cost_usd")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_USD_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    reasoning_tokens: int
    cached_input_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    cost_usd: float
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., total_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., cached_input_tokens: _Optional[int] = ..., audio_input_tokens: _Optional[int] = ..., audio_output_tokens: _Optional[int] = ..., cost_usd: _Optional[float] = ...) -> None: ...

class RunResult(_message.Message):
    __slots__ = ("run_id", "outcome", "value", "state_json", "usage", "failure", "message", "step_id", "outputs", "display_json", "encode_error", "duration", "refs")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_JSON_FIELD_NUMBER: _ClassVar[int]
    ENCODE_ERROR_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    REFS_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    outcome: str
    value: Value
    state_json: bytes
    usage: Usage
    failure: Failure
    message: str
    step_id: str
    outputs: _containers.RepeatedCompositeFieldContainer[NamedValue]
    display_json: bytes
    encode_error: str
    duration: float
    refs: _containers.RepeatedCompositeFieldContainer[Ref]
    def __init__(self, run_id: _Optional[bytes] = ..., outcome: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., state_json: _Optional[bytes] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., message: _Optional[str] = ..., step_id: _Optional[str] = ..., outputs: _Optional[_Iterable[_Union[NamedValue, _Mapping]]] = ..., display_json: _Optional[bytes] = ..., encode_error: _Optional[str] = ..., duration: _Optional[float] = ..., refs: _Optional[_Iterable[_Union[Ref, _Mapping]]] = ...) -> None: ...

class RunUpdate(_message.Message):
    __slots__ = ("run_id", "seq", "accepted", "graph", "step_started", "step_ended", "events", "output", "display", "progress", "output_cut", "input_request", "ended", "paused", "input_closed", "resumed")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    STEP_STARTED_FIELD_NUMBER: _ClassVar[int]
    STEP_ENDED_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_CUT_FIELD_NUMBER: _ClassVar[int]
    INPUT_REQUEST_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    INPUT_CLOSED_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    seq: int
    accepted: AcceptedUpdate
    graph: GraphUpdate
    step_started: StepStartedUpdate
    step_ended: StepEndedUpdate
    events: EventsUpdate
    output: OutputUpdate
    display: DisplayUpdate
    progress: ProgressUpdate
    output_cut: OutputCutUpdate
    input_request: InputRequestUpdate
    ended: EndedUpdate
    paused: PausedUpdate
    input_closed: InputClosedUpdate
    resumed: ResumedUpdate
    def __init__(self, run_id: _Optional[bytes] = ..., seq: _Optional[int] = ..., accepted: _Optional[_Union[AcceptedUpdate, _Mapping]] = ..., graph: _Optional[_Union[GraphUpdate, _Mapping]] = ..., step_started: _Optional[_Union[StepStartedUpdate, _Mapping]] = ..., step_ended: _Optional[_Union[StepEndedUpdate, _Mapping]] = ..., events: _Optional[_Union[EventsUpdate, _Mapping]] = ..., output: _Optional[_Union[OutputUpdate, _Mapping]] = ..., display: _Optional[_Union[DisplayUpdate, _Mapping]] = ..., progress: _Optional[_Union[ProgressUpdate, _Mapping]] = ..., output_cut: _Optional[_Union[OutputCutUpdate, _Mapping]] = ..., input_request: _Optional[_Union[InputRequestUpdate, _Mapping]] = ..., ended: _Optional[_Union[EndedUpdate, _Mapping]] = ..., paused: _Optional[_Union[PausedUpdate, _Mapping]] = ..., input_closed: _Optional[_Union[InputClosedUpdate, _Mapping]] = ..., resumed: _Optional[_Union[ResumedUpdate, _Mapping]] = ...) -> None: ...

class PausedUpdate(_message.Message):
    __slots__ = ("paused",)
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    paused: bool
    def __init__(self, paused: bool = ...) -> None: ...

class ResumedUpdate(_message.Message):
    __slots__ = ("node_id", "at", "changed_steps")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_STEPS_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    at: float
    changed_steps: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, node_id: _Optional[str] = ..., at: _Optional[float] = ..., changed_steps: _Optional[_Iterable[str]] = ...) -> None: ...

class AcceptedUpdate(_message.Message):
    __slots__ = ("workflow_name", "node_id", "started_at")
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    workflow_name: str
    node_id: str
    started_at: float
    def __init__(self, workflow_name: _Optional[str] = ..., node_id: _Optional[str] = ..., started_at: _Optional[float] = ...) -> None: ...

class GraphUpdate(_message.Message):
    __slots__ = ("workflow_name", "steps")
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    workflow_name: str
    steps: _containers.RepeatedCompositeFieldContainer[StepShape]
    def __init__(self, workflow_name: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[StepShape, _Mapping]]] = ...) -> None: ...

class StepShape(_message.Message):
    __slots__ = ("step_id", "accepts", "emits")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_FIELD_NUMBER: _ClassVar[int]
    EMITS_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    accepts: _containers.RepeatedScalarFieldContainer[str]
    emits: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, step_id: _Optional[str] = ..., accepts: _Optional[_Iterable[str]] = ..., emits: _Optional[_Iterable[str]] = ...) -> None: ...

class StepStartedUpdate(_message.Message):
    __slots__ = ("step_id", "call", "attempt", "event_type", "at")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    call: int
    attempt: int
    event_type: str
    at: float
    def __init__(self, step_id: _Optional[str] = ..., call: _Optional[int] = ..., attempt: _Optional[int] = ..., event_type: _Optional[str] = ..., at: _Optional[float] = ...) -> None: ...

class StepEndedUpdate(_message.Message):
    __slots__ = ("step_id", "call", "attempt", "outcome", "duration", "error", "emitted", "at")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    EMITTED_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    call: int
    attempt: int
    outcome: str
    duration: float
    error: str
    emitted: _containers.RepeatedScalarFieldContainer[str]
    at: float
    def __init__(self, step_id: _Optional[str] = ..., call: _Optional[int] = ..., attempt: _Optional[int] = ..., outcome: _Optional[str] = ..., duration: _Optional[float] = ..., error: _Optional[str] = ..., emitted: _Optional[_Iterable[str]] = ..., at: _Optional[float] = ...) -> None: ...

class EventsUpdate(_message.Message):
    __slots__ = ("types", "json", "leaves")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[str]
    json: bytes
    leaves: _containers.RepeatedCompositeFieldContainer[Leaf]
    def __init__(self, types: _Optional[_Iterable[str]] = ..., json: _Optional[bytes] = ..., leaves: _Optional[_Iterable[_Union[Leaf, _Mapping]]] = ...) -> None: ...

class OutputUpdate(_message.Message):
    __slots__ = ("step_id", "call", "stream", "text", "in_log")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IN_LOG_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    call: int
    stream: str
    text: str
    in_log: bool
    def __init__(self, step_id: _Optional[str] = ..., call: _Optional[int] = ..., stream: _Optional[str] = ..., text: _Optional[str] = ..., in_log: bool = ...) -> None: ...

class DisplayUpdate(_message.Message):
    __slots__ = ("step_id", "call", "action", "json", "display_id", "wait")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    call: int
    action: str
    json: bytes
    display_id: str
    wait: bool
    def __init__(self, step_id: _Optional[str] = ..., call: _Optional[int] = ..., action: _Optional[str] = ..., json: _Optional[bytes] = ..., display_id: _Optional[str] = ..., wait: bool = ...) -> None: ...

class ProgressUpdate(_message.Message):
    __slots__ = ("step_id", "call", "label", "done", "total", "at")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    call: int
    label: str
    done: float
    total: float
    at: float
    def __init__(self, step_id: _Optional[str] = ..., call: _Optional[int] = ..., label: _Optional[str] = ..., done: _Optional[float] = ..., total: _Optional[float] = ..., at: _Optional[float] = ...) -> None: ...

class OutputCutUpdate(_message.Message):
    __slots__ = ("step_id", "characters", "lines", "log_offset", "log_size")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    LOG_OFFSET_FIELD_NUMBER: _ClassVar[int]
    LOG_SIZE_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    characters: int
    lines: int
    log_offset: int
    log_size: int
    def __init__(self, step_id: _Optional[str] = ..., characters: _Optional[int] = ..., lines: _Optional[int] = ..., log_offset: _Optional[int] = ..., log_size: _Optional[int] = ...) -> None: ...

class InputRequestUpdate(_message.Message):
    __slots__ = ("request_id", "prompt", "metadata_json")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    prompt: str
    metadata_json: bytes
    def __init__(self, request_id: _Optional[str] = ..., prompt: _Optional[str] = ..., metadata_json: _Optional[bytes] = ...) -> None: ...

class InputClosedUpdate(_message.Message):
    __slots__ = ("request_id", "how")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    how: str
    def __init__(self, request_id: _Optional[str] = ..., how: _Optional[str] = ...) -> None: ...

class EndedUpdate(_message.Message):
    __slots__ = ("outcome", "duration", "failure", "message", "usage", "result_text")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    RESULT_TEXT_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    duration: float
    failure: Failure
    message: str
    usage: Usage
    result_text: str
    def __init__(self, outcome: _Optional[str] = ..., duration: _Optional[float] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., message: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., result_text: _Optional[str] = ...) -> None: ...
