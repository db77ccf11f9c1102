"""Variation as the search sees it: what it accepts, what it refuses, and that one seed gives one offspring."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gi.core.errors import SourceError, WorkerError
from gi.core.trace import Stopped, Trace
from gi.core.types import Edit, LineType, Offspring, Origin, Refused, Task
from gi.source.identity.digest import digest
from gi.trace.client import CheckWorker
from gi.vary import Vary
from gi.vary.operators.proposal import Proposal
from gi.vary.variation import FAULT
from tests.checking import SEEDS, SMALL, InProcess, Stock, program, sequential

STOCK = Stock.of(*SEEDS.values())
NAMES = ["conv_tiny_append", "pooled_small_sequential", "residual_medium_attribute", "shared_small_attribute"]
CHECK = InProcess()


@pytest.fixture(scope="module")
def vary():
    return Vary(STOCK, CHECK, SMALL)


@pytest.fixture(scope="module")
def parents(vary):
    return {name: vary.fitted(text)[0] for name, text in SEEDS.items()}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", NAMES)
def test_an_accepted_offspring_fits_trains_and_is_new(vary, parents, name, seed):
    rng = random.Random(f"{name}/{seed}")
    pair = [parents[name], parents[rng.choice(sorted(parents))]]
    made = vary(pair, rng=rng)
    assert isinstance(made, Offspring)
    answer = InProcess()(made.text, SMALL)
    assert isinstance(answer, Trace)
    assert not answer.fixes
    assert not answer.no_gradient
    assert answer.fingerprint not in {CHECK.trace(parent).fingerprint for parent in pair}
    assert 1 <= sum(t.accepted for t in made.tries) <= min(3, len(made.edits))


@pytest.mark.parametrize("shares", [{"cut": 1.0}, {"crossover": 1.0}, {"tweak": 1.0}])
def test_lines_of_the_second_parent_come_with_their_origin_and_make_the_offspring_crossed(vary, parents, shares):
    pair, line_of = [parents["conv_tiny_append"], parents["residual_medium_attribute"]], {}

    def origin_of(line):
        return line_of.setdefault(line, Origin("seeds", "", "residual_medium_attribute.py", line, "Apache-2.0"))

    crossed = set()
    for seed in range(8):
        made = vary(pair, rng=random.Random(seed), shares=shares, origin_of=origin_of)
        of_second = [edit.origin for edit in made.edits if edit.origin in line_of.values()]
        assert all(edit.origin is None or edit.origin.repository for edit in made.edits)
        assert made.crossed == ("cut" in shares or bool(of_second))
        crossed.add(made.crossed)
    assert crossed == {"cut": {True}, "crossover": {True, False}, "tweak": {False}}[next(iter(shares))]


@pytest.mark.parametrize("seed", range(3))
def test_one_seed_gives_one_offspring(parents, seed):
    pair = [parents["conv_tiny_append"], parents["conv_small_attribute"]]
    made = [Vary(STOCK, InProcess(), SMALL)(pair, rng=random.Random(seed)) for _ in range(2)]
    assert made[0] == made[1]


def test_known_programs_are_not_made_again(vary, parents):
    parent = [parents["conv_tiny_append"]]
    first = vary(parent, rng=random.Random(5))
    known = {digest(first.text)}
    second = vary(parent, rng=random.Random(5), known=known)
    assert digest(second.text) not in known
    assert ("identity", "known already") in {(t.stage, t.reason) for t in second.tries}
    third = vary(parent, rng=random.Random(5), known={first.fingerprint})
    assert third.fingerprint not in ("", first.fingerprint), "one that computes the same is known too"
    assert len(second.tries) > len(first.tries)


@pytest.mark.parametrize("edits", [1, 2, 3])
def test_a_child_has_as_many_edits_as_drawn_and_differs_from_its_parents(vary, parents, edits):
    pair = [parents["conv_tiny_append"], parents["conv_small_attribute"]]
    made = vary(pair, rng=random.Random(edits), edit_shares=(*[0] * (edits - 1), 1))
    assert sum(t.accepted for t in made.tries) == edits <= len(made.edits)
    assert made.fingerprint == CHECK.trace(made.text).fingerprint
    assert made.fingerprint not in {CHECK.trace(parent).fingerprint for parent in pair}


def _step_or_back(host, means):
    """Width 16 for 8, and 8 for 16."""
    old, new = ("16", "8") if "nn.Conv2d(1, 16" in host.text else ("8", "16")
    text = host.text.replace(f"Conv2d(1, {old}", f"Conv2d(1, {new}")
    return Proposal(text, (Edit("tweak", LineType.CONNECTION, 1, old, new),))


def test_a_later_edit_that_is_refused_leaves_the_earlier_ones(vary):
    parent, _ = vary.fitted(sequential("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(5, 10)"))
    made = Vary(STOCK, CHECK, SMALL, tries=4)(
        [parent], rng=random.Random(0), operators={"tweak": _step_or_back}, shares={"tweak": 1.0}, edit_shares=(0, 0, 1)
    )
    assert [e.after for e in made.edits] == ["16"]
    assert "nn.Conv2d(1, 16, 3)" in made.text
    assert [t.reason for t in made.tries] == ["", *["known already"] * 3], "one edit back is the parent again"


class _Everything(set):
    def __contains__(self, _):
        return True


def test_tries_are_bounded_and_counted(parents):
    for tries in (1, 3):
        made = Vary(STOCK, CHECK, SMALL, tries=tries)(
            [parents["conv_tiny_append"]], rng=random.Random(0), known=_Everything()
        )
        assert isinstance(made, Refused)
        assert len(made.tries) == tries
        assert all(t.reason for t in made.tries)


def faulty(error):
    """Operators of which one has a fault, and an operator that widens."""

    def operator(host, means):
        raise error

    return {"deletion": operator, "tweak": _step_or_back}


@pytest.mark.parametrize("error", [IndexError("list index out of range"), RecursionError(), SourceError("odd")])
def test_a_fault_of_an_operator_costs_a_try_and_is_told(vary, error):
    parent, _ = vary.fitted(sequential("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(5, 10)"))
    made = Vary(STOCK, CHECK, SMALL, tries=40)(
        [parent],
        rng=random.Random(0),
        operators=faulty(error),
        shares={"deletion": 0.8, "tweak": 0.2},
        edit_shares=(1,),
    )
    assert isinstance(made, Offspring)
    failed = made.tries[:-1]
    assert failed
    assert {(t.operator, t.stage, t.reason) for t in failed} == {("deletion", "propose", FAULT)}
    assert f"{type(error).__name__} in test_variation.py:" in failed[0].detail
    assert str(error) in failed[0].detail


@pytest.mark.parametrize(
    "error", [WorkerError("gone"), OSError(28, "no space left"), KeyboardInterrupt(), MemoryError()]
)
def test_what_is_no_fault_of_an_operator_goes_through(vary, error):
    parent, _ = vary.fitted(sequential("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(5, 10)"))
    with pytest.raises(type(error)):
        vary([parent], rng=random.Random(0), operators=faulty(error), shares={"deletion": 1.0})


def test_a_fault_behind_an_operator_costs_a_try_too(vary, monkeypatch):
    parent, _ = vary.fitted(sequential("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(5, 10)"))

    def repaired(*_):
        raise KeyError("a name")

    monkeypatch.setattr("gi.vary.variation.repaired", repaired)
    made = vary([parent], rng=random.Random(0), operators={"tweak": _step_or_back}, shares={"tweak": 1.0})
    assert isinstance(made, Refused)
    assert {(t.operator, t.stage, t.reason) for t in made.tries} == {("tweak", "build", FAULT)}


def test_a_host_with_nothing_to_change_is_refused():
    text = program(
        "self.w = nn.Parameter(torch.ones(64, 10))",
        "return x.flatten(1) @ self.w",
        "\n\ndef recipe(net, steps):\n    return parts(net)\n\n\ndef parts(net):\n"
        "    return torch.optim.SGD(net.parameters(), lr=0.1), None, nn.CrossEntropyLoss(), None\n",
    )
    assert Vary(Stock(), CHECK, SMALL)([text], rng=random.Random(0)) == Refused(())


def test_refuses_a_parent_that_does_not_run(vary):
    with pytest.raises(SourceError, match="parent does not run: undefined name"):
        vary(["x = 1\n"], rng=random.Random(0))


def test_edits_in_a_row_add_up(vary, parents):
    tried = vary.edited(parents["conv_tiny_append"], 4, rng=random.Random(1))
    assert tried.verdict.accepted
    assert len(tried.edits) >= 4


@pytest.mark.parametrize("task", [Task((3, 24, 40), 7), Task((1, 28, 28), 10)], ids=str)
def test_works_for_any_task(task):
    vary = Vary(STOCK, CHECK, task)
    parent, _ = vary.fitted(SEEDS["conv_small_attribute"])
    made = vary([parent], rng=random.Random(0))
    assert isinstance(made, Offspring)
    assert not CHECK.trace(made.text, task).fixes


def test_works_through_the_real_check_worker(parents):
    parent = [parents["pooled_small_sequential"]]
    with CheckWorker() as worker:
        made = Vary(STOCK, worker, SMALL)(parent, rng=random.Random(3))
    assert made == Vary(STOCK, CHECK, SMALL)(parent, rng=random.Random(3))


LAYERS = ["nn.Conv2d(1, 4, 3)", "nn.BatchNorm2d(4)", "nn.ReLU()", "nn.MaxPool2d(2)", "nn.Dropout(0.1)", "nn.Flatten()"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([*LAYERS, "nn.Linear(9, 8)"]), max_size=6), st.integers(0, 999))
def test_any_edit_gives_a_program_that_builds_or_a_reason(layers, seed):
    vary = Vary(STOCK, CHECK, SMALL)
    text, answer = vary.fitted(sequential(*layers, "nn.Linear(5, 10)"))
    if isinstance(answer, Stopped):  # a convolution of flat features
        assert answer.reason
        return
    tried = next(vary.raw([text], rng=random.Random(seed)))
    if tried.verdict.accepted:
        assert not CHECK.trace(tried.text).fixes
    else:
        assert tried.verdict.stage
        assert tried.verdict.reason not in ("", FAULT)


def test_most_single_edits_are_accepted_at_the_first_try(vary, parents):
    tried = [
        next(vary.raw([text], rng=random.Random(f"{name}/{seed}")))
        for name, text in parents.items()
        for seed in range(5)
    ]
    assert sum(t.verdict.accepted for t in tried) >= 0.9 * len(tried), [t.verdict for t in tried if t.verdict.stage]


def bounded(parents, name, limit):
    """A hundred tries on one parent, no more than `limit` times its parameters allowed: the parameters and verdicts."""
    parent = parents[name]
    count = CHECK.trace(parent).num_params
    vary = Vary(STOCK, CHECK, SMALL, max_params=int(limit * count))
    tries = vary.raw([parent], rng=random.Random(3))
    found = [next(tries) for _ in range(60)]
    return count, [(tried.answer.num_params, tried.verdict) for tried in found if tried.runs]


def test_what_has_more_parameters_than_allowed_is_refused_with_its_count(parents):
    count, tried = bounded(parents, "conv_tiny_append", 1.02)
    refused = [(params, verdict) for params, verdict in tried if verdict.reason == "beyond --max-params"]
    assert refused
    assert all(params > int(1.02 * count) and verdict.detail == f"{params:,} parameters" for params, verdict in refused)
    assert all(params <= int(1.02 * count) for params, verdict in tried if verdict.accepted)


def test_a_parent_that_is_too_large_itself_may_have_smaller_children(parents):
    count, tried = bounded(parents, "conv_tiny_append", 0.1)
    accepted = [params for params, verdict in tried if verdict.accepted]
    assert accepted
    assert all(params < count for params in accepted)
    assert any(params > 0.1 * count for params in accepted)
