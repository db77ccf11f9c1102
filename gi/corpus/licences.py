"""Licences under which lines may be borrowed."""

import re
from collections.abc import Collection

#: Licences that ask for no more than their text and the authors' names to be kept.
PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD-3-Clause-Clear",
        "BSL-1.0",
        "CC0-1.0",
        "HPND",
        "ISC",
        "MIT",
        "MIT-0",
        "NCSA",
        "PostgreSQL",
        "Python-2.0",
        "PSF-2.0",
        "UPL-1.0",
        "Unlicense",
        "WTFPL",
        "Zlib",
    }
)


def permits(allowed: Collection[str], expression: str) -> bool:
    """Whether the SPDX expression holds under the allowed identifiers: every part of an AND, one part of an OR.

    Case does not count, nor do `-only` and `-or-later`, nor an exception after WITH (exceptions only add rights); where
    both AND and OR occur, each part must be allowed, since their order is not worth a parser here.
    """
    names = {_plain(name) for name in allowed}
    parts = [_plain(part) for part in re.split(r"\s+(?:AND|OR)\s+", expression, flags=re.IGNORECASE)]
    either = re.search(r"\sOR\s", expression, re.IGNORECASE) and not re.search(r"\sAND\s", expression, re.IGNORECASE)
    return (any if either else all)(part in names for part in parts)


def _plain(identifier: str) -> str:
    name = re.split(r"\s+WITH\s+", identifier.strip(" ()"), flags=re.IGNORECASE)[0].lower()
    return re.sub(r"(-only|-or-later|\+)$", "", name)
