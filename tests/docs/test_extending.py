"""The patches of docs/extending.md, each applied to a copy of the tree, and the commands below them run in it."""

import os
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest

from tests.docs import stage
from tests.docs.pages import ROOT, blocks

pytestmark = pytest.mark.slow

PAGE = "docs/extending.md"
GI = "from gi.cli import main; main()"


@pytest.fixture
def tree(tmp_path):
    """A copy of what the patches are for."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("gi", "tests", "corpus"):
        shutil.copytree(ROOT / folder, tmp_path / "tree" / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "tree")
    return tmp_path / "tree"


@pytest.fixture
def environment(tree, tmp_path, monkeypatch):
    """Of commands that run the copy, on a cache with a small corpus and ten images of each digit of EMNIST."""
    monkeypatch.setenv("GI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GI_DATA", str(tmp_path / "data"))
    stage.small_corpus()
    raw = tmp_path / "data" / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "test"):
        labels = np.arange(100, dtype=np.uint8) % 10
        images = np.random.default_rng(0).integers(0, 255, (100, 28, 28), np.uint8)
        write_idx(raw / f"emnist-digits-{part}-images-idx3-ubyte", images)
        write_idx(raw / f"emnist-digits-{part}-labels-idx1-ubyte", labels)
    return {**os.environ, "PYTHONPATH": str(tree)}


def write_idx(path, array):
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def test_every_patch_applies_and_what_it_adds_works(tree, environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = [block.language for block in blocks(PAGE)]
    assert shown.count("diff") == 5, "a data set, an objective, a line type, an operator, an initialiser"
    for block in blocks(PAGE):
        if block.language == "python":
            stage.run_python(block)
        elif block.language == "diff":
            done("git", "apply", "-", cwd=tree, given=block.text)
        elif block.language == "console":
            for words in block.commands:
                run_in(tree, environment, words)
    done(sys.executable, "-m", "ruff", "check", "--quiet", "gi", cwd=tree)
    done(sys.executable, "-m", "ruff", "format", "--check", "--quiet", "gi", cwd=tree)


def run_in(tree, environment, words):
    program, *arguments = words
    if program == "gi":
        said = done(sys.executable, "-c", GI, *arguments, env=environment)
        if arguments[0] == "lines":
            assert "attention" in said
        if arguments[0] == "front":
            assert "bytes" in said
    else:
        assert program == "pytest"
        done(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, cwd=tree, env=environment)


def done(*command, cwd=None, env=None, given=None):
    """What a command printed; fails with it where the command did."""
    ran = subprocess.run(command, cwd=cwd, env=env, input=given, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{' '.join(command[:6])}: {ran.stdout[-3000:]}{ran.stderr[-3000:]}"
    return ran.stdout
