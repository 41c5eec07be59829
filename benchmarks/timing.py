"""Times of functions that take turns, so that other work affects all of them alike."""

import gc
import os
import platform
import time
from collections.abc import Callable

import numpy as np


def describe_machine() -> str:
    """Returns the processor, the number of usable cores, the GPUs, and versions."""
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
    """Times each function once a round; the order is reversed in every other round.

    Args:
        contestants: functions that do the same amount of work, by name.
        rounds: how often each function is timed.
        warm_up: untimed calls of each function before the rounds.
        clock: gives seconds; `time.process_time` counts only the time of this process.

    Returns:
        Seconds of each function, float64 [rounds], by name.
    """
    for _ in range(warm_up):
        for run in contestants.values():
            run()
    seconds = {name: [] for name in contestants}
    gc.disable()  # a collection would slow only the function that is running
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


def beside_pytorch(
    run: Callable[[], None], ask: Callable[[], float], rounds: int, warm_up: int
) -> dict[str, np.ndarray]:
    """Times a function by turns with a process of PyTorch, which times itself.

    Args:
        run: does the work here, where processor time counts.
        ask: makes the process do the same work; returns its seconds.
        rounds: how often both are timed.
        warm_up: untimed rounds before.

    Returns:
        Seconds of "keras_gan" and "pytorch", float64 [rounds].
    """
    seconds = {"keras_gan": [], "pytorch": []}
    for i in range(-warm_up, rounds):
        for name in sorted(seconds, reverse=i % 2):
            if name == "pytorch":
                spent = ask()
            else:
                begin = time.process_time()
                run()
                spent = time.process_time() - begin
            if i >= 0:
                seconds[name].append(spent)
    return {name: np.array(values) for name, values in seconds.items()}


def ratio(seconds: dict[str, np.ndarray], name: str, base: str) -> str:
    """Returns the speed of `name` as a multiple of the speed of `base`.

    It is the median of the rounds, with the range of the middle half of the rounds in
    brackets.
    """
    quarter, median, three = np.quantile(
        seconds[base] / seconds[name], [0.25, 0.5, 0.75]
    )
    return f"{median:.3f} ({quarter:.3f} to {three:.3f})"


def report(title: str, seconds: dict[str, np.ndarray], steps: int, base: str) -> None:
    """Prints milliseconds of a step, and speeds as multiples of the speed of `base`.

    Args:
        title: what was compared.
        seconds: as `take_turns` returns them.
        steps: steps that each contestant took in a round.
        base: name of the contestant whose speed is 1.
    """
    print(f"{title} ({len(seconds[base])} rounds of {steps} steps)")
    for name, values in seconds.items():
        line = f"  {name:<28} {1e3 * np.median(values) / steps:9.2f} ms a step"
        if name != base:
            line += f"   speed {ratio(seconds, name, base)} of {base}"
        print(line, flush=True)


def stepper(gan, batch, steps: int) -> Callable[[], None]:
    """Returns a function that trains a compiled `GAN` on one batch in memory.

    Args:
        gan: compiled model.
        batch: images, or (images, labels).
        steps: number of steps in a call.
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
