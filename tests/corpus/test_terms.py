import dataclasses

import pytest

from gi.core.types import Origin
from gi.harvest import LicenceFile

NET = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    pass\n"
FILES = (LicenceFile("LICENSE", "top"), LicenceFile("part/LICENSE", "part"), LicenceFile("part/NOTICE", "by B"))


@pytest.fixture
def origins(corpus, harvested):
    found = harvested({"net.py": NET, "part/deep/net.py": NET})
    corpus.add(dataclasses.replace(found, licence_files=FILES), workers=1)
    return {program.origin.path: program.origin for program in found.programs}


def test_the_terms_of_the_nearest_folder_apply(corpus, origins):
    assert corpus.terms(origins["net.py"]) == FILES[:1]
    assert corpus.terms(origins["part/deep/net.py"]) == FILES[1:]


def test_another_source_has_none_of_them(corpus, origins):
    assert corpus.terms(Origin("https://example.org/other", "1" * 40, "net.py", 1, "MIT")) == ()
    assert corpus.terms(dataclasses.replace(origins["net.py"], commit="2" * 40)) == ()
