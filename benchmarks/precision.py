"""How much faster a step of a DCGAN is in bfloat16: python -m benchmarks.precision"""

import numpy as np

from benchmarks import timing
from keras_gan import recipes

# No penalty: at intervals it would be in some of the timed steps only.
SETTINGS = {"base_filters": 64, "hidden_units": 0, "penalty": None, "translation": 0}
CASES = {
    "28x28x1, 64 filters, batch 64": ("dcgan-mnist", (28, 28, 1), 64, 10),
    "32x32x3, 64 filters, batch 128": ("dcgan-cifar10", (32, 32, 3), 128, 4),
    "64x64x3, 64 filters, batch 128": ("dcgan-64", (64, 64, 3), 128, 2),
}


def main():
    print(timing.describe_machine())
    for title, (name, shape, batch_size, steps) in CASES.items():
        images = np.random.default_rng(0).uniform(-1, 1, (batch_size, *shape))
        images = images.astype("float32")
        steppers = {}
        for precision in (None, "bfloat16"):
            settings = {**SETTINGS, "mixed_precision": precision}
            recipe = recipes.get(name).override(settings)
            gan = recipe.build({"image_shape": shape})
            steppers[precision or "float32"] = timing.stepper(gan, images, steps)
        seconds = timing.take_turns(steppers)
        timing.report(f"DCGAN {title}", seconds, steps, base="float32")


if __name__ == "__main__":
    main()
