"""Blocks in the corpus: every module class is tried once, kept with its reason, and drawn under allowed licences."""

import random

import pytest

from gi.core.types import LineType
from gi.corpus import Corpus, blocks, store

NET = """from torch import nn


class A(nn.Module):
    def forward(self, x):
        return x


class B(A):
    pass
"""
FOUND = {
    "arguments": [["dim", "channels_in"], ["out", "channels_out // 4"], ["act", "nn.ReLU"]],
    "channels_in": "dim",
    "channels_out": "out",
    "stride": None,
    "factor": 4.0,
    "input": "image",
    "keeps_channels": False,
    "channels_step": 4,
    "size_step": 1,
    "least_size": 1,
    "size_factor": 1.0,
    "params": 12,
    "needs_nn": True,
}


class Trial:
    """Class A is a block, every other class is too large."""

    asked: list[str]

    def __init__(self):
        Trial.asked = []

    def __call__(self, source, name, calls=()):
        Trial.asked.append(name)
        compile(source, name, "exec")
        return FOUND if name == "A" else {"reason": "is too large", "detail": "9 parameters"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture(autouse=True)
def trial(monkeypatch):
    monkeypatch.setattr(blocks, "TrialWorker", Trial)


def test_a_block_comes_back_as_it_was_found(corpus: Corpus, harvested):
    added = corpus.add(harvested({"net.py": NET}), workers=1)
    assert (added.classes, added.blocks) == (2, 1)
    (block,) = corpus.blocks()
    assert (block.name, block.channels_out, block.factor, block.channels_step) == ("A", "out", 4.0, 4)
    assert block.arguments[1] == ("out", "channels_out // 4")
    assert (block.origin.path, block.origin.line, block.origin.licence) == ("net.py", 4, "MIT")
    assert block.source.startswith("from torch import nn\n")
    found = corpus.sample(random.Random(0), LineType.BLOCK)
    assert found is not None
    assert (found.type, found.symbol, found.block, found.source) == (LineType.BLOCK, "A", block, block.source)
    assert found.call == "A(dim=64, out=16, act=nn.ReLU)"


def test_the_others_are_kept_with_their_reasons(corpus: Corpus, harvested):
    corpus.add(harvested({"net.py": NET}), workers=1)
    assert [(c.name, c.reason, c.block is None) for c in corpus.classes()] == [
        ("A", "", False),
        ("B", "is too large", True),
    ]
    found = corpus.block_summary()
    assert (found["tried"], found["usable"], found["distinct"]) == (2, 1, 1)
    assert found["reasons"] == [{"reason": "is too large", "classes": 1}]
    assert found["blocks"][0]["repository"] == "https://example.org/nets"
    assert "source" not in found["blocks"][0]


def test_classes_are_tried_once(corpus: Corpus, harvested):
    corpus.add(harvested({"net.py": NET}), workers=2)
    assert sorted(Trial.asked) == ["A", "B"]
    Trial.asked.clear()
    corpus.add(harvested({"net.py": NET}))
    corpus.add(harvested({"other.py": NET}, repository="https://example.org/other"), blocks=())
    assert not Trial.asked


def test_a_licence_that_is_not_allowed_hides_its_blocks(corpus: Corpus, harvested):
    corpus.add(harvested({"net.py": NET}, licence="GPL-3.0"), workers=1)
    assert not list(corpus.blocks())
    assert corpus.sample(random.Random(0), LineType.BLOCK) is None
    assert {"reason": "its licence is not allowed", "classes": 1} in corpus.block_summary()["reasons"]
    allowed = corpus.with_licences(["GPL-3.0"])
    assert len(list(allowed.blocks())) == 1
    assert allowed.block_summary()["usable"] == 1


def test_equal_blocks_of_two_repositories_count_once(corpus: Corpus, harvested):
    for repository in ("b", "a"):
        corpus.add(harvested({"net.py": NET}, repository=repository), workers=1)
    assert [block.origin.repository for block in corpus.blocks()] == ["a"]
    assert corpus.block_summary()["usable"] == 2


def test_a_harvest_that_takes_anothers_place_takes_its_blocks_along(corpus: Corpus, harvested):
    corpus.add(harvested({"net.py": NET}), workers=1)
    corpus.add(harvested({"net.py": NET.replace("class A", "class C").replace("(A)", "(C)")}), workers=1)
    assert [c.name for c in corpus.classes()] == ["B", "C"]


def test_blocks_that_would_bury_a_program_are_not_drawn(corpus: Corpus, harvested, monkeypatch):
    monkeypatch.setattr(store, "MAX_DRAWN_CHARACTERS", 20)
    corpus.add(harvested({"net.py": NET}), workers=1)
    assert len(list(corpus.blocks())) == 1
    assert corpus.sample(random.Random(0), LineType.BLOCK) is None


def test_the_future_import_stays_the_first_line(corpus: Corpus, harvested):
    corpus.add(harvested({"net.py": f"from __future__ import annotations\n{NET}"}), workers=1)
    (block,) = corpus.blocks()
    assert block.source.startswith("from __future__ import annotations\nfrom torch import nn\n")
