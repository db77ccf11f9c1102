import pytest

from gi.core.errors import WeightsError
from gi.jobs.index.sources import file_sources
from tests.kernels.onnx_files import conv, model, trained, write

MIT = """MIT License

Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@pytest.fixture
def folder(tmp_path):
    made = model([conv("c", "x", trained(4, 3, 3, 3))], {})
    (tmp_path / "zoo" / "deep").mkdir(parents=True)
    write(tmp_path / "zoo", "a.onnx", made)
    write(tmp_path / "zoo" / "deep", "b.ONNX", made)
    (tmp_path / "zoo" / "notes.txt").touch()
    (tmp_path / "zoo" / "old.pt").touch()
    return tmp_path / "zoo"


def test_a_folder_is_searched_for_models_of_any_format(folder):
    assert [source.name for source in file_sources([folder])] == ["a.onnx", "deep/b.ONNX", "old.pt"]


def test_the_licence_file_beside_a_model_tells(folder):
    (folder / "LICENSE").write_text(MIT)
    found = {source.name: source.licence for source in file_sources([folder])}
    assert found == {"a.onnx": "MIT", "deep/b.ONNX": "unknown", "old.pt": "MIT"}


def test_a_manifest_tells_origin_and_licence(folder):
    (folder / "manifest.tsv").write_text("file\trepo\tcommit\tpath\tlicence\ndeep/b.ONNX\to/r\tabc\tx/b.onnx\tISC\n")
    source = next(source for source in file_sources([folder]) if source.name == "deep/b.ONNX")
    assert (source.origin, source.licence) == ("https://github.com/o/r/blob/abc/x/b.onnx", "ISC")


def test_arguments_come_first(folder):
    (source,) = file_sources([folder / "a.onnx"], origin="https://here", licence="0BSD")
    assert (source.origin, source.licence) == ("https://here", "0BSD")


def test_refuses_an_empty_folder(tmp_path):
    with pytest.raises(WeightsError, match="no model file in there"):
        file_sources([tmp_path])


def test_refuses_a_path_that_there_is_not(tmp_path):
    with pytest.raises(WeightsError, match="no such file or folder"):
        file_sources([tmp_path / "nothing.onnx"])
