"""What holds for every request: its size, its time and its place in the figures."""

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

from fastapi import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keras_gan_server.limits import Limits
from keras_gan_server.metrics import Metrics


class Guard:
    """Middleware that ends requests which are too large or take too long.

    Args:
        app: that answers.
        limits: of a body, of all bodies, and of time.
        metrics: count the requests to each model.

    Example:

    ```python
    from fastapi import FastAPI
    from keras_gan_server.guard import Guard
    from keras_gan_server.limits import Limits
    from keras_gan_server.metrics import Metrics

    app = FastAPI()
    app.add_middleware(Guard, limits=Limits(seconds=5), metrics=Metrics())
    ```
    """

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics):
        self._app, self._limits, self._metrics = app, limits, metrics
        self._held = 0  # bytes of all bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status, size = time.monotonic(), 0, 0
        most = self._limits.body_bytes
        if scope["path"].endswith("/sample"):  # JSON
            most = min(most, self._limits.json_bytes)

        async def measured_receive() -> Message:
            nonlocal size
            message = await receive()
            arrived = len(message.get("body", b""))
            size += arrived
            self._held += arrived
            if size > most:
                await _discard(message, receive)
                raise HTTPException(
                    413,
                    f"The body has more than {most:,} bytes, which is the most that "
                    "this address takes. Send less.",
                )
            if self._held > self._limits.all_bodies_bytes:
                await _discard(message, receive)
                raise HTTPException(
                    503,
                    "Too many large requests are in progress. Try again soon.",
                    {"Retry-After": "1"},
                )
            return message

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if scope["app"].state.draining:  # let the client look elsewhere
                    message["headers"] = [
                        *message["headers"],
                        (b"connection", b"close"),
                    ]
            await send(message)

        try:
            async with asyncio.timeout(self._limits.seconds):
                await self._app(scope, measured_receive, noted_send)
        except TimeoutError:
            if status:
                raise
            late = JSONResponse(
                {
                    "detail": "The request took longer than "
                    f"{self._limits.seconds:g} seconds. Ask for fewer rows, or try "
                    "again later."
                },
                504,
            )
            await late(scope, receive, noted_send)
        finally:
            self._held -= size
            self._count(scope, status or 500, time.monotonic() - begin)

    def _count(self, scope: MutableMapping[str, Any], status, seconds):
        name = scope.get("path_params", {}).get("name")
        if name is None:
            return
        # A name that a client made up must not become a series of its own.
        if status == 404:
            name = ""
        self._metrics.requests.labels(name, status).inc()
        self._metrics.seconds.labels(name).observe(seconds)


async def _discard(message, receive):
    """Reads the rest of a body; a client that still sends would not see the answer."""
    while message.get("more_body"):
        message = await receive()
