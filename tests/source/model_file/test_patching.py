import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi.core.errors import SourceError
from gi.source.model_file.patching import patched, plain_text, unified

TEXT = "a = 1\n\nb = 2\nc = 3\n"
KEPT = {
    "plain": TEXT.encode(),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "carriage returns": TEXT.replace("\n", "\r").encode(),
    "no newline at the end": TEXT.encode().rstrip(b"\n"),
    "blank lines at the end": TEXT.encode() + b"\n\n",
    "mixed line ends": b"a = 1\r\n\nb = 2\nc = 3\r\n",
    "tabs and form feeds": b"if 1:\n\ta = 1\n\x0cb = 2\n\tc = 3 \n",
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "another encoding": b"# coding: latin-1\nname = '\xe9'\nb = 2\nc = 3\n",
    "empty": b"",
}


@pytest.mark.parametrize("before", KEPT.values(), ids=KEPT)
def test_a_file_with_its_own_text_is_itself(before):
    assert patched(before, plain_text(before)) == before
    assert unified(before, before, "a.py") == b""


@pytest.mark.parametrize("before", [v for k, v in KEPT.items() if k != "empty"], ids=[k for k in KEPT if k != "empty"])
def test_one_changed_line_changes_no_other_byte(before):
    after = patched(before, plain_text(before).replace("b = 2", "b = 22"))
    assert after == before.replace(b"b = 2", b"b = 22")


def test_a_new_line_takes_the_files_encoding_and_line_end():
    before = b"# coding: latin-1\r\nname = 'x'"
    assert patched(before, "# coding: latin-1\nname = 'x'\nother = 'é'\n") == before + b"\r\nother = '\xe9'"


def test_refuses_a_character_that_the_encoding_lacks():
    with pytest.raises(SourceError, match="'snow = ☃' cannot be written as iso-8859-1: save the file as UTF-8"):
        patched(b"# coding: latin-1\n", "# coding: latin-1\nsnow = ☃\n")


def test_the_diff_has_three_lines_around_each_change():
    before = "".join(f"line {n}\n" for n in range(20)).encode()
    after = before.replace(b"line 10\n", b"line ten\n")
    assert unified(before, after, "models/a.py") == (
        b"--- a/models/a.py\n+++ b/models/a.py\n@@ -8,7 +8,7 @@\n line 7\n line 8\n line 9\n-line 10\n+line ten\n"
        b" line 11\n line 12\n line 13\n"
    )


def apply(folder, name, before, after):
    """What git makes of `before` with the diff."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(before)
    (folder / "it.patch").write_bytes(b"A line that git skips.\n\n" + unified(before, after, name))
    subprocess.run(["git", "apply", "--whitespace=nowarn", "it.patch"], cwd=folder, check=True)
    return (folder / name).read_bytes()


@pytest.fixture(scope="module")
def work_tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("name", ["a.py", "models/a.py", "my model.py", "modèle.py", 'quo"te.py', "back\\slash.py"])
def test_git_takes_every_file_name(work_tree, name):
    assert apply(work_tree, name, b"a = 1\n", b"a = 2\n") == b"a = 2\n"


LINE = st.sampled_from([b"a", b"b", b"\tc = 3  ", b"", b"\xe9", b"--- x", b"+++ y", b"@@"])
END = st.sampled_from([b"\n", b"\r\n", b"\r"])
FILE = st.lists(st.tuples(LINE, END), max_size=12).map(lambda lines: b"".join(a + b for a, b in lines))
ANY_FILE = st.builds(lambda whole, last: whole + last, FILE, st.sampled_from([b"", b"z"]))


@given(ANY_FILE.filter(bool), ANY_FILE.filter(bool))
@settings(max_examples=60, deadline=None)
def test_git_makes_the_new_file_out_of_the_old_one(work_tree, before, after):
    if before != after:
        assert apply(work_tree, "it.py", before, after) == after
