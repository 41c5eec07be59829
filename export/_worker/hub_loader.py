"""Opens a folder for the Hugging Face Hub as its users do: by `keras_gan.load`."""

import sys
from pathlib import Path

import numpy as np


class Loader:
    """The project's own reader, so the only one here that imports it."""

    blocked = ()

    def __init__(self, path):
        sys.path.append(str(Path(__file__).resolve().parents[2]))
        import keras_gan
        from export.exportable import describe

        # In float32 and from the averages, as every export is.
        self._functions = describe(keras_gan.load(path), "hub").signatures
        self.facts = {}
        self.runtime, self.version = "keras_gan", keras_gan.__version__
        self.signatures = {n: set(f.inputs) for n, f in self._functions.items()}

    def run(self, signature, inputs):
        import tensorflow as tf

        function = self._functions[signature]
        made = function.function(*(tf.constant(inputs[n]) for n in function.inputs))
        return {name: np.asarray(values) for name, values in made.items()}

    def timed(self, inputs):
        self.run("serving_default", inputs)
