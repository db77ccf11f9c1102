import pytest

from gi.core.errors import RunError, SourceError
from gi.core.types import Failed, Scored
from gi.explain.noise import Resolution
from gi.explain.search import CHANCE, SAME, UNTRIED, Minimisation, Rules
from gi.explain.variants import UnfitChanges, Variant, between
from tests.checking import SMALL, InProcess, sequential

SEED = sequential("nn.Conv2d(1, 8, 3)", "nn.BatchNorm2d(8)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(288, 10)")


@pytest.fixture(scope="module")
def check():
    return InProcess()


class Formula:
    """A bench whose figures are a function of the text and the seed, for as many trainings as `limit` allows."""

    def __init__(self, figures, limit=1000):
        self.figures, self.limit, self.trained = figures, limit, {}

    def __call__(self, variant, seeds):
        missing = [s for s in seeds if (variant.id, s) not in self.trained]
        if len(self.trained) + len(missing) > self.limit:
            return None
        for seed in missing:
            self.trained[variant.id, seed] = self.figures(variant.text, seed)
        return tuple(self.trained[variant.id, seed] for seed in seeds)

    def known(self, variant):
        return tuple(o for (id_, _), o in self.trained.items() if id_ == variant.id)


def noisy(text, seed, *, effects, params=1000.0):
    """A figure of 0.2 with a deviation of 0.01, less the effect of each fragment that the text has."""
    gain = sum(effect for fragment, effect in effects.items() if fragment in text)
    return Scored({"error": 0.2 - gain + 0.01 * (seed % 2), "params": params})


def searched(check, individual, figures, *, seed=SEED, objectives=("error",), limit=1000, **rules):
    variants = between(seed, individual, SMALL, check)
    search = Minimisation(variants, Formula(figures, limit), Rules(objectives=objectives, seeds=(0, 1, 2, 3), **rules))
    search.run()
    return search


TWO = SEED.replace("nn.ReLU()", "nn.Hardswish()").replace("lr=0.1", "lr=0.3")


def test_a_change_within_noise_is_dropped_and_one_that_helps_is_kept(check):
    search = searched(check, TWO, lambda t, s: noisy(t, s, effects={"Hardswish": 0.1, "lr=0.3": 0.001}))
    assert {v.change.after: (v.status, v.reason) for v in search.verdicts.values()} == {
        "nn.Hardswish(),": ("kept", "worse without it: error"),
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.3)": ("dropped", CHANCE),
    }
    assert search.program.text == SEED.replace("nn.ReLU()", "nn.Hardswish()")
    assert search.finished


def test_effects_are_what_dropping_one_change_alone_does(check):
    search = searched(check, TWO, lambda t, s: noisy(t, s, effects={"Hardswish": 0.1, "lr=0.3": 0.05}))
    found = {v.change.after[:8]: v.effects[0] for v in search.verdicts.values()}
    assert found["nn.Hards"].difference == pytest.approx(-0.1)
    assert found["optimize"].difference == pytest.approx(-0.05)
    assert 0 < found["optimize"].noise < 0.05
    assert {v.trainings for v in search.verdicts.values()} == {2}  # a clear case takes no more


def test_a_change_that_makes_it_worse_is_dropped(check):
    search = searched(check, TWO, lambda t, s: noisy(t, s, effects={"Hardswish": -0.1, "lr=0.3": 0.1}))
    assert [v.change.after for v in search.verdicts.values() if v.status == "dropped"] == ["nn.Hardswish(),"]


def test_changes_are_dropped_until_none_can_be(check):
    """The second change helps only beside the first one."""

    def figures(text, seed):
        both = "Hardswish" in text and "lr=0.3" in text
        return noisy(text + ("both" if both else ""), seed, effects={"both": 0.1, "lr=0.3": -0.1})

    assert searched(check, TWO, figures).program.text == SEED


def test_what_computes_the_same_goes_without_a_training(check):
    individual = SEED.replace("nn.BatchNorm2d(8)", "nn.BatchNorm2d(num_features=8, eps=0.00001)")
    search = searched(check, individual, lambda *_: pytest.fail("trained"))
    (verdict,) = search.verdicts.values()
    assert (verdict.status, verdict.reason) == ("dropped", SAME)
    assert (search.program.text, search.finished) == (SEED, True)


def test_more_parameters_decide_without_a_training(check):
    individual = SEED.replace("nn.Linear(288, 10)", "nn.Linear(288, 10, bias=False)")
    search = searched(check, individual, lambda t, s: noisy(t, s, effects={}), objectives=("error", "params"))
    (verdict,) = search.verdicts.values()
    assert (verdict.status, verdict.reason, verdict.trainings) == ("kept", "worse without it: params", 0)
    assert [(e.objective, e.difference) for e in verdict.effects] == [("params", -10)]


def test_a_tolerance_lets_small_differences_pass(check):
    individual = SEED.replace("nn.Linear(288, 10)", "nn.Linear(288, 10, bias=False)")
    search = searched(
        check, individual, lambda t, s: noisy(t, s, effects={}), objectives=("error", "params"), tolerance=0.01
    )
    assert search.program.text == SEED


def test_a_program_that_fails_when_trained_keeps_its_change(check):
    def figures(text, seed):
        return noisy(text, seed, effects={}) if "lr=0.3" in text else Failed("train", "nan")

    search = searched(check, TWO, figures)
    assert {v.status: v.reason for v in search.verdicts.values()} == {
        "dropped": CHANCE,
        "kept": "fails without it: nan (train)",
    }


def test_an_individual_that_fails_itself_is_one_line(check):
    with pytest.raises(RunError, match="the individual fails when it is trained again"):
        searched(check, TWO, lambda *_: Failed("train", "nan"))


@pytest.mark.parametrize("limit", [0, 3, 5])
def test_a_budget_that_runs_out_leaves_the_rest_untried(check, limit):
    search = searched(check, TWO, lambda t, s: noisy(t, s, effects={}), limit=limit)
    assert not search.finished
    assert {(v.status, v.reason) for v in search.verdicts.values()} == {("kept", UNTRIED)}
    assert search.program.text == TWO


def test_the_resolution_is_the_least_noise(check):
    def figures(text, seed):
        return Scored({"error": 0.10 if "lr=0.3" in text else 0.11})

    individual = SEED.replace("lr=0.1", "lr=0.3")
    assert searched(check, individual, figures).program.text == individual
    assert searched(check, individual, figures, resolution=Resolution({"error": 0.02})).program.text == SEED


# ------------------------------------------------------------------------------------------------------------ variants


def test_a_number_that_follows_is_no_change_of_its_own(check):
    individual = SEED.replace("Conv2d(1, 8, 3)", "Conv2d(1, 16, 3)").replace("BatchNorm2d(8)", "BatchNorm2d(16)")
    variants = between(SEED, individual.replace("Linear(288", "Linear(576"), SMALL, check)
    (number,) = variants.difference.numbers
    assert variants.of(frozenset()).text == SEED
    assert number == 1


def test_variants_are_repaired(check):
    individual = SEED.replace("Conv2d(1, 8, 3)", "Conv2d(1, 16, 3)").replace("BatchNorm2d(8)", "BatchNorm2d(16)")
    individual = individual.replace("Linear(288, 10)", "Linear(576, 10, bias=False)")
    variants = between(SEED, individual, SMALL, check)
    made = variants.of(frozenset({max(variants.difference.numbers)}))
    assert isinstance(made, Variant)
    assert made.text == SEED.replace("Linear(288, 10)", "Linear(288, 10, bias=False)")


def test_what_runs_only_together_is_one_change(check):
    seed = SEED.replace("lr=0.1", "lr=K").replace("def recipe", "K = 0.1\n\n\ndef recipe")
    individual = seed.replace("K = 0.1", "K, L = 0.1, 0.2").replace("lr=K", "lr=L")
    variants = between(seed, individual, SMALL, check)
    assert all(isinstance(variants.of(frozenset(k)), Variant) for k in (variants.difference.numbers, ()))


def test_a_program_that_does_not_run_is_told_why(check):
    seed = SEED.replace("nn.Flatten()", "nn.Flatten(2, 3)").replace("Linear(288", "Linear(36")
    individual = sequential("nn.Flatten()", "nn.Linear(64, 10)")
    made = between(seed, individual, SMALL, check).of(frozenset({1}))
    assert isinstance(made, Variant | UnfitChanges)


def test_an_individual_that_does_not_run_is_refused(check):
    with pytest.raises(SourceError, match="the individual does not run here"):
        between(SEED, SEED.replace("nn.ReLU()", "nn.ReLU(1, 2, 3)"), SMALL, check)
