import pytest
import torch
from torch import nn

from gi.core.types import Failed, Scored
from gi.train.start.inherit import aligned, inherit, layers
from tests.programs import PROGRAM


def conv(fan_in, out, kernel=3, **options):
    return nn.Conv2d(fan_in, out, kernel, **options)


def pairs(child, parent):
    """The names that pair, child's and parent's."""
    return [(a.name, b.name) for a, b in aligned(layers(child.state_dict()), layers(parent.state_dict()))]


def inherited(child, parent, tmp_path):
    """What a child takes over from a parent; every one of the child's numbers was 7 before."""
    torch.save(parent.state_dict(), tmp_path / "parent.pt")
    with torch.no_grad():
        for tensor in child.state_dict().values():
            tensor.fill_(7)
    return inherit(child, tmp_path / "parent.pt")


def named(**modules):
    return nn.ModuleDict(modules)


STEM, BODY, HEAD = (1, 8), (8, 16), (64, 10)


def numbered(*parts):
    """A Sequential of convolutions (in, out), dense layers (in, out) at the end, and activations ("act")."""
    made = [nn.ReLU() if p == "act" else nn.Linear(*p) if p[0] > 32 else conv(*p) for p in parts]
    return nn.Sequential(*made)


PARENT = numbered(STEM, "act", BODY, "act", HEAD)
ALIGNMENTS = {
    "the same": (PARENT, PARENT, [("0", "0"), ("2", "2"), ("4", "4")]),
    "an activation inserted: renumbered": (
        numbered(STEM, "act", "act", BODY, "act", HEAD), PARENT, [("0", "0"), ("3", "2"), ("5", "4")],
    ),
    "a layer inserted": (
        numbered(STEM, "act", (8, 8), BODY, "act", HEAD), PARENT, [("0", "0"), ("3", "2"), ("5", "4")],
    ),
    "a layer deleted": (numbered(STEM, "act", HEAD), PARENT, [("0", "0"), ("2", "4")]),
    "widened": (numbered((1, 12), "act", (12, 16), "act", HEAD), PARENT, [("0", "0"), ("2", "2"), ("4", "4")]),
    "narrowed": (numbered((1, 4), "act", (4, 16), "act", HEAD), PARENT, [("0", "0"), ("2", "2"), ("4", "4")]),
    "renamed": (
        named(first=conv(*STEM), second=conv(*BODY), last=nn.Linear(*HEAD)), PARENT,
        [("first", "0"), ("second", "2"), ("last", "4")],
    ),
    "names decide between equal layers": (
        named(a=conv(8, 8), new=conv(8, 8), b=conv(8, 8)), named(a=conv(8, 8), b=conv(8, 8)), [("a", "a"), ("b", "b")],
    ),
    "another kernel size": (named(a=conv(1, 8, 5)), named(a=conv(1, 8)), []),
    "nothing in common": (named(a=nn.Linear(64, 10)), named(a=nn.BatchNorm2d(8)), []),
    "a slope is no normalisation's scale": (named(a=nn.PReLU(8)), named(a=nn.LayerNorm(8)), []),
    "a convolution without its bias": (named(a=conv(1, 8, bias=False)), named(a=conv(1, 8)), [("a", "a")]),
    "no layers": (nn.Sequential(nn.ReLU()), PARENT, []),
}  # fmt: skip


@pytest.mark.parametrize(("child", "parent", "expected"), ALIGNMENTS.values(), ids=ALIGNMENTS)
def test_layers_pair_in_their_order(child, parent, expected):
    assert pairs(child, parent) == expected


def test_a_layer_of_the_same_shape_is_copied_whole(tmp_path):
    parent, child = nn.Sequential(conv(1, 8), nn.BatchNorm2d(8)), nn.Sequential(conv(1, 8), nn.BatchNorm2d(8))
    parent(torch.randn(4, 1, 8, 8))
    rows = inherited(child, parent, tmp_path)
    assert all(torch.equal(child.state_dict()[name], value) for name, value in parent.state_dict().items())
    assert child.state_dict()["1.num_batches_tracked"] == 1
    assert [(r.layer, r.network, r.donor_layer, r.channels, r.how) for r in rows] == [
        ("0", "parent", "0", 8, "inherited"),
        ("1", "parent", "1", 8, "inherited"),
    ]


@pytest.mark.parametrize(("width", "channels"), [(12, 8), (5, 5)])
def test_another_width_keeps_the_part_that_both_have(tmp_path, width, channels):
    parent = nn.Sequential(conv(1, 8), nn.BatchNorm2d(8), conv(8, 16))
    child = nn.Sequential(conv(1, width), nn.BatchNorm2d(width), conv(width, 16))
    parent(torch.randn(4, 1, 8, 8))
    rows = inherited(child, parent, tmp_path)
    state, theirs = child.state_dict(), parent.state_dict()
    for name in ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"):
        assert torch.equal(state[name][:channels], theirs[name][:channels])
        assert bool((state[name][channels:] == 7).all())
    assert torch.equal(state["2.weight"][:, :channels], theirs["2.weight"][:, :channels])
    assert bool((state["2.weight"][:, channels:] == 7).all())
    assert [row.channels for row in rows] == [channels, channels, 16]


def test_constants_of_the_program_stay(tmp_path):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 3))
            self.register_buffer("scale", torch.ones(()))
            self.register_buffer("order", torch.arange(3))

    child = Scaled()
    assert inherited(child, Scaled(), tmp_path)
    assert (child.weight.mean(), child.scale, child.order[0]) == (1, 7, 7)


@pytest.mark.parametrize("content", [None, b"", b"no archive", torch.zeros(3), {"0.weight": "no tensor"}])
def test_a_file_that_tells_nothing_leaves_the_network_as_it_is(tmp_path, content):
    if isinstance(content, bytes):
        (tmp_path / "a.pt").write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / "a.pt")
    net = conv(1, 8)
    before = net.weight.clone()
    assert inherit(net, tmp_path / "a.pt") == ()
    assert torch.equal(net.weight, before)


def test_no_random_number_is_drawn(tmp_path):
    torch.save(PARENT.state_dict(), tmp_path / "a.pt")
    child, state = numbered(STEM, "act", HEAD), torch.get_rng_state()
    assert inherit(child, tmp_path / "a.pt")
    assert torch.equal(torch.get_rng_state(), state)


# ---------------------------------------------------------------------------------------------------------- whole jobs


FROZEN = PROGRAM.replace("lr=0.05", "lr=0.0")
WIDER = FROZEN.replace(
    "self.dense = nn.Linear(64, 10)", "self.new = nn.Linear(64, 64)\n        self.out = nn.Linear(64, 10)"
)
WIDER = WIDER.replace("self.dense(x.flatten(1))", "self.out(self.new(x.flatten(1)))")


def test_a_child_starts_from_its_parents_weights(evaluate, tmp_path):
    parent, child = tmp_path / "parent.pt", tmp_path / "child.pt"
    evaluate(PROGRAM, weights_path=str(parent))
    outcome = evaluate(WIDER, weights_path=str(child), inherit_from=str(parent), seed=2)
    assert isinstance(outcome, Scored)
    (row,) = outcome.seeding.inherited
    assert (row.layer, row.network, row.donor_layer, row.channels) == ("out", "parent", "dense", 10)
    assert not outcome.seeding.won
    assert outcome.seeding.cpu_s >= 0
    theirs, ours = (torch.load(path, weights_only=True) for path in (parent, child))
    assert torch.equal(ours["out.weight"], theirs["dense.weight"])


def test_what_a_program_inherits_moves_no_random_stream(evaluate, tmp_path):
    paths = [tmp_path / f"{n}.pt" for n in range(3)]
    evaluate(PROGRAM, weights_path=str(paths[0]))
    evaluate(WIDER, weights_path=str(paths[1]))
    evaluate(WIDER, weights_path=str(paths[2]), inherit_from=str(paths[0]))
    plain, inheriting = (torch.load(path, weights_only=True) for path in paths[1:])
    assert torch.equal(plain["new.weight"], inheriting["new.weight"])
    assert not torch.equal(plain["out.weight"], inheriting["out.weight"])


def test_a_parents_file_that_is_gone_is_no_failure(evaluate, tmp_path):
    plain, child = tmp_path / "plain.pt", tmp_path / "child.pt"
    evaluate(PROGRAM, weights_path=str(plain))
    outcome = evaluate(PROGRAM, weights_path=str(child), inherit_from=str(tmp_path / "gone.pt"))
    assert isinstance(outcome, Scored)
    assert outcome.seeding is None
    ours, theirs = (torch.load(path, weights_only=True) for path in (child, plain))
    assert torch.equal(ours["dense.weight"], theirs["dense.weight"])


def test_a_file_of_the_candidates_making_is_not_run(evaluate, tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    torch.save({"dense.weight": Evil()}, tmp_path / "evil.pt")
    assert not isinstance(evaluate(PROGRAM, inherit_from=str(tmp_path / "evil.pt")), Failed)
    assert not (tmp_path / "ran").exists()
