"""Keras callbacks: what happens during `fit`."""

from keras_gan.callbacks.checkpoint import Checkpoint
from keras_gan.callbacks.diagnosis import Diagnosis, Finding
from keras_gan.callbacks.divergence_guard import DivergenceGuard
from keras_gan.callbacks.evaluate import Evaluate
from keras_gan.callbacks.failsafe import Failsafe
from keras_gan.callbacks.held_out import HeldOut
from keras_gan.callbacks.metrics_csv import MetricsCSV
from keras_gan.callbacks.progress import Progress
from keras_gan.callbacks.sample_grid import SampleGrid
from keras_gan.callbacks.stop import StopAfter, StopOnSignal, SyncStop
from keras_gan.callbacks.tensorboard import TensorBoardPoints
from keras_gan.checkpoints import restore_newest, steps_taken

__all__ = [
    "Checkpoint",
    "Diagnosis",
    "DivergenceGuard",
    "Evaluate",
    "Failsafe",
    "Finding",
    "HeldOut",
    "MetricsCSV",
    "Progress",
    "SampleGrid",
    "StopAfter",
    "StopOnSignal",
    "SyncStop",
    "TensorBoardPoints",
    "restore_newest",
    "steps_taken",
]
