"""What a training sends back: read, compared, counted and written anew."""

import pytest
import safetensors.torch
import torch
from torch import nn

from gi.train.measure import num_params
from gi.train.state import DTYPES, StateError, misfit, num_learned, read_state, written_state


def packed(**tensors):
    return safetensors.torch.save({name.replace("__", "."): tensor for name, tensor in tensors.items()})


def state(**tensors):
    return read_state(packed(**tensors))


def test_what_is_written_holds_the_tensors_and_nothing_else():
    tensors = {"b": torch.rand(3, 2), "a": torch.arange(4), "c": torch.tensor(True), "d": torch.rand(2).bfloat16()}
    with_metadata = safetensors.torch.save(tensors, {"hidden": "weights"})
    written = written_state(read_state(with_metadata))
    assert b"hidden" in with_metadata
    assert b"hidden" not in written
    assert written == written_state(read_state(written)) == written_state(state(**dict(reversed(tensors.items()))))
    assert all(torch.equal(value, tensors[name]) for name, value in safetensors.torch.load(written).items())


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x02" + bytes(7) + b"{}x", packed(a=torch.ones(9))[:-1]])
def test_bytes_that_are_no_tensors_are_refused(content):
    with pytest.raises(StateError, match="no safetensors"):
        read_state(content)


def test_a_dtype_that_no_layer_has_is_refused():
    with pytest.raises(StateError, match="'a' is a tensor of U16 in 1 dimensions"):
        state(a=torch.zeros(3, dtype=torch.uint16))


def test_every_dtype_is_called_as_torch_calls_it():
    for name, torchs in DTYPES.items():
        dtype = getattr(torch, torchs.removeprefix("torch."))
        assert state(a=torch.zeros(2, dtype=dtype))["a"].dtype == name


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ([["a", "torch.float32", [2, 3]], ["more", "torch.int64", []]], ""),
        ([["b", "torch.float32", [2, 3]]], "the network, built again, has no 'a'"),
        ([["a", "torch.float32", [3, 2]]], "'a' is torch.float32 [2, 3] after the training, and torch.float32 [3, 2]"),
        ([["a", "torch.float64", [2, 3]]], "and torch.float64 [2, 3] when built again"),
        ([["a"], "a", None], "has no 'a'"),
    ],
)
def test_says_what_does_not_fit_the_network_that_is_built_again(expected, says):
    found = misfit(state(a=torch.zeros(2, 3)), expected)
    assert says in found
    assert bool(found) == bool(says)


NETS = {
    "dense": lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)),
    "normalised": lambda: nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.LazyLinear(2)),
    "normalised without weights": lambda: nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8, affine=False)),
    "attention": lambda: nn.TransformerEncoderLayer(8, 2, 16),
    "recurrent": lambda: nn.LSTM(4, 5),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
}


@pytest.mark.parametrize("make", NETS.values(), ids=NETS.keys())
def test_counts_at_most_what_the_network_itself_would(make):
    net = make()
    if any(isinstance(m, nn.LazyLinear) for m in net.modules()):
        net(torch.rand(2, 1, 8, 8))
    counted = num_learned(read_state(safetensors.torch.save({n: v.clone() for n, v in net.state_dict().items()})))
    assert 0.8 * num_params(net) <= counted <= num_params(net)


def test_equal_tensors_count_once():
    weight = torch.rand(10, 10)
    assert num_learned(state(a=weight, b=weight.clone(), c=torch.rand(10, 10))) == 200


MEAN, VARIANCE = torch.rand(50), torch.rand(50) + 1
OTHERS, COUNT = torch.rand(100), torch.tensor(3)


@pytest.mark.parametrize(
    ("tensors", "count"),
    [
        ({"n__running_mean": MEAN, "n__running_var": VARIANCE, "w": OTHERS}, 100),
        ({"n__running_mean": MEAN, "n__running_var": VARIANCE, "n__num_batches_tracked": COUNT, "w": OTHERS}, 100),
        ({"n__running_mean": MEAN, "w": OTHERS}, 150),
        ({"n__running_mean": MEAN, "n__running_var": -VARIANCE, "w": OTHERS}, 200),
        ({"n__running_mean": MEAN, "n__running_var": VARIANCE[1:], "w": OTHERS}, 199),
        ({"n__running_mean": MEAN.view(5, 10), "n__running_var": VARIANCE.view(5, 10), "w": OTHERS}, 200),
        ({"n__running_mean": MEAN, "n__running_var": VARIANCE, "w": OTHERS[:10]}, 100),
        ({"n__running_w": MEAN, "w": OTHERS}, 150),
        ({"n__num_batches_tracked": torch.arange(30), "w": OTHERS}, 160),
        ({"w": torch.rand(30, dtype=torch.float64)}, 60),
        ({"w": torch.tensor(7)}, 1),
    ],
)  # fmt: skip
def test_running_statistics_are_no_weights_as_far_as_they_can_be_such(tensors, count):
    assert num_learned(state(**tensors)) == count
