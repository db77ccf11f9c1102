from gi.core.types import Individual
from gi.search.twins import Twins


def individual(id_, fingerprint=""):
    return Individual(id_, id_, 0, fingerprint=fingerprint)


def test_the_first_of_a_fingerprint_is_the_first_that_was_accepted():
    twins = Twins({"a": "f", "b": "f", "c": ""})
    assert twins.first(individual("b", "f")) == "a"
    assert twins.first(individual("d", "g")) == "d"
    assert twins.first(individual("e", "g")) == "d"
    assert twins.fingerprints == {"f", "g"}


def test_an_individual_without_a_fingerprint_is_nobodys_twin():
    twins = Twins({"a": "", "b": ""})
    assert twins.first(individual("b")) == "b"
    assert twins.fingerprints == frozenset()


def test_twins_wait_for_an_outcome_that_is_under_way():
    twins = Twins({"a": "f"})
    waiting = individual("b", "f")
    twins.wait("a", 100, waiting)
    assert twins.waiting("a", 400) == []
    assert twins.waiting("a", 100) == [waiting]
    assert twins.waiting("a", 100) == []
