"""Learning rates in the code of optimizers and schedules."""

import pytest

from gi.vary.binding.learning_rate import fitting_rate, is_usual, number_in, peak_rate, with_number

SGD, CYCLE = "torch.optim.SGD(net.parameters(), 0.1)", "torch.optim.lr_scheduler.OneCycleLR"


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        (SGD, "lr", 0.1),
        ("torch.optim.Adam(net.parameters(), lr=1e-3)", "lr", 0.001),
        ("torch.optim.Adam(net.parameters())", "lr", None),
        ("torch.optim.Adam(net.parameters(), lr=0.1 / steps)", "lr", None),
        (f"{CYCLE}(optimizer, 0.2, total_steps=steps)", "max_lr", 0.2),
        (f"{CYCLE}(optimizer, max_lr=[0.1, 0.2], total_steps=steps)", "max_lr", None),
        ("None", "max_lr", None),
    ],
)
def test_the_number_of_a_parameter(code, name, value):
    assert number_in(code, name) == value


def test_the_peak_is_the_schedules_where_that_sets_it():
    assert peak_rate(SGD, f"{CYCLE}(optimizer, max_lr=0.2, total_steps=steps)") == 0.2
    assert peak_rate(SGD, "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)") == 0.1
    assert peak_rate("torch.optim.Adam(net.parameters())", "None") is None


@pytest.mark.parametrize(
    ("code", "after"),
    [
        (SGD, "torch.optim.SGD(net.parameters(), lr=0.03)"),
        ("torch.optim.Adam(net.parameters(), eps=1.0)", "torch.optim.Adam(net.parameters(), lr=0.03, eps=1.0)"),
        ("torch.optim.Adam([{'params': a, 'lr': 1}], lr=2.0)", "torch.optim.Adam([{'params': a, 'lr': 1}], lr=0.03)"),
    ],
)
def test_another_rate(code, after):
    assert with_number(code, "lr", 0.03) == after


def test_a_schedule_without_a_rate_is_given_none():
    assert with_number("None", "max_lr", 0.1) == "None"
    plain = "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)"
    assert with_number(plain, "max_lr", 0.1) == plain


def test_a_rate_of_sgd_is_a_twentieth_for_adam():
    assert fitting_rate(0.2, SGD, "torch.optim.AdamW") == 0.01
    assert fitting_rate(0.01, "torch.optim.AdamW(x)", "torch.optim.SGD") == 0.2
    assert is_usual(0.1, "torch.optim.SGD")
    assert not is_usual(0.5, "torch.optim.Adam")
    assert not is_usual(None, "torch.optim.Adam")
