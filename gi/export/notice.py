"""The NOTICE beside an exported file: the texts and names that the licences of its borrowed parts require."""

import re
from collections.abc import Callable, Collection, Sequence

from gi.core.quoting import shown, shown_lines
from gi.core.types import Origin
from gi.explain.provenance.origins import LineOrigin, borrowed_parts, home_origin, origin_text
from gi.harvest import LicenceFile

#: Licences that ask for nothing to be passed on.
_SILENT = frozenset({"0BSD", "CC0-1.0", "MIT-0", "Unlicense", "WTFPL"})
_UNKNOWN = "unknown"
_RULE = "-" * 80
_SHOWN = 60  # characters of a line

Terms = Callable[[Origin], Sequence[LicenceFile]]


def notice_text(origins: Sequence[LineOrigin], terms: Terms, *, own: Collection[str] = ()) -> str:
    """The text that licences require with a program, by source; "" where none requires anything.

    `terms` gives the licence files of an origin, `own` are repositories of the user's own.
    """
    parts = [(o.origin, o.code.strip()) for o, _ in borrowed_parts(origins) if o.origin]
    home = home_origin(origins)
    if home is not None:
        parts.insert(0, (home, "the program that it started as"))
    asking = [(o, what) for o, what in parts if o.repository not in own and asks(o.licence)]
    sources = dict.fromkeys((o.repository, o.commit, o.licence) for o, _ in asking)
    if not sources:
        return ""
    files: dict[str, str] = {}
    sections = [_section([p for p in asking if _source(p[0]) == source], terms, files) for source in sources]
    texts = [f"{_RULE}\n{shown(name)}\n{_RULE}\n\n{_terms_text(text)}\n" for name, text in files.items()]
    return "\n".join(["The file beside this one holds work of others. What their licences ask for follows.\n",
                      *sections, *texts])  # fmt: skip


def asks(licence: str) -> bool:
    """Whether a licence (an SPDX expression) asks for its text or its authors' names to be passed on.

    One that is not known counts as asking.
    """
    names = re.split(r"\s+(?:AND|OR)\s+", licence)
    either = " OR " in licence and " AND " not in licence
    silent = [name.strip(" ()") in _SILENT for name in names]
    return not (any(silent) if either else all(silent))


def _terms_text(text: str) -> str:
    """The text of a licence, in which no line looks like the head of another one."""
    lines = shown_lines(text.strip()).split("\n")
    return "\n".join(f" {line}" if line.startswith(_RULE) else line for line in lines)


def _source(origin: Origin) -> tuple[str, str, str]:
    return origin.repository, origin.commit, origin.licence


def _section(parts: Sequence[tuple[Origin, str]], terms: Terms, files: dict[str, str]) -> str:
    """One source: its licence, the copyright lines, its parts; adds the texts of its terms to `files`."""
    origin = parts[0][0]
    version = f" at commit {origin.commit}" if _is_commit(origin) else ""
    lines = [f"{origin.repository}{version}, licence {origin.licence}"]
    texts = {f"{origin.repository} {f.path}": f.text for o, _ in parts for f in terms(o)}
    files.update(texts)
    lines += [f"  {line}" for line in dict.fromkeys(line for text in texts.values() for line in _copyrights(text))]
    for part, what in dict.fromkeys(parts):
        lines += [f"  {what[:_SHOWN]}", f"    from {origin_text(part)}"]
    if texts:
        lines.append(f"  terms: {', '.join(texts)}, below")
    elif origin.licence == _UNKNOWN:
        lines.append("  terms: no licence is known; ask its authors before you pass this on")
    else:
        lines.append(f"  terms: https://spdx.org/licenses/{origin.licence}.html; the source's own copy is not at hand")
    return "".join(f"{shown(line)}\n" for line in lines)


def _is_commit(origin: Origin) -> bool:
    return bool(origin.commit) and not origin.repository.endswith(f"=={origin.commit}")


def _copyrights(text: str) -> list[str]:
    """The copyright lines at the head of a licence's text; those of its terms and of its template are none."""
    lines = re.findall(r"^\s*(copyright\s+(?:\(c\)|©|\d{4}).*?)\s*$", text, re.IGNORECASE | re.MULTILINE)
    return [line for line in lines if "[yyyy]" not in line and "{yyyy}" not in line]
