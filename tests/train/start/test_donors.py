import pytest
import torch
from torch import nn

from gi.core.protocols import Job
from gi.core.settings import RunConfig, cache_folder
from gi.data.dataset import load_dataset
from gi.kernels.donors.pack import write_pack
from gi.trace.program.candidate import build, load
from gi.trace.program.recipe import Recipe, make_recipe
from gi.train.batches import Batches
from gi.train.executor import LocalExecutor
from gi.train.loop import batch_order, fuse, train
from gi.train.start.donors import raced, read_out
from gi.train.start.race import Entrant
from tests.kernels.donor_nets import donor, stack

PROGRAM = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4),
            nn.Flatten(), nn.Linear(32, 10),
        )

    def forward(self, x):
        return self.layers(x)


def recipe(net, steps):
    return torch.optim.Adam(net.parameters(), lr=0.003), None, nn.CrossEntropyLoss(), None
"""


def started(tmp_path, donors, images=200 * 32):
    dataset = load_dataset("digits", data_root=None, cache=cache_folder())
    write_pack(donors, tmp_path / "pack")
    torch.manual_seed(1)
    module = load(PROGRAM)
    net = build(module)
    batches = Batches(dataset, "train", "cpu")
    steps = images // 32
    order = batch_order(batches.num_samples, 32, steps, 1)
    make = lambda n: make_recipe(module, n, steps, (1, 8, 8))  # noqa: E731
    plain = Entrant(net, make(net))
    winner, seeding = raced(plain, make, batches, order, tmp_path / "pack", layout=torch.contiguous_format)
    return plain, winner, seeding, (batches, order)


def trained_donor():
    """The network of the program, trained on the same digits: nothing can fit better."""
    dataset = load_dataset("digits", data_root=None, cache=cache_folder())
    torch.manual_seed(2)
    module = load(PROGRAM)
    net = build(module)
    batches = Batches(dataset, "train", "cpu")
    train(net, make_recipe(module, net, 300, (1, 8, 8)), batches, batch_order(batches.num_samples, 32, 300, 2))
    return donor("digits", [*net.layers][:5])


def test_a_donor_of_the_same_data_wins(tmp_path):
    plain, winner, seeding, _ = started(tmp_path, [trained_donor()])
    assert seeding.won
    assert winner is not plain
    assert {row.network for row in seeding.layers} == {"digits"}
    assert seeding.cpu_s > 0


def test_the_winners_last_layer_knows_the_features_and_its_old_moments_are_gone(tmp_path):
    _, winner, seeding, (batches, order) = started(tmp_path, [trained_donor()])
    assert seeding.won
    with torch.no_grad():
        images, labels = batches.take(order[len(winner.losses)])
        loss = nn.functional.cross_entropy(winner.net(images), labels)
    assert loss < winner.losses[-1] / 1.5
    head = winner.net.layers[-1]
    assert all(p not in winner.recipe.optimizer.state for p in head.parameters())
    assert winner.net.layers[0].weight in winner.recipe.optimizer.state


OPTIMIZERS = [
    lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    lambda p: torch.optim.SGD(p, lr=0.01),
    lambda p: torch.optim.AdamW(p),
    lambda p: torch.optim.RMSprop(p, momentum=0.9),
    lambda p: torch.optim.NAdam(p),
    lambda p: torch.optim.Adagrad(p),
    lambda p: torch.optim.Rprop(p),
    lambda p: torch.optim.ASGD(p),
    lambda p: torch.optim.Adadelta(p),
    lambda p: torch.optim.LBFGS(p),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("is_fused", [True, False])
def test_every_optimizer_goes_on_after_a_readout(make, is_fused):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    labels = torch.arange(30) % 3
    images = torch.randn(30, 1, 8, 8) + labels[:, None, None, None]
    recipe = Recipe(make(net.parameters()), None, nn.CrossEntropyLoss(), None)
    if is_fused:
        fuse(recipe.optimizer)

    def closure():
        recipe.optimizer.zero_grad()
        loss = recipe.loss(net(images), labels)
        loss.backward()
        return loss

    def step():
        return recipe.optimizer.step(closure) if closure() is not None else None

    step()
    nn.init.normal_(net[3].weight)
    before = net[3].weight.clone()
    read_out(Entrant(net, recipe), images, labels, layout=torch.contiguous_format)
    assert not torch.equal(net[3].weight, before)
    step()
    assert all(bool(p.isfinite().all()) for p in net.parameters())


def test_a_harmful_donor_loses_and_the_plain_network_goes_on(tmp_path):
    harmful = stack(8, 8, image=1, pool=False)
    with torch.no_grad():
        harmful[2].weight.zero_()
        harmful[2].bias.fill_(-9.0)  # nothing passes the rectifier
    plain, winner, seeding, _ = started(tmp_path, [donor("dead", harmful)])
    assert not seeding.won
    assert winner is plain
    assert len(winner.losses) >= 3


def test_without_a_donor_that_fits_no_step_is_spent(tmp_path):
    plain, winner, seeding, _ = started(tmp_path, [donor("other", stack(8, image=1, kernel=7))])
    assert winner is plain
    assert winner.losses == []
    assert seeding.layers == ()


def test_a_job_tells_how_its_training_began(tmp_path):
    dataset = load_dataset("digits", data_root=None, cache=cache_folder())
    config = RunConfig(dataset="digits", images=3200, batch_size=32)
    write_pack([trained_donor()], tmp_path / "pack")
    with LocalExecutor(dataset, config, workers=1, donors=tmp_path / "pack") as executor:
        outcome = executor.submit(Job("a", PROGRAM, 1, 3200)).result()
    assert outcome.seeding.layers[0].network == "digits"
    with LocalExecutor(dataset, config, workers=1) as executor:
        assert executor.submit(Job("a", PROGRAM, 1, 3200)).result().seeding is None


DEEPER = PROGRAM.replace("nn.MaxPool2d(4)", "nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(4)")


@pytest.mark.parametrize("text", [PROGRAM, DEEPER], ids=["everything inherited", "one new convolution"])
def test_donors_fill_only_what_inherited_nothing(tmp_path, text):
    dataset = load_dataset("digits", data_root=None, cache=cache_folder())
    config = RunConfig(dataset="digits", images=3200, batch_size=32)
    torch.manual_seed(5)
    wide = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 5)]
    write_pack([donor("other", wide)], tmp_path / "pack")
    with LocalExecutor(dataset, config, workers=1, donors=tmp_path / "pack") as executor:
        executor.submit(Job("a", PROGRAM, 1, 3200, weights_path=str(tmp_path / "a.pt"))).result()
        seeding = executor.submit(Job("b", text, 1, 3200, inherit_from=str(tmp_path / "a.pt"))).result().seeding
    assert {row.layer for row in seeding.inherited} >= {"layers.0", "layers.2"}
    assert [row.layer for row in seeding.donated] == ([] if text == PROGRAM else ["layers.4"])
