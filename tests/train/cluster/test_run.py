"""`gi evolve --executor ray` from its command line to its archive, beside the run of one machine."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gi.archive import Archive, canonical_text
from tests.ray_nodes import ROOT

pytest.importorskip("ray", reason="needs Ray: pip install 'gi[ray]'")
pytestmark = pytest.mark.slow

SETTINGS = (
    "--dataset digits --clock model --generations 1 --population 3 --images 256 --finals 1 --final-seeds 1 --inherit "
    "--workers 3 --no-cache --json"
)
GI = [sys.executable, "-c", "import sys; from gi.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def evolve(nodes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def started(verb, *options):
        own = {"GI_CACHE": str(folder / "cache"), "GI_OFFLINE": "1"}
        return subprocess.Popen(
            [*GI, verb, *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **nodes.environment, **own},
        )

    stock = folder / "corpus.sqlite"
    harvested = started("harvest", ROOT / "corpus" / "seeds", "--corpus", stock)
    harvested.communicate()
    assert harvested.returncode == 0
    return lambda name, *options: started(
        "evolve", *SETTINGS.split(), "--corpus", stock, "--out", folder / name, *options
    )


def archived(process):
    """The archive as text; the answer on stdout has to be one JSON document, whatever Ray has to say."""
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, (out, err)
    with Archive.open(Path(json.loads(out)["run"])) as archive:
        return canonical_text(archive)


@pytest.fixture(scope="module")
def here(evolve):
    return archived(evolve("here"))


@pytest.mark.parametrize("way", ["address", "client_address"])
def test_the_archive_is_that_of_one_machine_though_a_node_dies(way, evolve, here, nodes):
    node = nodes.add()
    process = evolve(f"by-{way}", "--executor", "ray", "--address", getattr(nodes, way))
    told = []
    while "plan:" not in "".join(told):
        told.append(process.stderr.readline())
        assert told[-1], "".join(told)  # it ended before
    time.sleep(2)  # by now trainings are under way
    nodes.kill(node)
    assert archived(process) == here


def test_another_token_is_one_line_and_nothing_on_stdout(evolve, nodes, monkeypatch):
    monkeypatch.setitem(nodes.environment, "RAY_AUTH_TOKEN", "another")
    process = evolve("refused", "--executor", "ray", "--address", nodes.address)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("gi: the Ray cluster")
