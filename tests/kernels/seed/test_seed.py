import copy

import torch
from torch import nn

from gi.kernels.seed.seed import seed
from tests.kernels.donor_nets import donor, stack

IMAGES = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def trained_looking(*widths, **options):
    """A stack whose normalisations, where it has any, have seen data."""
    torch.manual_seed(7)
    net = stack(*widths, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    net.train()
    for _ in range(150):
        net(IMAGES)
    return net.eval()


def outputs(net):
    with torch.no_grad():
        return net.eval()(IMAGES)


def relative(found, wanted):
    """The distance of two outputs up to a factor, which a loud network is turned down by."""
    factor = (found * wanted).sum() / (found * found).sum()
    return float((factor * found - wanted).norm() / wanted.norm())


def test_a_target_of_the_donors_size_computes_what_the_donor_computes():
    net, target = trained_looking(6, 8), stack(6, 8)
    rows = seed(target, [donor("d", net)], IMAGES)
    assert relative(outputs(target), outputs(net)) < 1e-4
    assert [(row.layer, row.network, row.channels, row.how) for row in rows] == [
        ("0", "d", 6, "connected"),
        ("3", "d", 8, "connected"),
    ]


def test_normalisations_come_along():
    net, target = trained_looking(6, 8, norm=True, bias=False), stack(6, 8, norm=True, bias=False)
    seed(target, [donor("d", net)], IMAGES)
    assert relative(outputs(target), outputs(net)) < 0.05


def test_a_normalisation_is_folded_into_a_target_that_has_none():
    net, target = trained_looking(6, 8, norm=True), stack(6, 8)
    seed(target, [donor("d", net)], IMAGES)
    assert relative(outputs(target), outputs(net)) < 0.05


def test_a_normalisation_that_the_donor_lacks_changes_nothing():
    net, target = trained_looking(6, 8), stack(6, 8, norm=True)
    seed(target, [donor("d", net)], IMAGES)
    assert relative(outputs(target), outputs(net)) < 0.05


def test_dropped_inputs_are_made_up_for():
    net = trained_looking(16, 16, 8)
    target = stack(12, 12, 8)
    plain = copy.deepcopy(target)
    seed(target, [donor("d", net)], IMAGES)
    assert relative(outputs(target), outputs(net)) < 0.6 < relative(outputs(plain), outputs(net))


def test_a_donor_of_another_scale_is_rescaled():
    net = trained_looking(6, 8)
    with torch.no_grad():
        net[0].weight *= 1e-3
    target = stack(6, 8)
    rows = seed(target, [donor("d", net)], IMAGES)
    assert {row.how for row in rows} == {"rescaled"}
    assert 0.1 < float(outputs(target[:1]).std()) < 10


def test_a_loud_network_is_turned_down():
    net = trained_looking(6, 8)
    with torch.no_grad():
        net[3].weight *= 3
    target = stack(6, 8)
    seed(target, [donor("d", net)], IMAGES)
    assert 0.29 < float(outputs(target).std()) < 0.31


def test_a_target_wider_than_the_donors_is_filled_in_blocks():
    target = stack(12, 12)
    nets = [donor("a", trained_looking(6, 6)), donor("b", trained_looking(6, 6), first_id=50)]
    rows = seed(target, nets, IMAGES)
    assert {row.network for row in rows} == {"a", "b"}
    assert not target[3].weight[:6, 6:].any()
    assert target[3].weight[6:, 6:].abs().sum() > 0


def test_nothing_fits_and_nothing_changes():
    target = nn.Sequential(nn.Conv2d(3, 4, 4), nn.ReLU())
    before = target[0].weight.clone()
    assert seed(target, [donor("d", stack(6))], IMAGES) == ()
    assert torch.equal(target[0].weight, before)


def test_only_the_first_layer_fits():
    target = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1))
    assert [row.how for row in seed(target, [donor("d", stack(6, 6))], IMAGES)] == ["first layer"]


def test_the_model_stays_in_training_and_trainable():
    target = stack(4, 4, norm=True)
    seed(target, [donor("d", trained_looking(6, 6))], IMAGES)
    assert target.training
    target(IMAGES).sum().backward()
    assert all(p.grad is not None for p in target.parameters())


def test_layers_that_have_weights_already_are_left_alone():
    net, target = trained_looking(6, 8, norm=True), stack(6, 8, norm=True)
    before = copy.deepcopy(target.state_dict())
    rows = seed(target, [donor("d", net)], IMAGES, kept=("0", "5"))
    assert [row.layer for row in rows] == ["4"]
    changed = {name for name, value in target.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"4.weight", "4.bias"}


def test_where_every_layer_has_weights_nothing_changes():
    target = stack(6, 8)
    before = copy.deepcopy(target.state_dict())
    assert seed(target, [donor("d", trained_looking(6, 8))], IMAGES, kept=("0", "3")) == ()
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())
