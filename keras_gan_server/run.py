"""The process: its socket, its signals and its end."""

import argparse
import contextlib
import logging
import math
import signal
import socket
import threading
from types import FrameType

import uvicorn

from keras_gan_server.app import make_app
from keras_gan_server.errors import UnusableFile
from keras_gan_server.limits import Limits
from keras_gan_server.metrics import Metrics
from keras_gan_server.registry import Registry

_log = logging.getLogger("keras_gan_server")
_BACKLOG = 2048  # connections that wait to be accepted
_KEEP_ALIVE_SECONDS = 65  # longer than balancers keep an idle connection


def run(options: argparse.Namespace) -> None:
    """Serves until a signal ends it.

    Args:
        options: as the command line gives them.

    Raises:
        UnusableFile: if a file cannot be served, or the address is not free.
    """
    limits = Limits(
        rows=options.max_rows,
        queue_rows=max(options.max_queue, options.max_rows),
        body_bytes=int(options.max_body_mb * 1e6),
        seconds=options.timeout,
        delay_seconds=options.max_delay_ms / 1000,
    )
    metrics = Metrics()
    with contextlib.closing(_listening(options.host, options.port)) as listening:
        registry = Registry(options.paths, options.threads, limits, metrics)
        app = make_app(registry, limits, metrics)
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(limits.seconds) + 1,
        )
        registry.watch(options.poll)
        host, port = listening.getsockname()[:2]
        _log.info("listens at http://%s:%d", f"[{host}]" if ":" in host else host, port)
        _Server(config, options.drain).run(sockets=[listening])
        _log.info("has answered all requests and ends")


class _Server(uvicorn.Server):
    """Ends some seconds after SIGTERM, so that no new request meets a closed port.

    Until then `/health/ready` tells balancers to send requests elsewhere. A second
    signal, and SIGINT, end it as soon as all running requests are answered.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float):
        super().__init__(config)
        self._drain_seconds = drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        state = self.config.app.state  # type: ignore[union-attr]
        if sig == signal.SIGTERM and not state.draining:
            timer = threading.Timer(self._drain_seconds, self._leave)
            timer.daemon = True
            timer.start()
        else:
            self._leave()
        state.draining = True

    def _leave(self):
        # uvicorn's own method would raise the signal again, and exit with its number.
        self.should_exit = True


def _listening(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only if a socket names its protocol. With it,
    # the body of an answer waits 40 ms until the client acknowledges the head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
        return listening
    except OSError as error:
        listening.close()
        raise UnusableFile(
            f"{host}:{port} cannot be listened at ({error.strerror}). Choose another "
            "--host or --port."
        ) from None
