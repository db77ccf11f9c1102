"""What an exported file's training is made of: the parts of the recipe that its text shows."""

import pytest

from gi.export.recipe import recipe_facts
from gi.export.training import chosen_lines

IMPORTS = ("import torch", "from torch import nn, optim", "from torchvision.transforms import v2")


def facts(optimizer="torch.optim.SGD(net.parameters())", scheduler="None", augmentation="None"):
    text = f"""
def recipe(net, steps):
    optimizer = {optimizer}
    scheduler = {scheduler}
    return optimizer, scheduler, nn.CrossEntropyLoss(), {augmentation}
"""
    return recipe_facts(text, IMPORTS)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("torch.optim.SGD(net.parameters())", True),
        ("optim.AdamW(net.parameters(), lr=0.1)", True),
        ("optim.RMSprop(net.parameters())", False),
        ("optim.AdamW(net.parameters(), foreach=True)", False),
        ("optim.AdamW(**settings)", False),
        ("Own(net.parameters())", False),
        ("optim.SGD(net.parameters()) if steps else optim.AdamW(net.parameters())", False),
    ],
)
def test_optimizers_that_step_in_one_kernel(optimizer, expected):
    assert facts(optimizer=optimizer).is_fused is expected


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("None", "none"),
        ("optim.lr_scheduler.LinearLR(optimizer)", "sure"),
        ("None if steps < 9 else optim.lr_scheduler.LinearLR(optimizer)", "unsure"),
        ("SCHEDULER", "unsure"),
    ],
)
def test_schedulers(scheduler, expected):
    assert facts(scheduler=scheduler).scheduler == expected


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        ("None", "none"),
        ("v2.RandomAffine(degrees=0, translate=(0.1, 0.1))", "each"),
        ("v2.RandomAffine(10, fill=128)", "planned"),
        ("v2.RandomAffine(*limits)", "planned"),
        ("v2.RandomAffine(**limits)", "planned"),
        ("v2.Compose([v2.RandomCrop(8)])", "planned"),
        ("v2.AutoAugment()", "planned"),
        ("lambda x: x.flip(-1)", "planned"),
        ("RandomAffine(10)", "planned"),
    ],
)
def test_augmentations(augmentation, expected):
    assert facts(augmentation=augmentation).augmentation == expected


def test_a_recipe_that_does_not_show_what_it_returns_is_the_general_case():
    for body in ("return make(net)", "parts = make(net)\n    return parts", "pass"):
        found = recipe_facts(f"def recipe(net, steps):\n    {body}\n")
        assert (found.augmentation, found.scheduler, found.is_fused) == ("planned", "unsure", False)


def test_lines_are_chosen_by_all_of_their_conditions():
    template = "a\nb  #? one\nc  # said  #? one and other\nd  #? other\n"
    assert chosen_lines(template, {"one"}) == "a\nb\n"
    assert chosen_lines(template, {"one", "other"}) == "a\nb\nc  # said\nd\n"
