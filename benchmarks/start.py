"""Where the time from a command to its first step goes: python -m benchmarks.start

Runs `train.py` in fresh processes that end after their first step. Prints the time of
each part, and its processor time, which does not depend on other work. Takes the
arguments of `train.py`.
"""

import json
import subprocess
import sys
import tempfile
import time

import numpy as np

RUNS = 3

CHILD = """
import sys, time
milestones = []

def mark(name):
    milestones.append((name, time.time(), time.process_time()))

mark("python")

from keras_gan_command.train import main
import tensorflow
mark("import tensorflow")
import keras
mark("import keras")
from keras_gan import GAN, runs, training
from keras_gan.recipes import Recipe
from keras_gan.recipes.gan import GANRecipe
mark("import keras_gan")

def marked(owner, name, title):
    function = getattr(owner, name)
    def wrapper(*args, **kwargs):
        result = function(*args, **kwargs)
        mark(title)
        return result
    setattr(owner, name, wrapper)

class FirstStep(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        mark("checks and callbacks")

    def on_train_batch_end(self, batch, logs=None):
        import json
        mark("trace and first step")
        print("MILESTONES" + json.dumps(milestones), flush=True)
        import os
        os._exit(0)

marked(Recipe, "read", "read images")
marked(runs.Run, "new", "digest of the images")
marked(runs.Run, "build", "build networks")
marked(GANRecipe, "evaluators", "prepare the measures")
fit = GAN.fit
GAN.fit = lambda self, *args, callbacks, **kwargs: fit(
    self, *args, callbacks=[*callbacks, FirstStep()], **kwargs
)
main(sys.argv[1:])
"""


def milestones(arguments) -> list[tuple[str, float, float]]:
    """Returns the parts of one start: (name, seconds, seconds of processor time).

    Both times are those at the end of the part, from the start of the command.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", CHILD, *arguments, "--run-dir", f"{folder}/r"]
        begin = time.time()
        result = subprocess.run(command, capture_output=True, text=True)
    for line in result.stdout.splitlines():
        if line.startswith("MILESTONES"):
            found = json.loads(line.removeprefix("MILESTONES"))
            return [(name, moment - begin, cpu) for name, moment, cpu in found]
    raise SystemExit(result.stderr)


def main():
    arguments = sys.argv[1:]
    runs = [milestones(arguments) for _ in range(RUNS)]
    moments = np.array([[part[1:] for part in run] for run in runs])
    parts = np.median(np.diff(moments, axis=1, prepend=0), axis=0)
    total = np.median(moments[:, -1], axis=0)
    print(f"train.py {' '.join(arguments)}: medians of {RUNS} runs")
    for (name, *_), (wall, cpu) in zip(runs[0], parts, strict=True):
        print(f"  {name:<24} {wall:7.2f} s, of a processor {cpu:7.2f} s")
    print(f"  {'together':<24} {total[0]:7.2f} s, of a processor {total[1]:7.2f} s")


if __name__ == "__main__":
    main()
