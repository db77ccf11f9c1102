import io

import numpy as np
import pytest
from PIL import Image

from gi.cli import run
from gi.errors import WeightsError
from gi.weights.gallery import exhibits, write_gallery
from tests.weights.onnx_files import conv, index_of, model, trained


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    return index_of(
        folder,
        model([conv("a", "x", trained(32, 3, 3, 3, seed=1))], {}),
        model([conv("a", "x", trained(16, 3, 3, 3, seed=2))], {}),
    )


def test_classes_come_by_frequency_with_their_networks_and_nearest_kernels(index):
    found = exhibits(index, (3, 3), k=6)
    assert sum(each.share for each in found) == pytest.approx(1)
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    for each in found:
        assert {name for name, _ in each.networks} <= {"m0.onnx", "m1.onnx"}
        assert sum(share for _, share in each.networks) == pytest.approx(1)
        for kernel, id_ in zip(each.nearest, each.nearest_ids, strict=True):
            np.testing.assert_array_equal(kernel, index.kernel(int(id_)))


def test_a_picture_is_written(index, tmp_path):
    shown = write_gallery(index, tmp_path / "g.png", shapes=[], k=6)
    image = Image.open(io.BytesIO((tmp_path / "g.png").read_bytes()))
    assert 0 < shown <= 6
    assert min(image.size) > 100


def test_a_page_holds_its_pictures(index, tmp_path):
    assert run(["index", "gallery", "--index", str(index.folder), "-o", str(tmp_path / "g.html"), "--k", "4"]) == 0
    page = (tmp_path / "g.html").read_text()
    assert page.count("<section>") <= 4
    assert "m0.onnx" in page
    assert 'src="http' not in page


def test_refuses_another_form(index, tmp_path):
    with pytest.raises(WeightsError, match=r"neither \.png nor \.html"):
        write_gallery(index, tmp_path / "g.svg", shapes=[], k=4)
