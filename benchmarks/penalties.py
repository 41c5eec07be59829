"""Cost of a penalty in every update and at intervals: python -m benchmarks.penalties"""

import numpy as np

from benchmarks import timing
from keras_gan import recipes

INTERVALS = (1, 4, 16)
NETWORKS = {"base_filters": 64, "hidden_units": 0}
SHAPE, STEPS, ROUNDS = (28, 28, 1), 16, 7


def main():
    print(timing.describe_machine())
    recipe = recipes.get("dcgan-mnist").override(NETWORKS)
    images = np.random.default_rng(0).uniform(-1, 1, (recipe.batch_size, *SHAPE))
    images = images.astype("float32")
    variants = {"no penalty": recipe} | {
        f"R1 every {n}": recipe.override({"penalty": "r1", "penalty_interval": n})
        for n in INTERVALS
    }
    steppers = {
        name: timing.stepper(variant.build({"image_shape": SHAPE}), images, STEPS)
        for name, variant in variants.items()
    }
    seconds = timing.take_turns(steppers, ROUNDS, warm_up=1)
    timing.report(
        "DCGAN 28x28x1, 64 filters, batch 64", seconds, STEPS, base="no penalty"
    )


if __name__ == "__main__":
    main()
