from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Failure(_message.Message):
    __slots__ = ("type_name", "message", "notes", "step_id", "traceback")
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    type_name: str
    message: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    step_id: str
    traceback: str
    def __init__(self, type_name: _Optional[str] = ..., message: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ..., step_id: _Optional[str] = ..., traceback: _Optional[str] = ...) -> None: ...

class PostcardRequest(_message.Message):
    __slots__ = ("postcard_payload",)
    POSTCARD_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    postcard_payload: bytes
    def __init__(self, postcard_payload: _Optional[bytes] = ...) -> None: ...

class PostcardResponse(_message.Message):
    __slots__ = ("postcard_payload", "run_id", "usage", "failure")
    POSTCARD_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    postcard_payload: bytes
    run_id: bytes
    usage: Usage
    failure: Failure
    def __init__(self, postcard_payload: _Optional[bytes] = ..., run_id: _Optional[bytes] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

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
