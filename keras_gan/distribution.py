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

from keras_gan.errors import InputError, KerasGANError, RunError, first_line
from keras_gan.process import has_nvidia_gpu

_EXAMPLE = (
    '{"cluster": {"worker": ["host-a:12345", "host-b:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_ADDRESS = re.compile(r"\S+:\d+")


def _all_devices():
    """Returns a replica for each GPU, or without one for each logical CPU device."""
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _all_machines():
    """Returns a replica for each GPU of each worker of TF_CONFIG, or for its CPU."""
    check_tf_config(os.environ.get("TF_CONFIG", ""))
    print("waiting for all workers of TF_CONFIG", file=sys.stderr, flush=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise InputError(
            f"the workers of TF_CONFIG {os.environ['TF_CONFIG']} cannot be connected "
            f"({first_line(error)}); each needs an address of its own that the "
            "others can reach."
        ) from error


STRATEGIES = {
    "one-device": tf.distribute.get_strategy,
    "mirrored": _all_devices,
    "multi-worker": _all_machines,
}


def warn_of_unused_gpu() -> None:
    """Says on standard error if TensorFlow cannot use a GPU that the machine has."""
    if has_nvidia_gpu() and not tf.config.list_physical_devices("GPU"):
        print(
            "this machine has an NVIDIA GPU and TensorFlow cannot use it, so training "
            "runs on the processor: install its driver and "
            "'pip install keras-gan[gpu]'; TF_CPP_MIN_LOG_LEVEL=0 shows the reason.",
            file=sys.stderr,
        )


# Two strategies of one process would give their collective operations the same names.
@functools.cache
def create(name: str) -> tf.distribute.Strategy:
    """Returns the strategy of that name.

    Args:
        name: key of `STRATEGIES`. "multi-worker" waits until all workers are there,
            and must come before anything that TensorFlow computes.

    Raises:
        InputError: where TF_CONFIG does not describe the workers, or they cannot be
            connected.
    """
    return STRATEGIES[name]()


def check_tf_config(text: str) -> None:
    """Checks the value of the environment variable TF_CONFIG.

    Raises:
        InputError: where it does not give the addresses of all workers and which of
            them this process is.
    """
    problem = _problem_of(text)
    if problem:
        raise InputError(
            f"TF_CONFIG is {text!r}: {problem}; it must be like {_EXAMPLE}, with an "
            "index of its own in each process."
        )


def _problem_of(text):
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), dict(config["task"])
        role, index = task["type"], task["index"]
        addresses = [address for group in cluster.values() for address in group]
    except json.JSONDecodeError:
        return "it is no JSON" if text else "it is not set"
    except KeyError as error:
        return f"{error} is missing"
    except (TypeError, ValueError):
        return "cluster and task must be objects, and the workers a list"
    if not set(cluster) <= {"chief", "worker"} or len(cluster.get("chief", "1")) != 1:
        return "a cluster has workers, and at most one chief"
    for address in addresses:
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            return f"{address!r} is no HOST:PORT"
    if len(set(addresses)) < len(addresses):
        return "two workers have the same address"
    if role not in cluster:
        return f"the cluster has no {role!r}"
    if not isinstance(index, int) or not 0 <= index < len(cluster[role]):
        return f"the cluster has no {role} {index!r}"
    return None


class WorkerLost(RunError):
    """Another worker ended in the middle of training."""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Tells of a worker that is lost in this block.

    Raises:
        WorkerLost: where one is.
    """
    try:
        yield
    except tf.errors.UnavailableError as error:
        raise WorkerLost(
            "another worker was lost; start all of them again, with --resume."
        ) from error


@functools.cache
def workers_of(strategy: tf.distribute.Strategy) -> "Workers":
    """Returns the workers of a strategy, made once."""
    return Workers(strategy)


class Workers:
    """The processes that train one model together; most often there is only one.

    What one of them does for itself, and the others do not, must not ask them: where
    `gather` is called, every worker has to call it, or all wait.

    Args:
        strategy: of the model.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        resolver = strategy.cluster_resolver
        cluster = resolver.cluster_spec().as_dict() if resolver else {}
        self.count = sum(map(len, cluster.values())) or 1
        # The one that writes files.
        self.chief = self.count == 1 or (resolver.task_type, resolver.task_id) == (
            "chief" if "chief" in cluster else "worker",
            0,
        )

        # Traced once: TensorFlow never forgets a collective operation, and warns of
        # functions that are traced again and again.
        @functools.cache
        def gathering(count):
            @tf.function(input_signature=[tf.TensorSpec((count,), "int64")])
            def gather(numbers):
                rows = strategy.run(lambda: numbers[tf.newaxis])
                return strategy.gather(rows, axis=0)

            return gather

        self._gathering = gathering

    def gather(self, *numbers: int) -> np.ndarray:
        """Returns the numbers that each worker gives, int64 [workers, numbers]."""
        if self.count == 1:
            return np.array([numbers])
        gather = self._gathering(len(numbers))
        rows = gather(tf.constant(numbers, "int64")).numpy()
        return rows[:: len(rows) // self.count]  # all replicas of a worker are alike

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Ends all workers where one of them finds in this block that it cannot go on.

        Raises:
            InputError: one that tells of it, in the other workers; in this one what the
                block raised.
        """
        try:
            yield
        except (KerasGANError, OSError):
            self.gather(1)
            raise
        if self.gather(0).any():
            raise InputError(
                "another worker cannot go on, and its own message says why; start all "
                "of them again."
            )

    def check_same(self, what: str, number: int) -> None:
        """Checks that a number is the same on all workers.

        Args:
            what: what must be the same, for the message.
            number: of this worker.

        Raises:
            InputError: in all of them, where it is not.
        """
        numbers = self.gather(number)[:, 0].tolist()
        if len(set(numbers)) > 1:
            raise InputError(
                f"{what} must be the same on all workers; theirs are "
                f"{', '.join(map(str, numbers))}, in the order of TF_CONFIG."
            )
