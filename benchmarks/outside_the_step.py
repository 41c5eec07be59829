"""How much of a run's time is spent outside its training steps, by recipe.

python benchmarks/outside_the_step.py [--minutes 2] [--data-dir DIR] [RECIPE ...]

Sampling, checkpoints, logs, measures and diagnosis run as `train.py` sets them up. Work
that happens once, at the start and end of training, is given in seconds. The shares, by
callback, are of the remaining time. The first call of the training function is left
out, because it compiles the function.
"""

import argparse
import collections
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from keras_gan import GAN, recipes, training
from keras_gan.callbacks import Failsafe

ONCE = ("on_train_begin", "on_train_end")
HOOKS = (
    *ONCE,
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class Clock:
    """Adds up the seconds that functions take, by name."""

    def __init__(self):
        self.calls = collections.defaultdict(list)

    def timed(self, name, function):
        def run(*args, **kwargs):
            begin = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.calls[name].append(time.perf_counter() - begin)

        return run

    def seconds(self, name):
        return sum(self.calls[name])


def measure(recipe, minutes, data_dir):
    """Trains for some minutes; returns the clock of `fit`, its steps and callbacks."""
    clock = Clock()
    fit, make, init = GAN.fit, GAN.make_train_function, Failsafe.__init__

    def make_timed(gan, force=False):
        make(gan, force)
        gan.train_function = clock.timed("step", gan.train_function)

    def init_timed(failsafe, callbacks):
        init(failsafe, callbacks)
        for callback in callbacks:
            for hook in HOOKS:
                name = (type(callback).__name__, hook)
                setattr(callback, hook, clock.timed(name, getattr(callback, hook)))

    GAN.fit = lambda gan, *args, **kwargs: clock.timed("fit", fit)(gan, *args, **kwargs)
    GAN.make_train_function, Failsafe.__init__ = make_timed, init_timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"minutes": minutes, "data_dir": data_dir}
            training.train(recipes.get(recipe).override(settings), f"{folder}/run")
    finally:
        GAN.fit, GAN.make_train_function, Failsafe.__init__ = fit, make, init
    return clock


def report(recipe, clock):
    """Prints the shares of a run's time."""
    names = [name for name in clock.calls if isinstance(name, tuple)]
    once = sum(clock.seconds(name) for name in names if name[1] in ONCE)
    shares = collections.Counter()
    for callback, hook in names:
        if hook not in ONCE:
            shares[callback] += clock.seconds((callback, hook))
    steps = clock.seconds("step") - clock.calls["step"][0]
    rest = clock.seconds("fit") - clock.calls["step"][0] - once
    print(
        f"{recipe}: {len(clock.calls['step'])} steps, {1 - steps / rest:.1%} of "
        f"{rest:.0f} s outside them; {once:.1f} s once, at start and end"
    )
    for callback, seconds in shares.most_common(5):
        print(f"  {callback:<16} {seconds / rest:.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=["digits", "dcgan-mnist"])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    for recipe in options.recipes:
        report(recipe, measure(recipe, options.minutes, options.data_dir))


if __name__ == "__main__":
    main()
