import errno
import os
import stat

import pytest

from gi.core.files import write_whole


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("content", [b"new", lambda file: file.write(b"new")], ids=["bytes", "writer"])
@pytest.mark.parametrize("before", [None, b"something longer"])
def test_a_file_holds_the_content_and_nothing_lies_beside_it(tmp_path, content, before):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_bytes(before)
    write_whole(path, content)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_may_go_back_in_its_file(tmp_path):
    def content(file):
        file.write(b"size?rest")
        file.seek(4)
        file.write(b"=")

    write_whole(tmp_path / "a", content)
    assert (tmp_path / "a").read_bytes() == b"size=rest"


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(ValueError, ["no number"]), (KeyboardInterrupt, ["stop"]), (OSError, [errno.ENOSPC, "No space left"])],
)
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, kind, arguments, before):
    def content(file):
        file.write(b"half")
        raise kind(*arguments)

    path = tmp_path / "a.txt"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(kind, match=arguments[-1]) as raised:
        write_whole(path, content)
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == ([] if before is None else [before])
    if kind is OSError:
        assert raised.value.filename == str(path)


def test_a_new_file_has_the_mode_of_the_umask(tmp_path, umask):
    write_whole(tmp_path / "a", b"new")
    assert mode(tmp_path / "a") == 0o640


@pytest.mark.parametrize("kept", [0o600, 0o755, 0o444])
def test_a_file_that_is_there_keeps_its_mode(tmp_path, umask, kept):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(kept)
    write_whole(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", kept)


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path, umask):
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "other").chmod(0o777)
    path = tmp_path / "link"
    path.symlink_to("other")
    write_whole(path, b"new")
    assert not path.is_symlink()
    assert (path.read_bytes(), mode(path)) == (b"new", 0o640)
    assert (tmp_path / "other").read_bytes() == b"other"


def test_the_name_may_be_as_long_as_names_can_be(tmp_path):
    write_whole(tmp_path / ("a" * 255), b"new")
    assert (tmp_path / ("a" * 255)).read_bytes() == b"new"


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file") as raised:
        write_whole(tmp_path / "missing" / "a", b"new")
    assert raised.value.filename == str(tmp_path / "missing" / "a")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="Is a directory") as raised:
        write_whole(tmp_path / "folder", b"new")
    assert (raised.value.filename, raised.value.filename2) == (str(tmp_path / "folder"), None)
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
