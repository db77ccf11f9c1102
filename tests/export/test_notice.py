import pytest

from gi.core.types import Origin
from gi.explain.provenance.origins import LineOrigin
from gi.export.notice import asks, notice_text
from gi.harvest import LicenceFile

HOME = Origin("gi", "", "corpus/seeds/small.py", 1, "Apache-2.0")
DONOR = Origin("https://x/y", "abcdef0123456789", "models/resnet.py", 177, "MIT")
MIT = LicenceFile("LICENSE", "MIT License\n\nCopyright (c) 2020 A. Uthor\n\nPermission is hereby granted ...\n")


def line(origin, code="nn.Hardswish(),", operator="insertion"):
    return LineOrigin(3, code, origin, operator)


def told(*origins, terms=(MIT,), own=()):
    home = [LineOrigin(n, "x", HOME, "seed") for n in (1, 2)]
    return notice_text([*home, *map(line, origins)], lambda o: terms if o == DONOR else (), own=own)


@pytest.mark.parametrize(
    ("licence", "answer"),
    [
        ("MIT", True),
        ("BSD-3-Clause", True),
        ("Apache-2.0", True),
        ("unknown", True),
        ("GPL-3.0", True),
        ("CC0-1.0", False),
        ("0BSD", False),
        ("Unlicense", False),
        ("MIT AND CC0-1.0", True),
        ("MIT OR CC0-1.0", False),
    ],
)
def test_licences_ask_for_what_they_say(licence, answer):
    assert asks(licence) is answer


def test_each_borrowed_part_is_named_with_its_copyright_and_its_terms():
    notice = told(DONOR)
    assert "https://x/y at commit abcdef0123456789, licence MIT\n  Copyright (c) 2020 A. Uthor\n" in notice
    assert "  nn.Hardswish(),\n    from https://x/y@abcdef012345 models/resnet.py:177 (MIT)\n" in notice
    assert "terms: https://x/y LICENSE, below" in notice
    assert MIT.text.strip() in notice


def test_a_part_that_is_used_twice_is_named_once():
    assert told(DONOR, DONOR).count("resnet.py:177") == 1
    assert told(DONOR, DONOR).count(MIT.text.strip()) == 1


def test_the_program_that_it_started_as_counts():
    assert "the program that it started as\n    from gi corpus/seeds/small.py:1 (Apache-2.0)" in told()


def test_a_file_of_the_users_own_does_not():
    assert told(own={"gi"}) == ""


def test_where_no_text_is_at_hand_it_says_where_to_find_one():
    assert "terms: https://spdx.org/licenses/MIT.html; the source's own copy is not at hand" in told(DONOR, terms=())


def test_an_unknown_licence_says_so():
    unknown = Origin("https://x/z", "abc", "a.py", 1, "unknown")
    assert "terms: no licence is known; ask its authors" in told(unknown)


def test_a_package_has_a_version_for_a_commit():
    package = Origin("torchvision==0.28.0", "0.28.0", "torchvision/models/resnet.py", 3, "BSD-3-Clause")
    assert "torchvision==0.28.0, licence BSD-3-Clause\n" in told(package)


def test_a_template_is_no_copyright():
    text = "Copyright [yyyy] [name of copyright owner]\nCopyright (c) 2021 B\ncopyright notice, this list of\n"
    notice = told(DONOR, terms=(LicenceFile("LICENSE", text),))
    heading = notice.partition("-" * 80)[0]
    assert "Copyright (c) 2021 B" in heading
    assert "yyyy" not in heading
    assert "this list of" not in heading
