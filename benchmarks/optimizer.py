"""How much faster a step is with Adam as one kernel: python -m benchmarks.optimizer"""

import time

import keras
import numpy as np

from benchmarks import timing
from keras_gan import recipes
from keras_gan.optimizers import Adam

CASES = {
    "gan-mnist": ((28, 28, 1), {}),
    "dcgan-mnist": ((28, 28, 1), {}),
    "dcgan-mnist with 1,024 hidden units": ((28, 28, 1), {"hidden_units": 1024}),
    "dcgan-cifar10": ((32, 32, 3), {}),
}
KINDS = {"Keras's Adam": keras.optimizers.Adam, "ours": Adam}
BATCH, STEPS = 64, 10


def stepper(recipe, shape, adam):
    """Returns a function that trains a recipe's networks with one kind of Adam."""
    gan = recipe.build({"image_shape": shape})
    gan.compile(
        *[adam.from_config(o.get_config()) for o in recipe.build_optimizers()],
        generator_average=recipe.generator_average,
    )
    images = np.random.default_rng(0).uniform(*gan.value_range, (BATCH, *shape))
    return timing.stepper(gan, images.astype("float32"), STEPS)


def main():
    print(timing.describe_machine())
    for title, (shape, settings) in CASES.items():
        # No penalty: at intervals it would be in some of the timed steps only.
        settings = {"penalty": None, **settings}
        recipe = recipes.get(title.split()[0]).override(settings)
        steppers = {name: stepper(recipe, shape, adam) for name, adam in KINDS.items()}
        seconds = timing.take_turns(steppers, rounds=9, clock=time.process_time)
        timing.report(title, seconds, STEPS, base="Keras's Adam")


if __name__ == "__main__":
    main()
