import numpy as np
import pytest

from gi.kernels.index.trained import statistics
from tests.kernels.onnx_files import trained


def uniform(*shape):
    return np.random.default_rng(0).uniform(-0.1, 0.1, shape).astype(np.float32)


def smooth(*shape):
    """Uniform, but with neighbours that belong together, as in a trained layer that kept its range."""
    return np.repeat(uniform(*shape[:-1], 1), shape[-1], axis=-1)


@pytest.mark.parametrize(
    "weight", [uniform(16, 16, 3, 3), uniform(64, 64, 1, 1), uniform(16, 8, 5), uniform(512, 512, 3, 3)]
)
def test_freshly_drawn_weights_are_found_out(weight):
    assert "excess kurtosis -1." in statistics(weight).untrained


@pytest.mark.parametrize("weight", [trained(16, 16, 3, 3), smooth(32, 32, 3, 3), uniform(2, 3, 3, 3)])
def test_others_count_as_trained(weight):
    assert statistics(weight).untrained == ""


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5e-30])
def test_equal_weights_are_no_training(value):
    assert statistics(np.full((4, 4, 3, 3), value, np.float32)).untrained == "all its weights are equal"


def test_statistics_of_a_large_layer_come_from_a_sample():
    assert statistics(uniform(512, 512, 3, 3)).num_weights < 1 << 17
