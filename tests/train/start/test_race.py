import pytest
import torch
from torch import nn

from gi.trace.program.candidate import CandidateError
from gi.train.start.race import CHECKPOINTS, Entrant, race, within

ORDER = torch.arange(400).view(200, 2)


def entrants():
    return Entrant(nn.Identity(), None), Entrant(nn.Identity(), None)


def raced(seeded_losses, plain_losses, order=ORDER, share=1.0):
    seeded, plain = entrants()

    def step(entrant, chosen):
        losses = seeded_losses if entrant is seeded else plain_losses
        loss = losses(len(entrant.losses) + 1)
        if loss is None:
            raise CandidateError("train", "broken")
        return loss

    winner = race(seeded, plain, order, step, share=share)
    return "seeded" if winner is seeded else "plain", len(winner.losses)


@pytest.mark.parametrize(
    ("seeded", "plain", "expected"),
    [
        (lambda n: 1.0, lambda n: 2.0, ("seeded", 3)),
        (lambda n: 2.5, lambda n: 2.0, ("plain", 3)),
        (lambda n: 2.0 if n < 4 else 1.8, lambda n: 2.0, ("seeded", 8)),
        (lambda n: 2.0 if n < 4 else 2.1, lambda n: 2.0, ("plain", 8)),
        (lambda n: 1.96 if n < 9 else 1.7, lambda n: 2.0, ("seeded", 16)),
        (lambda n: 1.97, lambda n: 2.0, ("plain", 16)),
        (lambda n: float("nan"), lambda n: 2.0, ("plain", 3)),
    ],
)
def test_the_race_ends_as_soon_as_it_is_clear(seeded, plain, expected):
    assert raced(seeded, plain) == expected


@pytest.mark.parametrize(("seeded", "expected"), [(1.0, ("seeded", 3)), (1.96, ("plain", 3))])
def test_a_network_of_few_seeded_layers_has_to_win_at_once(seeded, expected):
    assert raced(lambda n: seeded, lambda n: 2.0, share=0.5) == expected


@pytest.mark.parametrize(("seeded", "expected"), [(1.97, ("seeded", 3)), (2.05, ("plain", 3))])
def test_donors_go_on_where_a_short_training_decides_nothing(seeded, expected):
    assert raced(lambda n: seeded, lambda n: 2.0, order=ORDER[:60]) == expected


def test_a_seeded_network_that_breaks_loses():
    assert raced(lambda n: None, lambda n: 2.0) == ("plain", 3)


def test_a_plain_network_that_breaks_fails_the_training():
    with pytest.raises(CandidateError, match="broken"):
        raced(lambda n: 1.0, lambda n: None)


def test_a_short_training_races_over_its_first_steps_only():
    assert within(200) == CHECKPOINTS
    assert within(100) == CHECKPOINTS[:2]
    assert within(5) == CHECKPOINTS[:1]


def test_both_draw_the_same_random_numbers_and_the_winner_goes_on_with_its_own():
    seeded, plain = entrants()
    drawn = {id(seeded): [], id(plain): []}

    def step(entrant, chosen):
        drawn[id(entrant)].append(float(torch.rand(())))
        return 2.0

    torch.manual_seed(3)
    assert race(seeded, plain, ORDER, step) is plain
    assert drawn[id(seeded)] == drawn[id(plain)]
    following = float(torch.rand(()))
    torch.manual_seed(3)
    assert [float(torch.rand(())) for _ in range(len(drawn[id(plain)]) + 1)][-1] == following
