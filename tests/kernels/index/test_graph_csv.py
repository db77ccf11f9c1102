import csv

import numpy as np
import pytest

from gi.core.errors import WeightsError
from gi.kernels.index import graph_csv
from gi.kernels.index.graph_csv import export_csv
from tests.kernels.onnx_files import conv, index_of, model, trained


@pytest.fixture
def index(tmp_path):
    nodes = [conv("a", "x", trained(6, 3, 3, 3)), conv("b", "a", trained(4, 6, 3, 3, seed=1)),
             conv("c", "b", trained(3, 4, 1, 1, seed=2))]  # fmt: skip
    return index_of(tmp_path, model(nodes, {}), model([conv("z", "x", trained(2, 3, 3, 3, seed=3))], {}))


def read(folder, name):
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_writes_every_kernel_and_every_edge(index, tmp_path):
    made = export_csv(index, tmp_path / "csv")
    edges = [(int(a), int(b)) for a, b in read(tmp_path / "csv", "children")]
    expected = [
        (kernel, child) for kernel in range(index.num_kernels) for child in index.kinship.children(kernel).tolist()
    ]
    assert sorted(edges) == sorted(expected)
    assert (made.networks, made.layers, made.kernels, made.edges) == (2, 4, index.num_kernels, len(expected))


def test_samples_by_network_layer_and_kernel(index, tmp_path):
    made = export_csv(index, tmp_path / "csv", networks=["m0"], layers=2, kernels=10)
    assert (made.networks, made.layers) == (1, 2)
    kernels = {int(row[0]) for row in read(tmp_path / "csv", "kernels")}
    assert 10 <= len(kernels) <= 20
    assert all(int(a) in kernels and int(b) in kernels for a, b in read(tmp_path / "csv", "children"))


def test_refuses_too_many_edges_and_none(index, tmp_path, monkeypatch):
    with pytest.raises(WeightsError, match="no network has nobody"):
        export_csv(index, tmp_path / "csv", networks=["nobody"])
    monkeypatch.setattr(graph_csv, "LARGEST_EDGES", 10)
    with pytest.raises(WeightsError, match="edges are more than 10"):
        export_csv(index, tmp_path / "csv")


def test_ladybug_loads_it_and_answers_in_cypher(index, tmp_path):
    ladybug = pytest.importorskip("ladybug", reason="the graph database Ladybug is not installed")
    export_csv(index, tmp_path / "csv")
    connection = ladybug.Connection(ladybug.Database(str(tmp_path / "db")))
    for statement in (tmp_path / "csv" / "load.cypher").read_text().split(";"):
        if statement.strip():
            connection.execute(statement)
    for kernel in (index.layer(1).base + 7, index.layer(2).base + 2):
        found = connection.execute(f"MATCH (k:Kernel {{id: {kernel}}})-[:CHILD]->(c:Kernel) RETURN c.id").get_all()
        assert sorted(row[0] for row in found) == index.kinship.children(kernel).tolist()
    asked = "MATCH (k:Kernel {id: 0})-[:OF]->(:Layer)-[:PART]->(n:Network) RETURN n.name, n.licence, n.origin"
    network = index.network(0)
    assert connection.execute(asked).get_all() == [[network.name, network.licence, network.origin or None]]
    values = connection.execute("MATCH (k:Kernel {id: 0}) RETURN k.vals").get_all()[0][0]
    assert np.allclose([float(part) for part in values.split(";")], index.kernel(0).reshape(-1), rtol=1e-5)


def test_an_export_that_breaks_off_leaves_every_file_whole_or_as_it_was(index, tmp_path, monkeypatch):
    export_csv(index, tmp_path / "csv")
    before = {path.name: path.read_bytes() for path in (tmp_path / "csv").iterdir()}

    def broken(*_):
        yield [0, 0, 0, 0, "0"]
        raise RuntimeError("interrupted")

    monkeypatch.setattr(graph_csv, "_kernel_rows", broken)
    with pytest.raises(RuntimeError, match="interrupted"):
        export_csv(index, tmp_path / "csv", layers=1)
    assert {path.name: path.read_bytes() for path in (tmp_path / "csv").iterdir()} == before
