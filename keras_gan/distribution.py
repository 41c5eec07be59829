"""One run on several devices or machines, by `tf.distribute`.

`docs/distributed.md` says how to start one.
"""

import contextlib
import functools
import json
import os
import re
import sys
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_gan.errors import InputError, KerasGANError, RunError, first_line_of
from keras_gan.process import has_nvidia_gpu

_EXAMPLE = (
    '{"cluster": {"worker": ["host-a:12345", "host-b:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"\S+:\d+")


def _all_devices():
    """Returns a strategy with a replica on each GPU, or else on each logical CPU."""
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _all_machines():
    """Returns a strategy with a replica on each GPU of each worker, or on its CPU."""
    check_tf_config(os.environ.get("TF_CONFIG", ""))
    print("waiting for all workers of TF_CONFIG", file=sys.stderr, flush=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise InputError(
            f"the workers of TF_CONFIG {os.environ['TF_CONFIG']} cannot be connected "
            f"({first_line_of(error)}). Give each an address of its own that the "
            "others can reach."
        ) from error


STRATEGIES = {
    "one-device": tf.distribute.get_strategy,
    "mirrored": _all_devices,
    "multi-worker": _all_machines,
}


def warn_of_unused_gpu() -> None:
    """Warns on standard error if the machine has a GPU that TensorFlow cannot use."""
    if has_nvidia_gpu() and not tf.config.list_physical_devices("GPU"):
        print(
            "this machine has an NVIDIA GPU, but TensorFlow cannot use it, so training "
            "runs on the processor. Install its driver and run "
            "pip install '.[gpu]'. TF_CPP_MIN_LOG_LEVEL=0 shows the reason.",
            file=sys.stderr,
        )


# Cached: two strategies in one process would give their collective operations the same
# names.
@functools.cache
def create(name: str) -> tf.distribute.Strategy:
    """Returns the strategy of that name.

    Args:
        name: key of `STRATEGIES`. "multi-worker" waits until all workers are connected.
            Create it before TensorFlow computes anything.

    Raises:
        InputError: if TF_CONFIG does not describe the workers, or they cannot be
            connected.
    """
    return STRATEGIES[name]()


def check_tf_config(text: str) -> None:
    """Checks the value of the environment variable TF_CONFIG.

    Raises:
        InputError: if it does not give the addresses of all workers and the place of
            this process among them.
    """
    problem = _problem_of(text)
    if problem:
        raise InputError(
            f"TF_CONFIG is {text!r}: {problem}. Use a value like {_EXAMPLE}, with "
            "another index in each process."
        )


def _problem_of(text):
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), dict(config["task"])
        role, index = task["type"], task["index"]
        addresses = [address for group in cluster.values() for address in group]
    except json.JSONDecodeError:
        return "it is not JSON" if text else "it is not set"
    except KeyError as error:
        return f"{error} is missing"
    except (TypeError, ValueError):
        return "cluster and task must be objects, and the workers a list"
    if not set(cluster) <= {"chief", "worker"} or len(cluster.get("chief", "1")) != 1:
        return "a cluster has workers, and at most one chief"
    for address in addresses:
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            return f"{address!r} is not HOST:PORT"
    if len(set(addresses)) < len(addresses):
        return "two workers have the same address"
    if role not in cluster:
        return f"the cluster has no {role!r}"
    if not isinstance(index, int) or not 0 <= index < len(cluster[role]):
        return f"the cluster has no {role} {index!r}"
    return None


class WorkerLost(RunError):
    """Another worker ended during training."""


@contextlib.contextmanager
def report_lost_workers() -> Iterator[None]:
    """Turns TensorFlow's error about a lost worker in this block into one sentence.

    Raises:
        WorkerLost: if another worker is lost.
    """
    try:
        yield
    except tf.errors.UnavailableError as error:
        raise WorkerLost(
            "another worker was lost. Start all workers again with --resume."
        ) from error


@functools.cache
def workers_of(strategy: tf.distribute.Strategy) -> "Workers":
    """Returns the workers of a strategy, one object for each strategy."""
    return Workers(strategy)


class Workers:
    """The processes that train one model together; usually there is only one.

    All methods are collective calls: every worker must make the call, or all of them
    block. Never call one in code that only some workers run.

    Args:
        strategy: of the model.

    Example:

    ```python
    from keras_gan import distribution

    workers = distribution.workers_of(distribution.create("one-device"))
    with workers.all_or_none():  # all of them end if one raises an error here
        if workers.chief:
            print("one process writes the files")
    assert workers.gather(7).tolist() == [[7]]
    ```
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        resolver = strategy.cluster_resolver
        cluster = resolver.cluster_spec().as_dict() if resolver else {}
        self.count = sum(map(len, cluster.values())) or 1
        # Whether this process is the worker that writes files.
        self.chief = self.count == 1 or (resolver.task_type, resolver.task_id) == (
            "chief" if "chief" in cluster else "worker",
            0,
        )

        # Traced once: TensorFlow never frees a collective operation, and warns of
        # functions that are traced repeatedly.
        @functools.cache
        def gathering(count):
            @tf.function(input_signature=[tf.TensorSpec((count,), "int64")])
            def gather(numbers):
                rows = strategy.run(lambda: numbers[tf.newaxis])
                return strategy.gather(rows, axis=0)

            return gather

        self._gathering = gathering

    def gather(self, *numbers: int) -> np.ndarray:
        """Returns the numbers of all workers, int64 [workers, numbers].

        Args:
            numbers: of this worker; each worker gives the same count of numbers.
        """
        if self.count == 1:
            return np.array([numbers])
        gather = self._gathering(len(numbers))
        rows = gather(tf.constant(numbers, "int64")).numpy()
        # All replicas of a worker have the same row: take one of each worker.
        return rows[:: len(rows) // self.count]

    @contextlib.contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Ends all workers if one of them cannot go on in this block.

        Raises:
            InputError: in the other workers. The worker that fails raises its own
                error.
        """
        try:
            yield
        except (KerasGANError, OSError):
            self.gather(1)
            raise
        if self.gather(0).any():
            raise InputError(
                "another worker cannot go on; its own message says why. Start all "
                "workers again."
            )

    def check_same(self, what: str, number: int) -> None:
        """Checks that a number is the same on all workers.

        Args:
            what: what must be the same, for the message.
            number: of this worker.

        Raises:
            InputError: in all workers, if the numbers differ.
        """
        numbers = self.gather(number)[:, 0].tolist()
        if len(set(numbers)) > 1:
            raise InputError(
                f"{what} must be the same on all workers, but they have "
                f"{', '.join(map(str, numbers))}, in the order of TF_CONFIG."
            )
