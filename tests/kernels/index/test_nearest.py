import numpy as np
import pytest

from gi.cli import run
from gi.core.errors import WeightsError
from gi.kernels.index import nearest
from gi.kernels.index.answers import kernel_answer, nearest_to, values_of
from gi.kernels.index.nearest import Nearest
from tests.kernels.onnx_files import conv, index_of, model, trained


@pytest.fixture
def index(tmp_path):
    nodes = [conv("a", "x", trained(64, 3, 3, 3)), conv("b", "a", trained(32, 64, 3, 3, seed=1)),
             conv("c", "b", trained(8, 32, 1, 1, seed=2))]  # fmt: skip
    return index_of(tmp_path, model(nodes, {}))


def closest(index, kernel, count):
    """The nearest rows by definition."""
    flat = index.kernels((3, 3)).reshape(-1, 9)
    cosines = flat @ kernel.reshape(-1) / np.linalg.norm(flat, axis=1) / np.linalg.norm(kernel)
    return np.argsort(-cosines)[:count]


def test_finds_the_nearest_by_direction(index):
    wanted = index.kernels((3, 3))[[5, 700, 2000]] * 3
    rows, near = Nearest(index, (3, 3)).search(wanted, 10)
    assert [row.tolist() for row in rows] == [closest(index, kernel, 10).tolist() for kernel in wanted]
    assert near[:, 0] == pytest.approx(1, abs=1e-5)


def test_chunks_do_not_show(index, monkeypatch):
    whole = Nearest(index, (3, 3)).search(index.kernels((3, 3))[:4], 7)
    monkeypatch.setattr(nearest, "_COMPARED_AT_ONCE", 400)
    assert np.array_equal(Nearest(index, (3, 3)).search(index.kernels((3, 3))[:4], 7)[0], whole[0])


def test_inverted_lists_find_nearly_all_and_are_kept(index, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(nearest, "_SMALLEST_INVERTED", 100)
    wanted = np.array(index.kernels((3, 3))[:200])
    for _ in range(2):  # made, then read from the disk
        rows, _ = Nearest(index, (3, 3)).search(wanted, 10)
        exact, _ = Nearest(index, (3, 3), exact=True).search(wanted, 10)
        recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows.tolist(), exact.tolist(), strict=True)])
        assert recall > 0.95
        assert len(list((index.folder / "nearest").iterdir())) == 1


def test_numbers_are_compared_by_value(index):
    stored = index.kernels((1, 1)).reshape(-1)
    rows, _ = Nearest(index, (1, 1)).search(np.float32([[[0.5]]]), 3)
    assert rows[0].tolist() == np.argsort(np.abs(stored - 0.5), kind="stable")[:3].tolist()


def test_an_answer_tells_kin_and_next_filters(index):
    kernel = index.layer(1).base
    answer = kernel_answer(index, kernel, limit=2, nearest=3)
    assert answer["children"] == {"count": 3, "ids": [0, 1]}
    assert answer["parents"]["count"] == 8
    assert kernel not in [near["kernel"] for near in answer["nearest"]]
    (filters,) = answer["next_filters"]
    assert (filters["name"], filters["filters"], filters["kernels_of_a_filter"]) == ("c", [0, 7], 32)
    assert filters["maps"][0] == {
        "start": 0, "length": 32, "step": 1, "source": 1, "source_start": 0, "stride": 1, "through": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shape"),
    [("1,2,3", None), ("1,2,x,4", None), ("1,2,3,4", "3x3"), ("1", "x"), ("nan", None), ("1e39,1,1,1", None)],
)
def test_refuses_values_that_are_no_kernel(text, shape):
    with pytest.raises(WeightsError, match="are not the numbers of a kernel"):
        values_of(text, shape)


def test_refuses_a_shape_that_the_index_has_not(index):
    with pytest.raises(WeightsError, match="no kernels of shape 2x2: it has 3x3, 1x1"):
        nearest_to(index, np.zeros((2, 2), np.float32), 3)


def test_numbers_differ_and_kernels_are_similar(index):
    (point, *_), (kernel, *_) = nearest_to(index, np.float32([[0.5]]), 1), nearest_to(index, np.eye(3, dtype="f"), 1)
    value = float(index.kernel(point["kernel"])[0, 0])
    assert point["difference"] == pytest.approx(abs(value - 0.5), rel=1e-3)
    assert "similarity" not in point
    assert 0 < kernel["similarity"] <= 1


def test_zeros_are_near_nothing(index):
    with pytest.raises(WeightsError, match="all zero"):
        nearest_to(index, np.zeros((3, 3), np.float32), 3)


def test_lists_that_are_still_to_be_made_are_announced(index, monkeypatch, capsys):
    pytest.importorskip("faiss")
    monkeypatch.setattr(nearest, "_SMALLEST_INVERTED", 100)
    for announced in (True, False):
        assert run(["index", "query", "0", "--index", str(index.folder)]) == 0
        assert ("making the search lists of 2,240 kernels, once" in capsys.readouterr().err) == announced
