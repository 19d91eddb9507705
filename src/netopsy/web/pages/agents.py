"""Where agents ask: one address, by the Model Context Protocol."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from netopsy.web.security import AGENTS

router = APIRouter(include_in_schema=False)


@cache
def _endpoint() -> ASGIApp:
    from netopsy.web.agents.server import endpoint

    return endpoint()


class _Agents:
    """Answers with what is loaded at the first request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await run_in_threadpool(_endpoint)
        await answer(scope, receive, send)


router.routes.append(Route(AGENTS, _Agents(), methods=["POST"], include_in_schema=False))
