"""Adding to an index: again, at the same time, after a crash, on a full disk."""

import errno
import subprocess
import sys

import numpy as np
import onnx
import pytest

from gi.core.errors import RunError, WeightsError
from gi.kernels.index import writer
from gi.kernels.index.addition import IndexSource
from gi.kernels.index.build import build
from gi.kernels.index.layout import read_state
from gi.kernels.index.reader import Index
from tests.kernels.onnx_files import conv, model, trained, write


def sources(folder, count, start=0):
    made = [(n, model([conv("c", "x", trained(4, 3, 3, 3, seed=n))], {})) for n in range(start, start + count)]
    return [IndexSource(write(folder, f"m{n}.onnx", one), f"m{n}") for n, one in made]


def test_adding_again_changes_nothing(tmp_path):
    index = tmp_path / "index"
    build(sources(tmp_path, 3), index)
    before = read_state(index)
    again = build(sources(tmp_path, 3), index)
    assert read_state(index) == before
    assert all(taken.known for taken in again.taken)


def test_a_refused_file_is_one_row_however_often_it_comes(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for _ in range(3):
        build([IndexSource(tmp_path / "bad.onnx", "bad")], tmp_path / "index")
    assert Index.open(tmp_path / "index").networks.num_rows == 1


def test_adding_in_steps_is_adding_at_once(tmp_path):
    for n in range(3):
        build(sources(tmp_path, 1, start=n), tmp_path / "steps")
    build(sources(tmp_path, 3), tmp_path / "once")
    steps, once = Index.open(tmp_path / "steps"), Index.open(tmp_path / "once")
    assert steps.layers.to_pylist() == once.layers.to_pylist()
    assert np.array_equal(steps.kernels((3, 3)), once.kernels((3, 3)))


def test_many_additions_are_merged_into_few_files(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_MOST_PARTS", 3)
    for n in range(8):
        build(sources(tmp_path, 1, start=n), tmp_path / "index")
    assert len(list((tmp_path / "index" / "layers").iterdir())) <= 3
    assert Index.open(tmp_path / "index").layers["network"].to_pylist() == list(range(8))


def test_two_builds_at_once_are_refused(tmp_path):
    with writer.opened(tmp_path / "index"), pytest.raises(WeightsError, match="being built by another"):
        build(sources(tmp_path, 1), tmp_path / "index")


def test_readers_see_a_snapshot_while_it_is_built(tmp_path):
    build(sources(tmp_path, 2), tmp_path / "index")
    reader = Index.open(tmp_path / "index")
    build(sources(tmp_path, 5), tmp_path / "index")
    assert reader.layers.num_rows == 2
    assert reader.kernels((3, 3)).shape == (24, 3, 3)


KILLED = """
import os, sys
from pathlib import Path
from gi.kernels.index import build as module
from gi.kernels.index.addition import IndexSource
folder = Path(sys.argv[1])
files = sorted(folder.glob("*.onnx"))
def killed_after_two():
    for number, file in enumerate(files):
        if number == 2:
            os._exit(9)
        yield IndexSource(file, file.stem)
module.build([IndexSource(files[0], files[0].stem)], folder / "index")
from gi.kernels.index import writer
writer._COMMIT_BYTES = 0 if sys.argv[2] == "commit" else 1 << 40
store_add = writer.Store.add_network
def add(self, network):
    store_add(self, network)
    if network.id == 2:
        for file in self._files.values():
            file.flush()
        os._exit(9)
writer.Store.add_network = add
module.build([IndexSource(file, file.stem) for file in files], folder / "index")
"""


@pytest.mark.parametrize("when", ["commit", "between"])
def test_a_killed_build_is_gone_on_with(tmp_path, when):
    wanted = sources(tmp_path, 5)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), when], check=False)
    assert done.returncode == 9
    survived = Index.open(tmp_path / "index")
    assert survived.networks.num_rows in (1, 3)
    build(wanted, tmp_path / "index")
    build(wanted, tmp_path / "whole")
    mended, whole = Index.open(tmp_path / "index"), Index.open(tmp_path / "whole")
    assert mended.layers.to_pylist() == whole.layers.to_pylist()
    assert np.array_equal(mended.kernels((3, 3)), whole.kernels((3, 3)))
    assert (tmp_path / "index" / "kernels" / "3x3.f32").stat().st_size == 4 * 9 * mended.shapes[3, 3]


def test_a_full_disk_keeps_what_was_committed(tmp_path, monkeypatch):
    build(sources(tmp_path, 2), tmp_path / "index")
    before = Index.open(tmp_path / "index").layers.to_pylist()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer.Store, "_append", full)
        with pytest.raises(RunError, match=r"cannot be written \(no space left on device\).*stays"):
            build(sources(tmp_path, 4), tmp_path / "index")
    assert Index.open(tmp_path / "index").layers.to_pylist() == before
    build(sources(tmp_path, 4), tmp_path / "index")
    assert Index.open(tmp_path / "index").layers.num_rows == 4


def test_refuses_a_folder_with_other_things_in_it(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(WeightsError, match="other files"):
        build([], tmp_path)


def test_refuses_a_file_as_its_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="cannot be made"):
        build([], tmp_path / "file")


def test_other_external_data_is_another_network(tmp_path):
    made = sources(tmp_path, 1)[0]
    onnx.save(onnx.load(made.path), made.path, save_as_external_data=True, location="data.bin", size_threshold=0)
    assert not build([made], tmp_path / "index").taken[0].known
    assert build([made], tmp_path / "index").taken[0].known
    (tmp_path / "data.bin").write_bytes(trained(4, 3, 3, 3, seed=9).tobytes())
    assert not build([made], tmp_path / "index").taken[0].known
    assert Index.open(tmp_path / "index").network(1).layers == 1


def test_a_model_of_more_than_two_gigabytes_is_read_in_place(tmp_path):
    weight = trained(4, 3, 3, 3)
    made = model([conv("c", "x", weight)], {})
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "large.bin", "offset": 5 << 29, "length": weight.nbytes}.items():
        tensor.external_data.add(key=key, value=str(value))
    with (tmp_path / "large.bin").open("wb") as file:
        file.seek(5 << 29)  # a sparse file: 2.5 GB that take no room
        file.write(weight.tobytes())
    build([IndexSource(write(tmp_path, "m.onnx", made), "m")], tmp_path / "index")
    assert np.array_equal(Index.open(tmp_path / "index").weight(0), weight)


def test_a_file_that_went_away_is_told_and_the_rest_goes_on(tmp_path):
    gone = IndexSource(tmp_path / "gone.onnx", "gone")
    built = build([gone, *sources(tmp_path, 1)], tmp_path / "index")
    assert [taken.reason for taken in built.taken] == ["cannot be read: there is no such file", ""]
