import pytest

from gi.corpus import PERMISSIVE, permits


@pytest.mark.parametrize(
    ("allowed", "expression", "permitted"),
    [
        (PERMISSIVE, "MIT", True),
        (PERMISSIVE, "mit", True),
        (PERMISSIVE, "GPL-3.0", False),
        (PERMISSIVE, "LGPL-2.1-or-later", False),
        (PERMISSIVE, "MPL-2.0", False),
        (PERMISSIVE, "CC-BY-NC-4.0", False),
        (PERMISSIVE, "unknown", False),
        (PERMISSIVE, "", False),
        (PERMISSIVE, "Apache-2.0 WITH LLVM-exception", True),
        (PERMISSIVE, "MIT AND BSD-3-Clause", True),
        (PERMISSIVE, "MIT AND GPL-3.0", False),
        (PERMISSIVE, "MIT OR GPL-3.0", True),
        (PERMISSIVE, "(MIT OR GPL-3.0) AND Zlib", False),
        ({"GPL-3.0"}, "GPL-3.0-only", True),
        ({"GPL-3.0-or-later"}, "GPL-3.0", True),
        ({"GPL-3.0"}, "GPL-2.0", False),
        ({"unknown"}, "unknown", True),
    ],
)
def test_an_expression_holds_under_the_allowed_licences(allowed: set[str], expression: str, permitted: bool) -> None:
    assert permits(allowed, expression) == permitted
