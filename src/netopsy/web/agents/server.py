"""The tools behind the protocol. The kit that speaks it takes a second to load: imported at the first request."""

from __future__ import annotations

import json
import logging
from typing import Any, cast

from fastapi import HTTPException, Request
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import netopsy
from netopsy.core.errors import InputError, lookup
from netopsy.web.agents.quotation import NOTICE
from netopsy.web.agents.tools import TOOLS
from netopsy.web.security import LARGEST, place_of

Context = ServerRequestContext[dict[str, Any], Request]
INSTRUCTIONS = (
    "Published research on neural networks: papers by day, search, claims re-tested with intervals, and methods that "
    f"run on samples. {NOTICE}"
)
_LOG = logging.getLogger("netopsy.web")


def endpoint() -> ASGIApp:
    """What answers agents. Nothing is kept from one request to the next.

    Who may ask is settled before: see `netopsy.web.security`.
    """
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # it writes down what was sent
    server = Server(
        "netopsy",
        version=netopsy.__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=_list,
        on_call_tool=_call,
    )
    checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()  # one that is too large is told before the kit is at work
        manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, security_settings=checked, max_request_body_size=LARGEST
        )
        async with manager.run():
            await manager.handle_request(scope, _again(body, receive), send)

    return answer


def _again(body: bytes, receive: Receive) -> Receive:
    """What hands out a body that was read, and then whatever comes."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return left.pop() if left else await receive()

    return receiving


async def _list(context: Context, asked: PaginatedRequestParams | None) -> ListToolsResult:
    return ListToolsResult(
        tools=[
            Tool(
                name=name,
                description=tool.description,
                input_schema=tool.takes.model_json_schema(),
                annotations=ToolAnnotations(
                    read_only_hint=not tool.changes, destructive_hint=False, open_world_hint=False
                ),
            )
            for name, tool in TOOLS.items()
        ]
    )


async def _call(context: Context, asked: CallToolRequestParams) -> CallToolResult:
    try:
        tool = lookup("tool", asked.name, TOOLS)
        given = tool.takes.model_validate(asked.arguments or {})
        told = await run_in_threadpool(tool.does, cast(Request, context.request), given)
    except InputError as error:
        return _said(str(error) if str(error).endswith("?") else f"{error}.", wrong=True)
    except HTTPException as error:
        return _said(error.detail, wrong=True)
    except ValidationError as error:
        first = error.errors()[0]
        return _said(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.", wrong=True)
    except Exception as error:
        _LOG.error("the tool %s failed: %s", asked.name, place_of(error))
        return _said("Something went wrong here; it was noted.", wrong=True)
    return _said(json.dumps({"notice": NOTICE} | told, ensure_ascii=False))


def _said(text: str, *, wrong: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=wrong)
