"""Times of things that take turns, so that what else a machine does hits all alike."""

import gc
import os
import platform
import time
from collections.abc import Callable

import numpy as np


def describe_machine() -> str:
    """Returns the processor, its cores that this process may use, and versions."""
    import keras
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return (
        f"{_processor()}, {cores()} cores, "
        f"{', '.join(gpus) or 'no GPU'}; Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def take_turns(
    contestants: dict[str, Callable[[], None]],
    rounds: int = 15,
    warm_up: int = 2,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Times each of some functions once a round, and every other round backwards.

    Args:
        contestants: functions that do the same amount of work, by name.
        rounds: how often each is timed.
        warm_up: calls of each before that.
        clock: gives seconds; `time.process_time` counts those of this process alone.

    Returns:
        Seconds of each, float64 [rounds], by name.
    """
    for _ in range(warm_up):
        for run in contestants.values():
            run()
    seconds = {name: [] for name in contestants}
    gc.disable()  # it would hit whoever happens to be running
    try:
        for i in range(rounds):
            names = list(contestants)
            for name in reversed(names) if i % 2 else names:
                begin = clock()
                contestants[name]()
                seconds[name].append(clock() - begin)
            gc.collect()
    finally:
        gc.enable()
    return {name: np.array(values) for name, values in seconds.items()}


def ratio(seconds: dict[str, np.ndarray], name: str, base: str) -> str:
    """Returns how fast one is as a multiple of another: the median of the rounds.

    With the range of the middle half of the rounds in brackets.
    """
    quarter, median, three = np.quantile(
        seconds[base] / seconds[name], [0.25, 0.5, 0.75]
    )
    return f"{median:.3f} ({quarter:.3f} to {three:.3f})"


def report(title: str, seconds: dict[str, np.ndarray], steps: int, base: str) -> None:
    """Prints milliseconds of a step, and speeds as multiples of that of `base`.

    Args:
        title: what was compared.
        seconds: as `take_turns` returns them.
        steps: steps that each contestant took in a round.
        base: name of the one whose speed is 1.
    """
    print(f"{title} ({len(seconds[base])} rounds of {steps} steps)")
    for name, values in seconds.items():
        line = f"  {name:<28} {1e3 * np.median(values) / steps:9.2f} ms a step"
        if name != base:
            line += f"   speed {ratio(seconds, name, base)} of {base}"
        print(line, flush=True)


def stepper(gan, batch, steps: int) -> Callable[[], None]:
    """Returns a function that takes steps of a compiled `GAN` on one batch in memory.

    Args:
        gan: compiled model.
        batch: images, or (images, labels).
        steps: how many steps a call takes.
    """
    import tensorflow as tf

    train = gan.make_train_function() or gan.train_function
    options = tf.data.Options()
    options.autotune.enabled = False
    data = tf.data.Dataset.from_tensors(batch).cache().repeat().with_options(options)
    iterator = iter(data)

    def run():
        for _ in range(steps // gan.steps_per_execution):
            logs = train(iterator)
        float(next(iter(logs.values())))  # waits for the last step

    return run
