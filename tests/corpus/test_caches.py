"""Caches of harvested classes go, with what only keeps them; what else is like one stays."""

import ast

import pytest

from gi.corpus.bare import bare
from gi.corpus.caches import computed_each_time, passing_on, unread_caches
from gi.source.gate.passing import STRICT

CACHING = """\
import torch
from torch import nn


class Attention(nn.Module):
    bias_cache: dict[str, torch.Tensor]

    def __init__(self):
        super().__init__()
        self.biases = nn.Parameter(torch.zeros(3, 9))
        self.bias_cache = {}

    @torch.no_grad()
    def train(self, mode=True):
        super().train(mode)
        if self.bias_cache:
            self.bias_cache = {}  # they may change

    def _apply(self, fn, *args, **kwargs):
        self.bias_cache = {}
        return super()._apply(fn, *args, **kwargs)

    def bias(self, device):
        if self.training:
            return self.biases[:, 1]
        else:
            key = str(device)
            if key not in self.bias_cache:
                self.bias_cache[key] = self.biases[:, 1]
            return self.bias_cache[key]

    def forward(self, x):
        return x + self.bias(x.device)
"""
COMPUTED = """\
import torch
from torch import nn


class Attention(nn.Module):

    def __init__(self):
        super().__init__()
        self.biases = nn.Parameter(torch.zeros(3, 9))

    def bias(self, device):
        if self.training:
            return self.biases[:, 1]
        else:
            key = str(device)
            return self.biases[:, 1]

    def forward(self, x):
        return x + self.bias(x.device)
"""


def test_a_cache_goes_with_what_only_keeps_it():
    assert STRICT.refusal(CACHING, "Attention") is not None
    assert bare(CACHING, "Attention") == COMPUTED
    assert STRICT.refusal(COMPUTED, "Attention") is None


FILLED = """\
class A:
    def f(self, k):
        if k not in self.c:
            self.c[k] = g(k)
        return self.c[k]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return self.c[k]", "return self.c[0]"),
        ("return self.c[k]", "return self.d[k]"),
        ("self.c[k] = g(k)", "self.c[0] = g(k)"),
        ("self.c[k] = g(k)", "self.c[k] = g(k)\n            self.n = 1"),
        ("if k not in", "if k in"),
        ("if k not in", "if h() not in"),
        ("self.c", "other.c"),
    ],
)
def test_what_is_no_cache_stays(old, new):
    text = FILLED.replace(old, new)
    assert computed_each_time(FILLED) == "class A:\n    def f(self, k):\n        return g(k)\n"
    assert computed_each_time(text) == text


def test_a_text_that_does_not_parse_stays():
    assert computed_each_time("if k not in self.c: (") == "if k not in self.c: ("


@pytest.mark.parametrize(
    ("method", "number"),
    [
        ("self.c = {}", 1),
        ("self.c = {}\nself.c.clear()\nif self.c:\n    self.c = {}", 4),
        ("self.c = {}\nself.d = {}\nreturn self.d", 1),
        ("self.c = {}\nreturn getattr(self, 'c')", 0),
        ("self.c = {}\nself.c[0] = 1", 0),
        ("self.c = {1: 2}", 0),
        ("self.c = {}\nif self.c:\n    self.c = {}\nelse:\n    pass", 0),
    ],
)
def test_dictionaries_that_nothing_reads(method, number):
    body = "".join(f"        {line}\n" for line in method.splitlines())
    assert len(unread_caches(ast.parse(f"class A:\n    def f(self):\n{body}"))) == number


@pytest.mark.parametrize(
    ("method", "passes"),
    [
        ("def f(self, a, b=1):\n    return super().f(a, b)", True),
        ("def f(self, *a, k, **b):\n    super().f(*a, k=k, **b)", True),
        ("@torch.no_grad()\ndef f(self):\n    '''What it does.'''\n    super().f()", True),
        ("@property\ndef f(self):\n    return super().f()", False),
        ("def f(self, a, b):\n    return super().f(b, a)", False),
        ("def f(self, a):\n    return super().g(a)", False),
        ("def f(self, a):\n    return super().f(1)", False),
        ("def f(self, a):\n    return self.f(a)", False),
    ],
)
def test_methods_that_only_pass_on(method, passes):
    body = "".join(f"    {line}\n" for line in method.splitlines())
    assert bool(passing_on(ast.parse(f"class A:\n{body}"))) == passes


LOGGING = """\
import logging
from torch import nn

_logger = logging.getLogger(__name__)


class Block(nn.Module):
    def forward(self, x):
        if len(x) > 1:
            _logger.info("many")
        return x
"""


def test_a_log_of_the_modules_own_goes():
    text = bare(LOGGING, "Block")
    assert "log" not in text
    assert STRICT.refusal(text, "Block") is None
    kept = bare(LOGGING.replace("_logger.info", "x = _logger.info"), "Block")
    assert "_logger = logging.getLogger(__name__)" in kept
