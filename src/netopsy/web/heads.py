"""HEAD: what GET would answer, without its body. Monitors and readers of feeds ask so before they fetch."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Asks the pages in the way that they know, and keeps back what they say."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        over = False

        async def sending(message: Message) -> None:
            nonlocal over
            if message["type"] == "http.response.start":
                await send(message)
            elif not over:
                over = True  # of a stream, too: whoever asks is not kept
                await send({"type": "http.response.body", "body": b""})

        async def receiving() -> Message:
            return {"type": "http.disconnect"} if over else await receive()

        await self.app({**scope, "method": "GET"}, receiving, sending)
