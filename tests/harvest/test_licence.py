import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from gi.harvest import harvest
from gi.harvest.licence import licence_of_text

NET = "import torch.nn as nn\n\nlayer = nn.Conv2d(3, 8, 3)\n"
MIT = dict(LICENSES)["MIT"]
ISC = dict(LICENSES)["ISC"]


@pytest.mark.parametrize(
    ("files", "licence"),
    [
        ({}, "unknown"),
        ({"LICENSE": MIT}, "MIT"),
        ({"LICENCE.md": MIT}, "MIT"),
        ({"COPYING.txt": MIT}, "MIT"),
        ({"licence": "All rights reserved, none granted."}, "unknown"),
        ({"LICENSE": MIT, "a/LICENSE": ISC}, "ISC"),
        ({"LICENSE": MIT, "a/b/LICENSE": ISC}, "ISC"),
        ({"LICENSE": MIT, "c/LICENSE": ISC}, "MIT"),
        ({"LICENSE": MIT, "a/LICENSE": "All rights reserved."}, "unknown"),
        ({"LICENSE": MIT, "LICENSE-of-the-data": ISC}, "MIT"),
        ({"LICENSE-MIT": MIT, "LICENSE-ISC": ISC}, "ISC AND MIT"),
        ({"LICENSE": MIT, "COPYING": "All rights reserved."}, "unknown"),
        ({"LICENSE": b"\xff\xfe\x00"}, "unknown"),
        ({"license.py": MIT}, "unknown"),
    ],
)
def test_the_nearest_licence_file_counts(
    write: Callable[..., Path], tmp_path: Path, files: dict[str, str | bytes], licence: str
) -> None:
    folder = write("one", {"a/b/net.py": NET, **files})
    found = harvest(str(folder), cache=tmp_path).programs
    assert [p.origin.licence for p in found if p.origin.path == "a/b/net.py"] == [licence]


def test_a_tag_in_the_file_counts_before_the_licence_file(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write("one", {"net.py": f"# SPDX-License-Identifier: GPL-3.0-only\n{NET}", "LICENSE": MIT})
    assert harvest(str(folder), cache=tmp_path).programs[0].origin.licence == "GPL-3.0-only"


@pytest.mark.parametrize(("spdx", "text"), LICENSES)
def test_knows_every_text_of_the_library(spdx: str, text: str) -> None:
    assert licence_of_text(text) == spdx


def test_a_non_commercial_licence_is_not_taken_for_its_free_sister() -> None:
    text = dict(LICENSES)["CC-BY-4.0"].replace("Attribution 4.0", "Attribution-NonCommercial 4.0")
    assert licence_of_text(text) == "CC-BY-NC-4.0"


@pytest.mark.parametrize("width", [60, 80, 116])
@pytest.mark.parametrize("spdx", ["MIT", "BSD-2-Clause", "BSD-3-Clause", "Zlib"])
def test_a_licence_is_known_however_its_lines_are_wrapped(spdx: str, width: int) -> None:
    paragraphs = dict(LICENSES)[spdx].split("\n\n")
    assert licence_of_text("\n\n".join(textwrap.fill(paragraph, width) for paragraph in paragraphs)) == spdx


def test_files_of_terms_and_attributions_come_along(write: Callable[..., Path], tmp_path: Path) -> None:
    files = {"net.py": "import torch\n", "LICENSE": "terms", "NOTICE": "by A", "part/COPYING.md": "more", "b.txt": "x"}
    found = harvest(str(write("repo", files)), cache=tmp_path).licence_files
    assert [(file.path, file.text) for file in found] == [
        ("LICENSE", "terms"),
        ("NOTICE", "by A"),
        ("part/COPYING.md", "more"),
    ]


def test_a_packages_terms_lie_beside_its_source() -> None:
    from gi.harvest import package_terms

    assert [file.path for file in package_terms("torchvision")] == ["LICENSE"]
    assert "Soumith Chintala" in package_terms("torchvision")[0].text
    assert package_terms("no-such-package") == ()
