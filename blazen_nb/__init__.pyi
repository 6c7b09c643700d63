"""What the package offers, for type checkers: they see the classes that ``__getattr__`` loads when first used."""

from typing import Any

from blazen_nb.client.aio import AsyncPeerClient as AsyncPeerClient
from blazen_nb.client.refs import RemoteRef as RemoteRef
from blazen_nb.client.sync import PeerClient as PeerClient
from blazen_nb.client.sync_handle import RunHandle as RunHandle
from blazen_nb.engine.asking import ask as ask
from blazen_nb.engine.builder import WorkflowBuilder as WorkflowBuilder
from blazen_nb.engine.context import Context as Context
from blazen_nb.engine.handler import WorkflowHandler as WorkflowHandler
from blazen_nb.engine.pause_policy import SessionPausePolicy as SessionPausePolicy
from blazen_nb.engine.refs import RefLifetime as RefLifetime
from blazen_nb.engine.result import WorkflowResult as WorkflowResult
from blazen_nb.engine.retry import RetryConfig as RetryConfig
from blazen_nb.engine.step import Step as Step
from blazen_nb.engine.step import step as step
from blazen_nb.engine.usage import TokenUsage as TokenUsage
from blazen_nb.engine.workflow import Workflow as Workflow
from blazen_nb.errors import BlazenError as BlazenError
from blazen_nb.errors import PeerError as PeerError
from blazen_nb.errors import ValidationError as ValidationError
from blazen_nb.errors import WorkflowCancelledError as WorkflowCancelledError
from blazen_nb.errors import WorkflowError as WorkflowError
from blazen_nb.errors import WorkflowTimeoutError as WorkflowTimeoutError
from blazen_nb.events import Event as Event
from blazen_nb.events import InputRequestEvent as InputRequestEvent
from blazen_nb.events import InputResponseEvent as InputResponseEvent
from blazen_nb.events import StartEvent as StartEvent
from blazen_nb.events import StopEvent as StopEvent
from blazen_nb.notebook.launcher import launch as launch
from blazen_nb.peer.server import PeerServer as PeerServer
from blazen_nb.shipping.codecs.registry import register_codec as register_codec
from blazen_nb.wire.tls import load_client_tls as load_client_tls
from blazen_nb.wire.tls import load_server_tls as load_server_tls

__all__: list[str]
__version__: str

TimeoutError = WorkflowTimeoutError

def load_ipython_extension(shell: Any) -> None: ...
def unload_ipython_extension(shell: Any) -> None: ...
