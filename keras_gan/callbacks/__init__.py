"""Keras callbacks: what happens during `fit`."""

from keras_gan.callbacks.checkpoint import Checkpoint, restore_newest
from keras_gan.callbacks.diagnosis import Diagnosis, Finding
from keras_gan.callbacks.divergence_guard import DivergenceGuard
from keras_gan.callbacks.evaluate import Evaluate
from keras_gan.callbacks.failsafe import Failsafe
from keras_gan.callbacks.metrics_csv import MetricsCSV
from keras_gan.callbacks.progress import Progress
from keras_gan.callbacks.sample_grid import SampleGrid
from keras_gan.callbacks.step_callback import steps_taken
from keras_gan.callbacks.stop import StopAfter, StopOnSignal, StopTogether
from keras_gan.callbacks.tensorboard import TensorBoardPoints

__all__ = [
    "Checkpoint",
    "Diagnosis",
    "DivergenceGuard",
    "Evaluate",
    "Failsafe",
    "Finding",
    "MetricsCSV",
    "Progress",
    "SampleGrid",
    "StopAfter",
    "StopOnSignal",
    "StopTogether",
    "TensorBoardPoints",
    "restore_newest",
    "steps_taken",
]
