"""Runs that the interface reads: written without a training, but for the weights, which are real."""

import pytest
import torch

from gi.corpus import Corpus
from tests.checking import program  # noqa: F401 (imports torchvision's peculiarities first)
from tests.small_run import DEEP, DEEP_ID, SMALL, SMALL_ID, write_run

QUICK = {
    "generations": 1, "population": 2, "images": 640, "final_images": 640, "final_seeds": 1, "finals": 1,
    "clock": "model", "cache": False, "workers": 1,
}  # fmt: skip


def built(text):
    names = {}
    exec(text, names)
    torch.manual_seed(0)
    return names["Net"]()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def run_folder(tmp_path):
    """A finished run on digits whose two members have weights."""
    folder = write_run(tmp_path / "run")
    (folder / "weights").mkdir()
    for id_, text in ((DEEP_ID, DEEP), (SMALL_ID, SMALL)):
        torch.save(built(text).state_dict(), folder / "weights" / f"{id_}.pt")
    return folder


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """Options of a run of seconds: one small program to start from, and nothing to borrow."""
    folder = tmp_path_factory.mktemp("quick")
    Corpus.create(folder / "corpus.sqlite").__exit__(None, None, None)
    (folder / "net.py").write_text(SMALL)
    return {**QUICK, "corpus": folder / "corpus.sqlite", "model": folder / "net.py"}
