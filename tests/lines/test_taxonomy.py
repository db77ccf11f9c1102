"""Symbols to line types."""

import subprocess
import sys

import pytest

from gi.core.types import LineType
from gi.lines.taxonomy import RULES, canonical, line_type
from gi.lines.typed import typed_lines

HEAD = """
import torch, torchvision
from torch import nn, optim
import torch.nn.functional as F
from torchvision import transforms
from torchvision.transforms import v2
import torchvision.transforms.functional as TF
"""


@pytest.mark.parametrize(("rule", "line"), [(rule, line) for rule in RULES for line in rule.matches])
def test_a_rule_matches_its_samples(rule, line):
    assert [found.type for found in typed_lines(HEAD + line)] == [rule.type]


@pytest.mark.parametrize(("rule", "line"), [(rule, line) for rule in RULES for line in rule.near_misses])
def test_a_rule_leaves_its_near_misses_alone(rule, line):
    assert rule.type not in [found.type for found in typed_lines(HEAD + line)]


def test_there_is_one_rule_for_each_type_but_blocks():
    assert sorted(rule.type for rule in RULES) == sorted(set(LineType) - {LineType.BLOCK})


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("torch.nn.modules.conv.Conv2d", "torch.nn.Conv2d"),
        ("torch.nn.modules.Conv2d", "torch.nn.Conv2d"),
        ("torch.optim.adamw.AdamW", "torch.optim.AdamW"),
        ("torch.optim._muon.Muon", "torch.optim.Muon"),
        ("torch.optim.lr_scheduler.StepLR", "torch.optim.lr_scheduler.StepLR"),
        ("torchvision.ops.misc.FrozenBatchNorm2d", "torchvision.ops.FrozenBatchNorm2d"),
        ("torchvision.transforms.v2._color.RandomGrayscale", "torchvision.transforms.v2.RandomGrayscale"),
        ("torchvision.transforms.transforms.Compose", "torchvision.transforms.Compose"),
        ("torch.functional.norm", "torch.norm"),
        ("torch.nn.functional.relu", "torch.nn.functional.relu"),
        ("mine.nn.modules.conv.Conv2d", "mine.nn.modules.conv.Conv2d"),
    ],
)
def test_a_private_symbol_gets_its_public_name(private, public):
    assert canonical(private) == public


@pytest.mark.parametrize(
    "symbol",
    [
        "torch",
        "torch.nn",
        "torch.nn.Sequential",
        "torch.nn.init.normal_",
        "torch.nn.Conv2d.forward",
        "torch.pad",
        "torch.cat",
        "torch.optim.lr_scheduler",
        "torchvision.transforms.functional.get_image_size",
        "Conv2d",
        "",
    ],
)
def test_these_symbols_have_no_type(symbol):
    assert line_type(symbol) is None


def test_every_layer_of_the_installed_torch_is_filed_or_known_to_have_no_type():
    from torch import nn

    untyped = {"Module", "CosineSimilarity", "PairwiseDistance", "DataParallel", "Sequential", "Container"}
    untyped |= {"ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
    layers = {name for name, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)}
    assert {name for name in layers if line_type(f"torch.nn.{name}") is None} == untyped


def test_every_function_that_is_filed_exists_in_the_installed_torch():
    import torch
    from torch.nn import functional

    missing = {
        name for rule in RULES for name in rule.functions if not hasattr(functional, name) and not hasattr(torch, name)
    }
    assert missing <= {"linear_cross_entropy"}


def test_asking_for_a_type_loads_neither_libcst_nor_torch():
    code = "import sys, gi.lines; gi.lines.line_type('torch.nn.Linear'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"libcst", "torch"} & set(done.stdout.split())
