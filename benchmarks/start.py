"""Where the time from a command to its first step goes: python -m benchmarks.start

Runs `train.py` in fresh processes that end after their first step, and prints when each
part was done. Arguments are those of `train.py`.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import subprocess
import sys
import tempfile
import time

import numpy as np

RUNS = 5

CHILD = """
import sys, time
milestones = [("python", time.time())]

def mark(name):
    milestones.append((name, time.time()))

import train
import tensorflow
mark("import tensorflow")
import keras
mark("import keras")
from keras_gan import GAN, callbacks, recipes, runs
mark("import keras_gan")

def marked(owner, name, title):
    function = getattr(owner, name)
    def wrapper(*args, **kwargs):
        result = function(*args, **kwargs)
        mark(title)
        return result
    setattr(owner, name, wrapper)

class FirstStep(callbacks.StepCallback):
    def on_train_begin(self, logs=None):
        mark("checks and callbacks")

    def on_train_batch_end(self, batch, logs=None):
        import json
        mark("trace and first step")
        print("MILESTONES" + json.dumps(milestones), flush=True)
        import os
        os._exit(0)

marked(train, "read_images", "read images")
marked(runs.Run, "new", "digest of the images")
marked(runs.Run, "build", "build networks")
marked(train, "real_images", "prepare the measures")
fit = GAN.fit
GAN.fit = lambda self, *args, callbacks, **kwargs: fit(
    self, *args, callbacks=[*callbacks, FirstStep()], **kwargs
)
train.main(sys.argv[1:])
"""


def milestones(arguments) -> list[tuple[str, float]]:
    """Returns the parts of one start and when each was done, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", CHILD, *arguments, "--run-dir", f"{folder}/r"]
        begin = time.time()
        result = subprocess.run(command, capture_output=True, text=True)
    for line in result.stdout.splitlines():
        if line.startswith("MILESTONES"):
            found = json.loads(line.removeprefix("MILESTONES"))
            return [(name, moment - begin) for name, moment in found]
    raise SystemExit(result.stderr)


def main():
    arguments = sys.argv[1:]
    runs = [milestones(arguments) for _ in range(RUNS)]
    names = [name for name, _ in runs[0]]
    moments = np.array([[moment for _, moment in run] for run in runs])
    parts = np.diff(moments, axis=1, prepend=0)
    print(f"train.py {' '.join(arguments)}: medians of {RUNS} runs")
    for name, seconds in zip(names, np.median(parts, axis=0), strict=True):
        print(f"  {name:<24} {seconds:7.2f} s")
    print(f"  {'together':<24} {np.median(moments[:, -1]):7.2f} s")


if __name__ == "__main__":
    main()
