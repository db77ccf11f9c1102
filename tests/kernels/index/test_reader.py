import numpy as np
import pytest

from gi.core.errors import WeightsError
from gi.kernels.index.reader import Index
from tests.kernels.onnx_files import conv, index_of, model, node, trained


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Two networks: a chain with a skip and groups, and one that shares a layer with it."""
    first = model(
        [conv("a", "x", trained(4, 3, 3, 3)), node("Relu", ["a"], "r"), conv("b", "r", trained(4, 4, 3, 3, seed=1)),
         node("Add", ["r", "b"], "s"), conv("c", "s", trained(6, 2, 1, 1, seed=2), group=2)], {},
    )  # fmt: skip
    second = model([conv("p", "x", trained(5, 3, 1, 1)), conv("q", "x", trained(4, 3, 3, 3))], {})
    return index_of(tmp_path_factory.mktemp("index"), first, second)


def brute_force_children(index, kernel):
    """Children by definition, from the tables alone."""
    layer = index.layer(index.kinship.layer_of(kernel))
    width = layer.in_channels // layer.groups
    out, inside = divmod(kernel - layer.base, width)
    channel = out // (layer.out_channels // layer.groups) * width + inside
    found = []
    for row in index.segments.to_pylist():
        for k in range(row["length"]):
            if row["layer"] == layer.id and row["start"] + k * row["step"] == channel:
                source = index.layer(row["source"])
                made = row["source_start"] + k * row["stride"]
                step = source.in_channels // source.groups
                found += range(source.base + made * step, source.base + (made + 1) * step)
    return sorted(set(found))


def test_children_and_parents_follow_the_definition(index):
    children = {kernel: brute_force_children(index, kernel) for kernel in range(index.num_kernels)}
    for kernel, expected in children.items():
        assert sorted(index.kinship.children(kernel).tolist()) == expected
        assert sorted(index.kinship.parents(kernel).tolist()) == [p for p, below in children.items() if kernel in below]


def test_ids_run_over_layers_in_order(index):
    for layer in range(index.layers.num_rows):
        record = index.layer(layer)
        assert (
            index.kinship.layer_of(record.base) == index.kinship.layer_of(record.base + record.num_kernels - 1) == layer
        )


def test_kernels_are_found_by_id_and_by_row(index):
    for kernel in range(index.num_kernels):
        record = index.layer(index.kinship.layer_of(kernel))
        out, inside = divmod(kernel - record.base, record.in_channels // record.groups)
        expected = index.weight(record.id)[out, inside]
        (row,) = index.rows.of(np.array([kernel]))
        assert np.array_equal(index.kernel(kernel), expected)
        assert np.array_equal(index.kernels(record.shape)[row], expected)


def test_rows_lead_back_to_the_first_layer_that_holds_them(index):
    for shape, count in index.shapes.items():
        rows = np.arange(count)
        assert np.array_equal(index.rows.of(index.rows.ids(shape, rows)), rows)


def test_equal_layers_are_stored_once(index):
    copies = index.layers.filter(index.layers["copy"]).to_pylist()
    assert [row["name"] for row in copies] == ["q"]
    assert index.shapes[3, 3] == 12 + 16
    assert np.array_equal(index.weight(copies[0]["id"]), index.weight(0))


def test_arrays_are_read_only_views(index):
    with pytest.raises(ValueError, match="read-only"):
        index.weight(0)[0] = 1


@pytest.mark.parametrize("kernel", [-1, 1 << 40])
def test_refuses_ids_that_there_are_not(index, kernel):
    with pytest.raises(WeightsError, match="ids run from 0"):
        index.kinship.children(kernel)


def test_a_shape_that_is_not_there_is_empty(index):
    assert index.kernels((9, 9)).shape == (0, 9, 9)


def test_duckdb_reads_the_tables_in_place(index):
    duckdb = pytest.importorskip("duckdb")
    query = f"SELECT name, out_channels FROM '{index.folder}/layers/*.parquet' ORDER BY id"
    assert duckdb.sql(query).fetchall()[:2] == [("a", 4), ("b", 4)]


def test_refuses_what_is_no_index(tmp_path):
    with pytest.raises(WeightsError, match="holds no index"):
        Index.open(tmp_path)


def test_refuses_an_index_of_another_version(tmp_path):
    (tmp_path / "index.json").write_text('{"version": 99}')
    with pytest.raises(WeightsError, match="version 99"):
        Index.open(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1}', '{"version": 1, "parts": [], "more": 2}', "\0"])
def test_refuses_a_damaged_state(tmp_path, text):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(WeightsError, match=r"cannot be read|is damaged"):
        Index.open(tmp_path)


def test_refuses_damaged_arrays_and_tables(tmp_path):
    index_of(tmp_path, model([conv("a", "x", trained(4, 3, 3, 3))], {}))
    folder = tmp_path / "index"
    (folder / "kernels" / "3x3.f32").write_bytes(b"short")
    (next((folder / "segments").iterdir())).write_bytes(b"no parquet")
    opened = Index.open(folder)
    for ask in (lambda: opened.weight(0), lambda: opened.segments):
        with pytest.raises(WeightsError, match="missing or damaged"):
            ask()
