"""What the tests of the networks share."""

import keras
import pytest


@pytest.fixture
def half_precision():
    """Builds the networks of a test under the mixed_bfloat16 policy."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy("float32")
