"""Pairs of programs that differ in one thing alone, of every kind that an identity must tell apart or must not.

The pairs are those of the experiment that measures identities.
"""

import importlib.util
from pathlib import Path

import pytest

from gi.source.identity.digest import digest
from tests.checking import InProcess

FILE = Path(__file__).parents[3] / "experiments/08-identity/kinds.py"
spec = importlib.util.spec_from_file_location("identity_kinds", FILE)
kinds = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kinds)


@pytest.fixture(scope="module")
def check():
    return InProcess()


@pytest.mark.parametrize("pair", kinds.DIFFERENT.values(), ids=kinds.DIFFERENT)
def test_programs_that_differ_have_different_identities(check, pair):
    one, other = kinds.texts(pair)
    assert digest(one) != digest(other)
    assert check.trace(one).fingerprint != check.trace(other).fingerprint


@pytest.mark.parametrize("pair", kinds.EQUAL.values(), ids=kinds.EQUAL)
def test_programs_that_compute_and_train_the_same_have_one_fingerprint(check, pair):
    one, other = kinds.texts(pair)
    assert check.trace(one).fingerprint == check.trace(other).fingerprint
    assert check.trace(one).fingerprint == InProcess().trace(one).fingerprint, "each time again"
