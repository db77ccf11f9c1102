"""Adaptive pools of every size go to ONNX, and give there what torch gives."""

import io

import onnxruntime
import pytest
import torch
from torch import nn

from gi.export.onnx_pools import register_adaptive_pools, windows

OPSET = 17


def exported(net, x, **options):
    register_adaptive_pools(OPSET)
    file = io.BytesIO()
    axes = {"x": {0: "n"}, "y": {0: "n"}}
    torch.onnx.export(
        net.eval(), (x,), file, dynamo=False, opset_version=OPSET, input_names=["x"], output_names=["y"],
        dynamic_axes=axes, **options,
    )  # fmt: skip
    return onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", ["Avg", "Max"])
@pytest.mark.parametrize(
    ("sides", "outputs"),
    [
        ((7, 7), 2),
        ((7, 7), 1),
        ((8, 8), 4),
        ((7, 9), (3, 2)),
        ((3, 3), 5),
        ((5, 6), (None, 4)),
        ((9,), 2),
        ((4, 5, 7), 3),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_a_pool_gives_what_torch_gives(kind, sides, outputs):
    net = nn.Sequential(getattr(nn, f"Adaptive{kind}Pool{len(sides)}d")(outputs))
    session = exported(net, torch.randn(2, 3, *sides))
    for n in (1, 4):
        x = torch.randn(n, 3, *sides)
        given = torch.from_numpy(session.run(["y"], {"x": x.numpy()})[0])
        assert torch.allclose(given, net(x), atol=1e-6)


def test_windows_cover_a_side_and_overlap_where_it_does_not_divide():
    assert windows(7, 2) == [(0, 4), (3, 7)]
    assert windows(8, 4) == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert windows(3, 5) == [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
