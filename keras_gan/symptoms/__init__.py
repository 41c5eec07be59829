"""Failures of a run that its losses do not name, and how the last windows show them.

A model lists its symptoms with the names of its own numbers and samples;
`callbacks.Diagnosis` looks for them. Each file has those of one kind of model, with
their thresholds and the figures of healthy and failing runs behind these.
"""

from keras_gan.symptoms.autoencoders import (
    ALIKE,
    BLURRED,
    COLLAPSED,
    SHARPENING,
    Blur,
    IgnoredLatents,
    PosteriorCollapse,
)
from keras_gan.symptoms.base import PATIENCE, Symptom, Variety, Window
from keras_gan.symptoms.games import (
    AHEAD,
    AHEAD_LOSS,
    APART,
    BEHIND,
    CALM,
    CATCHING_UP,
    COIN_VALUE,
    DIVERSE,
    EQUILIBRIUM_LOSSES,
    FEW_KINDS,
    LEARNING,
    NARROW,
    SWING,
    SWING_WINDOW,
    TOLD_APART,
    DiscriminatorAhead,
    DiscriminatorAheadByLoss,
    DiscriminatorBehind,
    GeneratorBehind,
    ModeCollapse,
    Oscillation,
)
from keras_gan.symptoms.translators import (
    EQUAL,
    HIDDEN,
    STIRRING,
    CycleByHiding,
    OneOutputForAll,
    OutputEqualsInput,
)

__all__ = [
    "AHEAD",
    "AHEAD_LOSS",
    "ALIKE",
    "APART",
    "BEHIND",
    "BLURRED",
    "CALM",
    "CATCHING_UP",
    "COIN_VALUE",
    "COLLAPSED",
    "DIVERSE",
    "EQUAL",
    "EQUILIBRIUM_LOSSES",
    "FEW_KINDS",
    "HIDDEN",
    "LEARNING",
    "NARROW",
    "PATIENCE",
    "SHARPENING",
    "STIRRING",
    "SWING",
    "SWING_WINDOW",
    "TOLD_APART",
    "Blur",
    "CycleByHiding",
    "DiscriminatorAhead",
    "DiscriminatorAheadByLoss",
    "DiscriminatorBehind",
    "GeneratorBehind",
    "IgnoredLatents",
    "ModeCollapse",
    "OneOutputForAll",
    "Oscillation",
    "OutputEqualsInput",
    "PosteriorCollapse",
    "Symptom",
    "Variety",
    "Window",
]
