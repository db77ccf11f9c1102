"""Every example of every page runs, but for those that say why not; a page is one test, whose examples go in order."""

import pytest

from tests.docs import stage
from tests.docs.pages import PAGES, blocks

pytestmark = pytest.mark.slow

RUN = {"console", "python", "sql"}
EXTENDING = "docs/extending.md"  # its patches need a copy of the tree: test_extending.py
SHOWN = [page for page in PAGES if any(b.language in RUN and not b.not_run for b in blocks(page)) and page != EXTENDING]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", SHOWN)
def test_the_examples_of_a_page_run(page, monkeypatch, capsys):
    stage.set_up(monkeypatch)
    for block in blocks(page):
        if not block.not_run:
            stage.run_block(block, capsys)
    if page == "docs/python.md":
        names = blocks(page)[0].namespace
        assert names["outputs"].shape == (10, 10)
        assert len(names["names"]) == 10
        assert "nn.Linear(16, 10)" not in names["text"], "it was made to fit"
