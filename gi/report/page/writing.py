"""Writes the page: the template with the run's content, style, scripts and Plotly inlined.

All foreign text is in one JSON document, which the page's program inserts as text. The page's Content-Security-Policy
allows only the two scripts whose digests it names, and no request (a followed page may ask its own server). It has
'unsafe-eval', since Plotly's WebGL compiles its drawing loops; no text of the run reaches these.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from gi.archive import Archive
from gi.core.errors import ConfigError
from gi.core.files import write_whole
from gi.core.quoting import html_text, json_in_html
from gi.report.page.content import page_content

_PROGRAM = ("elements.js", "charts.js", "code.js", "learning.js", "individual.js", "page.js")
_FOLLOWING = "follow.js"


def write_page(archive: Archive, path: Path, *, force: bool = False) -> None:
    """Writes the page of a run, finished or not, to `path`.

    Raises `ConfigError` where Plotly is missing, for another suffix than .html, and for a file that exists unless
    `force` replaces it.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"-o {path}: the report is a page, name it something.html.")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists: pass --force to replace it, or another -o.")
    write_whole(path, page_text(page_content(archive)).encode())


def page_text(content: Mapping[str, Any], *, followed: bool = False) -> str:
    """The page with this content as HTML; a `followed` one polls its server for changes."""
    # One script, so that the parts see each other's functions: a page from a file may load no modules.
    names = (*_PROGRAM, _FOLLOWING) if followed else _PROGRAM
    plotly, program = _plotly(), "\n".join(map(_part, names))
    parts = {
        "title": html_text(content["title"]),
        "policy": " ".join(_digest(script) for script in (plotly, program)),
        "connect": " connect-src 'self';" if followed else "",
        "style": _part("page.css"),
        "content": json_in_html(content),
        "plotly": plotly,
        "program": program,
    }
    # In one pass: inserted text is not searched for placeholders.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _part("page.html"))


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ConfigError("a report needs Plotly, which is not installed: pip install 'gi[report]'.") from None
    return str(get_plotlyjs())


def _part(name: str) -> str:
    return files("gi.report.page").joinpath(name).read_text("utf-8")


def _digest(script: str) -> str:
    """The digest of a script in the form of Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
