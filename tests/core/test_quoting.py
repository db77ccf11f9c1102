import ast
import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gi.core.errors import ConfigError
from gi.core.quoting import (
    comment,
    cypher_string,
    diff_path,
    docstring,
    html_text,
    json_in_html,
    json_text,
    literal,
    shown,
    shown_lines,
)

#: Any text that Python can hold, lone surrogates among it, as names of files that are no UTF-8 give them.
ANY = st.text(st.characters(codec=None))


@given(ANY)
def test_what_is_shown_is_one_line_without_anything_that_cannot_be_seen(text):
    assert shown(text).isprintable()
    assert shown(shown(text)) == shown(text)


@given(ANY)
def test_json_within_a_page_is_text_that_ends_no_element(text):
    document = json_in_html({text: [text, 1, None], "tag": f"</script{text}<!--"})
    assert document.isascii()
    assert "<" not in document
    assert json.loads(document)[shown_lines(text)] == [shown_lines(text), 1, None]


def test_json_within_a_page_has_no_number_that_a_browser_refuses():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_in_html([float("nan")])


def test_escapes_are_pythons():
    assert shown("a\tb\n\x1b\x9b\u202e\udcff é日 \\n") == r"a\tb\n\x1b\x9b\u202e\udcff é日 \n"


def test_lines_of_a_text_stay_lines():
    assert shown_lines("a\tb\r\nc\x0cd\x1b\n") == "a\tb\nc\nd\\x1b\n"


@given(ANY)
def test_a_comment_is_nothing_but_a_comment(text):
    tree = ast.parse(f"x = 1\n{comment(text)}\ny = 2\n")
    assert [ast.unparse(node) for node in tree.body] == ["x = 1", "y = 2"]


@given(ANY)
def test_a_docstring_is_its_text(text):
    text = shown_lines(text)
    (node,) = ast.parse(docstring(text)).body
    assert node.value.value == text


def test_a_docstring_of_hidden_characters_is_refused():
    with pytest.raises(ValueError, match="pass foreign parts through"):
        docstring("a\x1b")


@given(st.recursive(ANY | st.integers() | st.none() | st.booleans(), lambda x: st.lists(x) | st.dictionaries(ANY, x)))
def test_a_literal_is_its_value_on_one_line(value):
    assert ast.literal_eval(literal(value)) == value
    assert literal(value).isprintable()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), print])
def test_what_has_no_literal_is_refused(value):
    with pytest.raises(ValueError, match="has no literal"):
        literal(value)


@given(ANY)
def test_json_says_the_same_and_shows_everything(text):
    said = json_text({"a": [text, text]}, indent=2)
    assert json.loads(said) == {"a": [text, text]}
    assert all(c.isprintable() or c == "\n" for c in said)
    said.encode()


def test_json_keeps_letters_of_every_language():
    assert json_text("é日") == '"é日"'


@given(ANY)
def test_a_cypher_string_ends_at_its_end(text):
    inner = cypher_string(text)[1:-1].replace("\\\\", "").replace("\\'", "")
    assert "'" not in inner
    assert not inner.endswith("\\")


def test_html_is_escaped():
    assert html_text('<b title="\'">&\x1b') == "&lt;b title=&quot;&#x27;&quot;&gt;&amp;\\x1b"


@pytest.mark.parametrize(
    "path", ["", "/etc/x", "a/../../b", "..", "a//b", ".git/hooks/x", "a/.GIT/config", "a/./b", "a\0b"]
)
def test_a_path_that_leads_out_of_the_tree_has_no_place_in_a_diff(path):
    with pytest.raises(ConfigError, match="no relative path below a root"):
        diff_path(path, "a")


@pytest.mark.parametrize(
    "path", ["a.py", "a b/c.py", "a\nb.py", 'a"b\\.py', "a\tb", "é.py", "a\x1b.py", "--- a", "\udcff.py"]
)
def test_git_reads_the_path_that_was_written(path, tmp_path):
    old, new = diff_path(path, "a"), diff_path(path, "b")
    patch = f"{comment('--- a/x')}\n--- {old}\n+++ {new}\n@@ -1,1 +1,1 @@\n-a\n+b\n"
    done = subprocess.run(["git", "apply", "--numstat", "-z"], input=patch.encode(), capture_output=True, cwd=tmp_path)
    assert done.stdout.decode(errors="surrogateescape") == f"1\t1\t{path}\0"
