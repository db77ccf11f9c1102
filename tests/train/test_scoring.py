"""Figures of a network's answers, against scikit-learn's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from gi.core.objectives import METRICS as NAMED
from gi.train.batches import Batches
from gi.train.metrics import METRICS, auc, balanced_error, error
from gi.train.scoring import outputs

SAMPLES = st.tuples(st.integers(2, 6), st.integers(1, 40), st.integers(0, 10**6))


def made(classes, rows, seed):
    """Outputs of few different rows, so that many are tied, and labels of which every class has some."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes))[rng.integers(0, rows, 3 * classes)]
    return logits, np.arange(3 * classes) % classes


@settings(deadline=None, max_examples=50)
@given(SAMPLES)
def test_auc_is_scikit_learns_macro_average_of_one_against_the_rest(samples):
    logits, labels = made(*samples)
    shares = torch.tensor(logits).softmax(1).numpy()
    columns = [roc_auc_score(labels == k, shares[:, k]) for k in range(samples[0])]
    assert auc(logits, labels) == pytest.approx(np.mean(columns), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(SAMPLES)
def test_balanced_error_is_what_scikit_learns_balanced_accuracy_leaves(samples):
    logits, labels = made(*samples)
    assert balanced_error(logits, labels) == pytest.approx(1 - balanced_accuracy_score(labels, logits.argmax(1)))


def test_auc_of_two_classes_is_that_of_the_positive_class_however_sure_the_network_is():
    logits = np.array([[0.0, 700.0], [0.0, 800.0], [0.0, 600.0], [900.0, 0.0]])
    assert auc(logits, np.array([0, 1, 1, 0])) == roc_auc_score([0, 1, 1, 0], [700, 800, 600, -900]) == 0.75


def test_auc_is_exact_for_as_many_samples_as_a_test_split_has():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=20_000), rng.integers(0, 2, 20_000)
    logits = np.stack([np.zeros_like(scores), scores], 1)
    assert auc(logits, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_a_class_without_samples_has_no_part_in_a_mean_over_the_classes():
    logits = np.eye(3)[[0, 1, 0, 1]]
    labels = np.array([0, 1, 1, 1])
    assert balanced_error(logits, labels) == pytest.approx((0 + 1 / 3) / 2)
    assert auc(logits, labels) == pytest.approx(5 / 6)


def test_auc_of_one_class_alone_is_chance():
    assert auc(np.eye(2), np.array([1, 1])) == 0.5


def test_each_metric_of_the_settings_is_measured_and_perfect_answers_are_0():
    assert METRICS.keys() == NAMED.keys()
    logits, labels = 9 * np.eye(4)[[0, 1, 2, 3, 3]], np.array([0, 1, 2, 3, 3])
    assert [metric(logits, labels) for metric in METRICS.values()] == [0.0, 0.0, 0.0]
    assert error(logits, labels[::-1]) == pytest.approx(0.8)


def test_outputs_are_those_of_every_sample_in_its_place(digits):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    batches = Batches(digits, "train", "cpu")
    found = outputs(net, batches)
    assert found.shape == (batches.num_samples, 10)
    images, _ = batches.take(slice(1100, 1120))
    assert torch.allclose(found[1100:1120], net(images).double(), atol=1e-6)
