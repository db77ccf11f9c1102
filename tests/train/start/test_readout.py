"""The last dense layer by ridge regression: what it sets, when, and that what it leaves out is right."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, log_softmax, nll_loss, one_hot

from gi.train.start.readout import _regressed, fit_readout


def samples(count=60, classes=3):
    torch.manual_seed(0)
    labels = torch.arange(count) % classes
    images = torch.randn(count, 1, 6, 6) + labels[:, None, None, None]
    return images, labels


def network(*after, bias=True):
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 3, bias=bias), *after)


def test_a_sample_is_predicted_from_the_others():
    x, y = torch.randn(20, 50), one_hot(torch.arange(20) % 4, 4).double()
    left_out, _ = _regressed(x - x.mean(0), y)
    centred = (x - x.mean(0)).double()
    ridge = (centred @ centred.T).diagonal().mean()
    for i in (0, 7, 19):
        others = torch.arange(20) != i
        mean, target = x[others].double().mean(0), y[others]
        rest = x[others].double() - mean
        weight = rest.T @ torch.linalg.solve(rest @ rest.T + ridge * torch.eye(19), target - target.mean(0))
        assert torch.allclose(left_out[i], (x[i].double() - mean) @ weight + target.mean(0), atol=1e-4)


def test_sets_the_last_layer_and_nothing_else():
    net, (images, labels) = network(), samples()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    loss = cross_entropy(net(images), labels).item()
    assert fit_readout(net, images, labels, cross_entropy) is net[3]
    assert cross_entropy(net(images), labels).item() < loss / 1.5
    changed = [name for name, value in net.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ["3.weight", "3.bias"]


def test_knows_a_log_softmax_behind_the_layer():
    net, (images, labels) = network(nn.LogSoftmax(dim=1)), samples()
    assert fit_readout(net, images, labels, nll_loss) is net[3]
    assert torch.allclose(net(images), log_softmax(net[:4](images), dim=1))


def test_leaves_other_outputs_as_they_are():
    images, labels = samples()
    for net in (network(nn.Tanh()), network(bias=False), nn.Sequential(nn.Conv2d(1, 3, 6), nn.Flatten())):
        before = {name: value.clone() for name, value in net.state_dict().items()}
        assert fit_readout(net, images, labels, cross_entropy) is None
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_leaves_a_layer_that_is_better():
    net, (images, labels) = network(), samples()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        cross_entropy(net(images), labels).backward()
        optimizer.step()
    assert fit_readout(net, images, labels, cross_entropy) is None
