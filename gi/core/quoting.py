"""Foreign text on its way out: one function for each place that it goes to, so that it is shown there and not obeyed.

Foreign is what gi did not write itself: paths, commits, licences, the names of classes, layers and data sets, what a
failing program said, and every field of a run, a corpus or an index from a stranger. A file name may hold a
line break, a folder's name three quotation marks, a message the escape sequence that clears the screen. `shown` is the
ground of the others: one line in which every character can be seen. The others add what their destination needs.

What this cannot do: a name that looks like another one (Cyrillic for Latin letters) is shown as it is.
"""

import ast
import html
import json
import re
from typing import Any

from gi.core.errors import ConfigError

_LINE_ENDS_AND_PAGES = re.compile(r"\r\n|[\r\n\f\v]")  # the GPL's text has a form feed between its pages
# What a sentence or a path needs stays as it is; a colon would make a link of a bare address.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~&!@:$^\"]")
_NAMES_OF_GIT = frozenset({".git", "git~1"})  # what git itself refuses to write to, on any file system


def shown(text: str) -> str:
    r"""The text on one line, with an escape as Python writes it (`\n`, `\x1b`, `\u202e`) for what cannot be seen.

    That is what `str.isprintable` denies: control characters of both sets, line and paragraph ends, marks that turn the
    direction of writing, invisible characters, lone surrogates. A backslash stays as it is: it is for the eye only.
    """
    # Most texts are, and this is asked for every cell.
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shown_lines(text: str) -> str:
    """A text of several lines, such as a licence, each line as `shown`; tabs stay, a new page is a new line."""
    return "\n".join(_shown_line(line) for line in _LINE_ENDS_AND_PAGES.split(text))


def _shown_line(line: str) -> str:
    return "\t".join(map(shown, line.split("\t")))


def comment(text: str) -> str:
    """A line of comment in Python code, and of what git and patch skip in front of a diff.

    The mark matters in a patch, too: `patch` takes a header that is indented, and git an `@@` at the start of a line.
    """
    return f"# {shown(text)}".rstrip()


def docstring(text: str) -> str:
    """A triple-quoted literal whose value is `text`, which may hold quotation marks and backslashes.

    Raises `ValueError` for characters that `shown_lines` would have replaced: a literal must be readable.
    """
    if text != shown_lines(text):
        raise ValueError(f"a docstring of {text!r}: pass foreign parts through `shown` first")
    # A quotation mark at the end would close the literal one mark early.
    escaped = text.replace("\\", "\\\\").replace('"""', r"\"\"\"")
    return f'"""{escaped[:-1]}\\""""' if escaped.endswith('"') else f'"""{escaped}"""'


def literal(value: object) -> str:
    """Python code for a value made of numbers, texts, None and collections of them; it evaluates to an equal one.

    Raises `ValueError` for any other value, and for numbers that have no literal (`nan`, `inf`).
    """
    code = repr(value)
    try:
        same = ast.literal_eval(code) == value
    except (ValueError, SyntaxError):
        # repr of some objects is no literal, or one of something else.
        same = False
    if not same:
        raise ValueError(f"{code} has no literal in Python")
    return code


def diff_path(path: str, side: str) -> str:
    """The name of a file behind `---` or `+++` of a diff: `side` ("a" or "b"), a slash and the path, as git writes it.

    It is quoted where it must be, with a tab behind it where it has a space. Raises `ConfigError` for a path that leads
    out of the tree that the diff is applied in, or into git's own folder.
    """
    parts = path.split("/")
    # As git refuses them on any system: `git~1` is the short name of `.git` on Windows.
    if any(part in ("", ".", "..") or part.lower() in _NAMES_OF_GIT for part in parts) or "\0" in path:
        raise ConfigError(f"{shown(path)!r} is no relative path below a root: a patch is for a file of a work tree.")
    data = f"{side}/{path}".encode("utf-8", "surrogateescape")
    if any(byte < 0x20 or byte > 0x7E or byte in b'"\\' for byte in data):
        return '"' + "".join(chr(b) if 0x20 <= b <= 0x7E and b not in b'"\\' else f"\\{b:03o}" for b in data) + '"'
    return data.decode() + "\t" * (" " in path)


def html_text(text: str) -> str:
    """Text within an HTML page or between the quotation marks of an attribute."""
    return html.escape(shown(text))


def markdown_text(text: str) -> str:
    """Text within a line or a table cell of Markdown, where no character of it marks anything up."""
    return _MARKUP.sub(r"\\\g<0>", shown(text))


def json_in_html(value: Any) -> str:
    r"""A JSON document to stand within `<script type="application/json">`; every text in it as `shown_lines`.

    Raises `ValueError` for NaN and infinity, which a browser's JSON has not.
    """
    text = json.dumps(_shown_within(value), allow_nan=False, separators=(",", ":"))
    # In JSON "<" stands within texts alone: neither "</script" nor "<!--" is left for the page to obey.
    return text.replace("<", "\\u003c")


def _shown_within(value: Any) -> Any:
    if isinstance(value, str):
        return shown_lines(value)
    if isinstance(value, dict):
        return {shown_lines(str(key)): _shown_within(inner) for key, inner in value.items()}
    return [_shown_within(inner) for inner in value] if isinstance(value, list | tuple) else value


def cypher_string(text: str) -> str:
    """A string literal of Cypher, in single quotation marks."""
    return "'" + shown(text.replace("\\", "\\\\").replace("'", "\\'")) + "'"


def csv_cell(text: str) -> str:
    """A text as one cell of a CSV file, its lines as `shown_lines`; a spreadsheet takes it for text.

    Behind `=`, `+`, `-` or `@` at the start of a cell a spreadsheet computes, so that an apostrophe, its own mark of a
    text, is put in front.
    """
    cell = shown_lines(text)
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") and cell[1:] else cell


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""A JSON document with letters of every language as they are, and `\uXXXX` for what cannot be seen.

    `json` itself escapes the first 32 control characters only, so that U+009B, which starts a terminal's commands like
    ESC [ does, would pass, and a lone surrogate could not be written at all.
    """
    lines = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")
    # By lines: most hold nothing to escape, and a front of some hundred members has 10,000.
    return "\n".join(line if line.isprintable() else "".join(map(_json_escaped, line)) for line in lines)


def _json_escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
