"""Goes around every call of the action server, through rasa_sdk's own plug-in hook.

Log lines of a call carry the id of the person's request and not the id of the conversation, and
an error is answered without the conversation, which rasa_sdk would send back whole.
"""

from __future__ import annotations

import pluggy
from rasa_sdk.plugin import plugin_manager
from sanic import Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from stridewell import logs

hookimpl = pluggy.HookimplMarker("rasa_sdk")
NAME = "stridewell"


class AroundCalls:
    """The hook."""

    @hookimpl
    def attach_sanic_app_extensions(self, app: Sanic) -> None:
        """Put the middleware into the action server."""
        logs.install()
        app.register_middleware(_begin, "request")
        app.register_middleware(_end, "response")


def install() -> None:
    """Register the hook in this process, once."""
    manager = plugin_manager()
    if not manager.has_plugin(NAME):
        manager.register(AroundCalls(), NAME)


async def _begin(request: Request) -> None:
    if request.path != "/webhook":
        return
    call = request.json if isinstance(request.json, dict) else {}
    logs.request_id.set(str(call.get("request_id") or ""))
    logs.strike_out(str(call.get("sender_id") or ""))


async def _end(request: Request, reply: HTTPResponse) -> HTTPResponse | None:
    if request.path == "/webhook" and reply.status >= 500:
        return response.json({"error": "The action failed; the server's log says where."}, 500)
    return None
