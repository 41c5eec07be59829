"""How much of a run's time is spent outside its training steps, by recipe.

python benchmarks/outside_the_step.py [--minutes 2] [--data-dir DIR] [RECIPE ...]

Sampling, checkpoints, logs, measures and diagnosis, all as `train.py` sets them. A
checkpoint is written at the start and at the end of so short a run, where a long one
has one every five minutes: the share of a long run is lower. The first call of the
training function is left out, as it compiles it.
"""

import argparse
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import train
from keras_gan import GAN


def measure(recipe, minutes, data_dir):
    """Returns seconds of `fit` and of its steps, without the first call, and steps."""
    calls, fits = [], []
    make, fit = GAN.make_train_function, GAN.fit

    def make_timed(gan, force=False):
        function = make(gan, force)
        whole = gan.train_function

        def timed(iterator):
            begin = time.perf_counter()
            logs = whole(iterator)
            calls.append(time.perf_counter() - begin)
            return logs

        gan.train_function = timed
        return function

    def fit_timed(gan, *args, **kwargs):
        begin = time.perf_counter()
        result = fit(gan, *args, **kwargs)
        fits.append(time.perf_counter() - begin)
        return result

    GAN.make_train_function, GAN.fit = make_timed, fit_timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            options = [recipe, "--run-dir", f"{folder}/run", "--no-export"]
            options += ["--minutes", str(minutes)]
            options += ["--data-dir", data_dir] if data_dir else []
            assert train.main(options) == 0
    finally:
        GAN.make_train_function, GAN.fit = make, fit
    return sum(fits) - calls[0], sum(calls[1:]), len(calls) - 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=["digits", "dcgan-mnist"])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    for recipe in options.recipes:
        whole, steps, count = measure(recipe, options.minutes, options.data_dir)
        print(f"{recipe}: {1 - steps / whole:.1%} of {whole:.0f} s, {count} steps")


if __name__ == "__main__":
    main()
