import io
import json

import numpy as np
import pytest
from PIL import Image

from gi.cli import run
from gi.core.errors import WeightsError
from gi.kernels.mining.exhibits import room_of
from gi.kernels.mining.gallery import write_gallery
from tests.kernels.onnx_files import conv, index_of, model, trained


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    return index_of(
        folder,
        model([conv("a", "x", trained(32, 3, 3, 3, seed=1))], {}),
        model([conv("a", "x", trained(16, 3, 3, 3, seed=2))], {}),
    )


def test_classes_come_by_frequency_with_their_networks_and_nearest_kernels(index):
    found = room_of(index, (3, 3), k=6).exhibits
    assert sum(each.share for each in found) == pytest.approx(1)
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    for each in found:
        assert {name for name, _ in each.networks} <= {"m0.onnx", "m1.onnx"}
        assert sum(share for _, share in each.networks) == pytest.approx(1)
        for kernel, id_ in zip(each.nearest, each.nearest_ids, strict=True):
            np.testing.assert_array_equal(kernel, index.kernel(int(id_)))


def test_a_picture_is_written(index, tmp_path):
    (room,) = write_gallery(index, tmp_path / "g.png", shapes=[], k=6)
    image = Image.open(io.BytesIO((tmp_path / "g.png").read_bytes()))
    assert 0 < len(room.exhibits) <= 6
    colours = np.asarray(image.convert("RGB"), int)
    centre = room.exhibits[0].centre
    assert colours[119, 27, 0] - colours[119, 27, 2] == pytest.approx(
        255 * centre[1, 0] / np.abs(centre).max(), abs=2
    )  # red less blue is how far above zero


def test_zeros_are_counted_beside_the_classes(tmp_path):
    weight = trained(16, 4, 3, 3, seed=1)
    weight[3:5] = 0
    room = room_of(index_of(tmp_path, model([conv("a", "x", weight)], {}, shape=(1, 4, 8, 8))), (3, 3), k=4)
    assert (room.num_kernels, room.num_zeros) == (64, 8)
    assert sum(each.share for each in room.exhibits) == pytest.approx(1)
    assert room.heading.endswith("classes of 56 kernels; 8 more are zero")


def test_the_nearest_differ(tmp_path):
    weight = np.repeat(trained(8, 4, 3, 3, seed=1), 4, axis=0)
    room = room_of(index_of(tmp_path, model([conv("a", "x", weight)], {}, shape=(1, 4, 8, 8))), (3, 3), k=2)
    for each in room.exhibits:
        assert len(np.unique(each.nearest.reshape(len(each.nearest), -1), axis=0)) == len(each.nearest)


def test_the_gallery_answers_in_json(index, tmp_path, capsys):
    out = tmp_path / "g.html"
    assert run(["index", "gallery", "--index", str(index.folder), "-o", str(out), "--k", "4", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["shapes"][0]["shape"] == "3x3"
    assert answer["shapes"][0]["classes"][0]["networks"][0]["name"] in ("m0.onnx", "m1.onnx")


def test_a_page_holds_its_pictures(index, tmp_path):
    assert run(["index", "gallery", "--index", str(index.folder), "-o", str(tmp_path / "g.html"), "--k", "4"]) == 0
    page = (tmp_path / "g.html").read_text()
    assert page.count("<section>") <= 4
    assert "m0.onnx" in page
    assert 'src="http' not in page


def test_refuses_another_form(index, tmp_path):
    with pytest.raises(WeightsError, match=r"neither \.png nor \.html"):
        write_gallery(index, tmp_path / "g.svg", shapes=[], k=4)
