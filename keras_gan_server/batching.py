"""Requests that come close together are computed as one batch."""

import collections
import concurrent.futures
import dataclasses
import threading
import time

import numpy as np

from keras_gan_server.errors import Refused
from keras_gan_server.limits import Limits
from keras_gan_server.metrics import Metrics
from keras_gan_server.model import Model

Rows = dict[str, np.ndarray]


@dataclasses.dataclass
class _Waiting:
    """Rows of one request that wait for a batch."""

    model: Model
    feed: Rows
    cost: int
    future: concurrent.futures.Future[Rows]
    arrived: float

    @property
    def rows(self) -> int:
        return len(next(iter(self.feed.values())))

    @property
    def key(self) -> tuple:
        """What must be alike in one batch: the version, and the shapes of rows."""
        shapes = tuple((name, x.shape[1:]) for name, x in self.feed.items())
        return id(self.model), shapes


class Batcher:
    """The queue of one model, and the thread that answers it.

    A batch is computed once it is full or its first request has waited long enough. A
    request keeps the version of the model that it was checked against, so no request is
    lost when another version takes its place.

    Args:
        name: of the model.
        limits: of a batch, the queue and the wait.
        metrics: get the figures of the queue.

    Example:

    ```python
    from pathlib import Path
    from keras_gan_server.batching import Batcher
    from keras_gan_server.limits import Limits
    from keras_gan_server.metrics import Metrics
    from keras_gan_server.model import Model

    model = Model(Path("runs/digits/export/golden.onnx"), threads=1)
    batcher = Batcher(model.name, Limits(), Metrics())
    asked = [batcher.submit(model, model.seeded([i], [0])) for i in range(3)]
    assert [future.result()["image"].shape[0] for future in asked] == [1, 1, 1]
    batcher.stop()
    ```
    """

    def __init__(self, name: str, limits: Limits, metrics: Metrics):
        self._limits = limits
        self._rows = metrics.rows.labels(name)
        self._batch_rows = metrics.batch_rows.labels(name)
        metrics.queue_rows.labels(name).set_function(lambda: self._cost)
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._cost = 0  # of all in the queue
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, model: Model, feed: Rows) -> concurrent.futures.Future[Rows]:
        """Returns what will hold the outputs of `model.run(feed)`.

        Raises:
            Refused: 413 for more rows than a batch has, 503 if the queue is full.
        """
        cost, limits = model.cost(feed), self._limits
        if cost > limits.rows:
            raise Refused(
                413,
                f"The request counts as {cost} rows, and this server answers requests "
                f"of at most {limits.rows}. Send smaller ones.",
            )
        future: concurrent.futures.Future[Rows] = concurrent.futures.Future()
        with self._changed:
            if self._cost + cost > limits.queue_rows:
                raise Refused(503, "Too many requests are waiting. Try again soon.")
            self._queue.append(_Waiting(model, feed, cost, future, time.monotonic()))
            self._cost += cost
            # The thread sleeps between the first request of a batch and the last.
            if len(self._queue) == 1 or self._cost >= limits.rows:
                self._changed.notify()
        return future

    def stop(self) -> None:
        """Answers what waits, and ends the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _work(self):
        while batch := self._next():
            live = [w for w in batch if w.future.set_running_or_notify_cancel()]
            if live:
                self._answer(live)

    def _next(self):
        """Returns the next batch; empty once it is stopped and nothing waits."""
        with self._changed:
            while not self._queue and not self._stopped:
                self._changed.wait()
            if not self._queue:
                return []
            end = self._queue[0].arrived + self._limits.delay_seconds
            while self._cost < self._limits.rows and not self._stopped:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return self._take()

    def _take(self):
        """Returns the first request and those that can share a batch with it."""
        key, room = self._queue[0].key, self._limits.rows
        batch: list[_Waiting] = []
        others: collections.deque[_Waiting] = collections.deque()
        while self._queue and room > 0:
            waiting = self._queue.popleft()
            if waiting.key != key:
                others.append(waiting)
            elif waiting.cost > room:
                others.append(waiting)
                break
            else:
                batch.append(waiting)
                room -= waiting.cost
        others.extend(self._queue)
        self._queue = others
        self._cost -= sum(waiting.cost for waiting in batch)
        return batch

    def _answer(self, batch):
        rows = [waiting.rows for waiting in batch]
        self._batch_rows.observe(sum(rows))
        try:
            feed = {
                name: np.concatenate([waiting.feed[name] for waiting in batch])
                for name in batch[0].feed
            }
            made = batch[0].model.run(feed)
        except Exception as error:
            for waiting in batch:
                waiting.future.set_exception(error)
            return
        self._rows.inc(sum(rows))
        ends = np.cumsum(rows)
        for waiting, end in zip(batch, ends, strict=True):
            part = slice(end - waiting.rows, end)
            waiting.future.set_result({name: x[part] for name, x in made.items()})
