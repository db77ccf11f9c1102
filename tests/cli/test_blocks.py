"""`gi corpus --blocks`, with a corpus that a harvest really made."""

import json

import pytest

from gi.cli import run

NETS = """import torch.nn as nn


class Twin(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, stride, 1)

    def forward(self, x):
        return self.conv(x)


class Pair(nn.Module):
    def forward(self, x, y):
        return x + y
"""


@pytest.mark.slow
def test_blocks_are_listed_with_their_parameters_and_the_others_with_reasons(tmp_path, capsys):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "nets.py").write_text(NETS)
    (tmp_path / "nets" / "LICENSE").write_text("SPDX-License-Identifier: MIT\n")
    corpus = str(tmp_path / "c.sqlite")
    assert run(["harvest", str(tmp_path / "nets"), "--corpus", corpus, "--json"]) == 0
    (harvest,) = json.loads(capsys.readouterr().out)["harvests"]
    assert (harvest["classes"], harvest["blocks"]) == (2, 1)
    listing = ["corpus", "--blocks", "--corpus", corpus, "--allow-licence", "unknown"]
    assert run([*listing, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["tried"], found["usable"], found["reasons"]) == (
        2,
        1,
        [{"reason": "takes several inputs", "classes": 1}],
    )
    (block,) = found["blocks"]
    assert [block[key] for key in ("name", "path", "line", "takes") if key in block] == ["Twin", "nets.py", 4]
    assert [block[key] for key in ("channels_in", "channels_out", "stride", "input")] == [
        "cin",
        "cout",
        "stride",
        "image",
    ]
    assert run(listing) == 0
    printed = capsys.readouterr().out
    assert "Twin" in printed
    assert "1 of 2 module classes are blocks" in printed
    assert "takes several inputs" in printed


def test_a_corpus_without_classes_says_so(tmp_path, capsys):
    from gi.corpus import Corpus

    Corpus.create(tmp_path / "c.sqlite").close()
    assert run(["corpus", "--blocks", "--corpus", str(tmp_path / "c.sqlite")]) == 0
    assert "0 of 0 module classes are blocks" in capsys.readouterr().out


def test_a_harvest_says_how_many_blocks_it_brought(capsys):
    from gi.report.printing import print_harvests

    brought = {"source": "nets", "commit": "", "programs": 3, "lines": 9, "ingredients": 5, "blocks": 4, "refused": []}
    print_harvests([brought, {"source": "gone", "error": "is gone"}], "c.sqlite")
    printed = capsys.readouterr().out
    assert "blocks" in printed
    assert [row.split() for row in printed.splitlines() if row.startswith("nets")] == [
        ["nets", "-", "3", "9", "5", "4", "0"]
    ]
