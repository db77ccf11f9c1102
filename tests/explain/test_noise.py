import pytest

from gi.explain.noise import Resolution, effect, effects, worse
from gi.explain.records import Effect

NONE = Resolution()


def test_an_effect_is_the_difference_of_means_with_its_interval():
    found = effect("error", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), NONE)
    # pooled deviation 0.1, standard error 0.1 * sqrt(2 / 3), t of 4 degrees of freedom 2.78
    assert found.difference == pytest.approx(-0.3)
    assert found.noise == pytest.approx(2.78 * 0.1 * (2 / 3) ** 0.5)
    assert not found.within_noise


def test_figures_that_do_not_vary_have_no_noise():
    found = effect("params", (650.0, 650.0), (640.0, 640.0), NONE)
    assert (found.difference, found.noise, found.within_noise) == (10, 0, False)
    assert effect("params", (650.0,), (650.0,), NONE).within_noise


def test_the_resolution_is_the_least_noise():
    known = Resolution({"error": 0.01}, {"time": 0.1})
    assert effect("error", (0.1, 0.1), (0.1, 0.1), known).noise == 0.01
    assert effect("time", (2.0, 2.0), (1.0, 1.0), known).noise == pytest.approx(0.2)


def test_effects_are_those_of_the_objectives_that_both_have():
    found = effects({"error": (0.1,), "time": (1.0,)}, {"error": (0.2,), "time": ()}, NONE)
    assert [e.objective for e in found] == ["error"]


@pytest.mark.parametrize(
    ("params", "options", "expected"),
    [
        (650.0, {}, ()),
        (640.0, {}, ()),
        (660.0, {}, ("params",)),
        (660.0, {"tolerance": 0.02}, ()),
        (670.0, {"tolerance": 0.02}, ("params",)),
    ],
)
def test_only_what_is_worse_counts_against_a_program(params, options, expected):
    reference = {"params": (650.0, 650.0)}
    assert worse({"params": (params, params)}, reference, NONE, **options) == expected


def test_doubts_widen_the_noise():
    reference, found = {"error": (0.10, 0.12)}, {"error": (0.16, 0.18)}
    assert worse(found, reference, NONE, doubts=0.5) == ("error",)
    assert worse(found, reference, NONE, doubts=1.0) == ()


def test_an_effect_compares_with_its_noise():
    assert Effect("error", -0.01, 0.01).within_noise
    assert not Effect("error", -0.02, 0.01).within_noise
