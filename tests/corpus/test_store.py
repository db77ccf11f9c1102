import random
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from gi.core.errors import CorpusError
from gi.core.types import Ingredient, LineType, Origin
from gi.corpus import Corpus, calls, schema
from gi.corpus import insert as insertion
from gi.harvest import Harvest, Refusal

Harvested = Callable[..., Harvest]

NET = """\
from torch import nn
from torch.nn import Conv2d as C

class Net(nn.Module):
    def __init__(self, width=16):
        self.one = C(3, width, 3)
        self.two = nn.Conv2d(3,  width,
                             3)   # the same once more
        self.act = nn.ReLU(inplace=True)
"""


def dump(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


def test_a_call_is_kept_once_with_its_first_origin(corpus: Corpus, harvested: Harvested) -> None:
    added = corpus.add(harvested({"b.py": NET, "a.py": NET}))
    assert (added.programs, added.lines, added.ingredients) == (2, 6, 2)
    (conv,) = corpus.ingredients(LineType.CONNECTION)
    assert conv == Ingredient(
        LineType.CONNECTION,
        "torch.nn.Conv2d",
        "self.one = C(3, width, 3)",
        "torch.nn.Conv2d(3, width, 3)",
        (("width", "16"),),
        Origin("https://example.org/nets", "1" * 40, "a.py", 6, "MIT"),
    )
    assert [row["calls"] for row in corpus.summary().types] == [2, 4]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("nn.Conv2d(3, 8, 3)", "nn.Conv2d( 3,8,\n 3, )", True),
        ('nn.Conv2d(3, 8, 3, padding_mode="zeros")', "nn.Conv2d(3, 8, 3, padding_mode='zeros')", True),
        ("nn.Conv2d(3, 8, 3)", "nn.Conv2d(3, 8, (3))", True),
        ("nn.Conv2d(3, 8, 3)", "nn.Conv2d(3, 8, 5)", False),
        ("nn.Conv2d(3, 8, 3)", "nn.Conv2d(3, 8, kernel_size=3)", False),
        ("nn.Dropout(0.5)", "nn.Dropout(p)", False),
    ],
)
def test_formatting_does_not_make_another_call(
    corpus: Corpus, harvested: Harvested, one: str, other: str, same: bool
) -> None:
    corpus.add(harvested({"net.py": f"from torch import nn\na = {one}\nb = {other}\n"}))
    assert len(list(corpus.ingredients())) == (1 if same else 2)


def test_syntax_newer_than_this_python_is_kept_on_one_line() -> None:
    assert calls.without_formatting("f(print x,\n   1)") == "f(print x, 1)"


def test_a_repeated_harvest_adds_nothing(corpus: Corpus, harvested: Harvested) -> None:
    found = harvested({"net.py": NET}, refused=(Refusal("link.py", "symbolic link"),))
    corpus.add(found)
    before = dump(corpus.path)
    again = corpus.add(found)
    assert (again.programs, again.lines, again.ingredients, again.refused) == (0, 0, 0, ())
    assert dump(corpus.path) == before


def test_two_harvests_of_one_commit_give_the_same_file_at_every_number_of_workers(
    tmp_path: Path, harvested: Harvested, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_WORTH_PROCESSES_CHARACTERS", 0)
    texts = {f"net{i}.py": NET.replace("16", str(i)) for i in range(12)}
    for workers in (1, 2, 3):
        with Corpus.create(tmp_path / f"{workers}.sqlite") as made:
            made.add(harvested(texts), workers=workers)
    assert dump(tmp_path / "1.sqlite") == dump(tmp_path / "2.sqlite") == dump(tmp_path / "3.sqlite")


def test_the_order_of_harvests_changes_no_draw(tmp_path: Path, harvested: Harvested) -> None:
    one = harvested({"net.py": NET}, repository="https://example.org/b")
    two = harvested({"net.py": NET.replace("3)", "5)")}, repository="https://example.org/a")
    drawn = []
    for name, harvests in (("one", (one, two)), ("two", (two, one))):
        with Corpus.create(tmp_path / f"{name}.sqlite") as made:
            for found in harvests:
                made.add(found)
            rng = random.Random(0)
            drawn.append([made.sample(rng, LineType.CONNECTION) for _ in range(20)])
    assert drawn[0] == drawn[1]


def test_an_edited_folder_takes_the_place_of_what_it_was(corpus: Corpus, harvested: Harvested) -> None:
    corpus.add(harvested({"net.py": NET, "gone.py": NET}, repository="/nets", commit=""))
    corpus.add(harvested({"net.py": NET.replace("C(3", "C(1")}, repository="/nets", commit=""))
    assert [i.call for i in corpus.ingredients(LineType.CONNECTION)] == [
        "torch.nn.Conv2d(1, width, 3)",
        "torch.nn.Conv2d(3, width, 3)",
    ]
    (row,) = corpus.summary().repositories
    assert row["programs"] == 1


def test_other_files_of_a_package_say_what_names_stand_for(corpus: Corpus, harvested: Harvested) -> None:
    programs = {
        "src/pkg/layers.py": "import torch\nfrom torch import nn\nclass Wide(nn.Conv2d):\n    pass\n",
        "src/pkg/net.py": "from . import Wide  # torch\nfrom .sub import act\na = Wide(3, 8, 3)\nb = act()\n",
        "src/pkg/sub/__init__.py": "from torch.nn import ReLU as act\n",
    }
    corpus.add(harvested(programs, others={"src/pkg/__init__.py": "from .layers import Wide\n"}))
    assert [(i.type, i.origin.path) for i in corpus.ingredients()] == [
        (LineType.ACTIVATION, "src/pkg/net.py"),
        (LineType.CONNECTION, "src/pkg/net.py"),
    ]


def test_programs_that_do_not_parse_are_counted_and_stop_nothing(corpus: Corpus, harvested: Harvested) -> None:
    added = corpus.add(harvested({"a.py": "import torch\nprint 'two'\n", "b.py": "x = (", "net.py": NET}))
    assert added.programs == 1
    assert [refusal.path for refusal in added.refused] == ["a.py", "b.py"]
    assert added.refused[0].reason.startswith("does not parse: 2:")
    (row,) = corpus.summary().repositories
    assert row["refused"] == {"does not parse": 2}


def test_an_odd_file_costs_no_other(
    corpus: Corpus, harvested: Harvested, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def odd(text: str, **_: object) -> tuple[()]:
        raise RecursionError if text == "deep" else KeyError("odd")

    monkeypatch.setattr(calls, "typed_lines", odd)
    added = corpus.add(harvested({"a.py": "odd", "b.py": "deep"}))
    assert [refusal.reason for refusal in added.refused] == ["cannot be typed: KeyError", "nested too deeply"]
    assert "KeyError('odd')" in caplog.text


def test_lines_under_other_licences_are_borrowed_only_when_named(corpus: Corpus, harvested: Harvested) -> None:
    licences = {"GPL-3.0": "a", "unknown": "b", "MIT": "c", "Apache-2.0 AND GPL-2.0": "d"}
    for licence, name in licences.items():
        text = f"import torch\nx = torch.nn.Linear({name}, 1)\n"
        corpus.add(harvested({"net.py": text}, repository=f"https://example.org/{name}", licence=licence))
    rng = random.Random(0)

    def drawn(stock: Corpus) -> set[str]:
        found = (stock.sample(rng, LineType.CONNECTION) for _ in range(60))
        return {ingredient.origin.licence for ingredient in found if ingredient}

    assert drawn(corpus) == {"MIT"}
    assert drawn(corpus.with_licences({"gpl-3.0"})) == {"MIT", "GPL-3.0"}
    assert drawn(corpus.with_licences({"unknown"})) == {"MIT", "unknown"}
    assert drawn(corpus) == {"MIT"}
    allowed = {row["licence"]: row["allowed"] for row in corpus.summary().licences}
    assert allowed == {"GPL-3.0": False, "unknown": False, "MIT": True, "Apache-2.0 AND GPL-2.0": False}


def test_a_call_seen_under_two_licences_is_borrowed_from_the_allowed_one(corpus: Corpus, harvested: Harvested) -> None:
    corpus.add(harvested({"net.py": NET}, repository="https://example.org/a", licence="GPL-3.0"))
    corpus.add(harvested({"net.py": NET}, repository="https://example.org/b", licence="MIT"))
    assert {i.origin.repository for i in corpus.ingredients()} == {"https://example.org/b"}
    assert {i.origin.repository for i in corpus.with_licences({"GPL-3.0"}).ingredients()} == {"https://example.org/a"}


def test_ingredients_are_listed_by_type_or_symbol(corpus: Corpus, harvested: Harvested) -> None:
    corpus.add(harvested({"net.py": NET + "        self.drop = nn.Dropout(0.1)\n"}))
    assert [i.symbol for i in corpus.ingredients()] == ["torch.nn.ReLU", "torch.nn.Conv2d", "torch.nn.Dropout"]
    assert [i.symbol for i in corpus.ingredients(symbol="torch.nn.Dropout")] == ["torch.nn.Dropout"]
    assert not list(corpus.ingredients(LineType.LOSS))


def test_an_empty_corpus_has_nothing_to_draw(corpus: Corpus) -> None:
    assert corpus.sample(random.Random(0), LineType.LOSS) is None
    assert corpus.summary().to_json() == {"types": [], "repositories": [], "licences": []}


def test_a_later_harvest_is_drawn_from_at_once(corpus: Corpus, harvested: Harvested) -> None:
    assert corpus.sample(random.Random(0), LineType.CONNECTION) is None
    corpus.add(harvested({"net.py": NET}))
    assert corpus.sample(random.Random(0), LineType.CONNECTION) is not None


def test_a_failed_insertion_leaves_the_corpus_as_it_was(
    corpus: Corpus, harvested: Harvested, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.add(harvested({"net.py": NET}, commit="2" * 40))
    before = dump(corpus.path)

    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(insertion, "_insert_program", full)
    with pytest.raises(CorpusError, match=r"cannot be written: database or disk is full. Nothing was added"):
        corpus.add(harvested({"net.py": NET}))
    assert dump(corpus.path) == before


def test_a_process_killed_while_it_adds_leaves_the_corpus_as_it_was(corpus: Corpus, harvested: Harvested) -> None:
    corpus.add(harvested({"net.py": NET}, commit="2" * 40))
    before = dump(corpus.path)
    script = f"""
        import os, signal
        from pathlib import Path
        from gi.corpus import Corpus, insert
        from gi.harvest import Harvest
        from gi.core.types import Origin, Program
        write = insert._insert_program
        def killed(*arguments):
            write(*arguments)
            arguments[0].execute("PRAGMA cache_spill = 1")
            os.kill(os.getpid(), signal.SIGKILL)
        insert._insert_program = killed
        Corpus.open(Path({str(corpus.path)!r})).add(
            Harvest("r", "c", (Program("import torch\\nx = torch.nn.ReLU()", Origin("r", "c", "p", 1, "MIT")),))
        )
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    assert dump(corpus.path) == before
    with Corpus.open(corpus.path) as opened:
        assert opened.add(harvested({"net.py": NET})).programs == 1


def test_a_file_that_may_only_be_read_is_drawn_from_and_not_added_to(
    tmp_path: Path, harvested: Harvested, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Corpus.create(tmp_path / "c.sqlite") as made:
        made.add(harvested({"net.py": NET}))
    with Corpus.open(tmp_path / "c.sqlite") as opened:
        opened._connection.execute("PRAGMA query_only = ON")  # root may write what is marked read-only
        assert opened.sample(random.Random(0), LineType.CONNECTION)
        with pytest.raises(CorpusError, match="cannot be written: attempt to write a readonly database"):
            opened.add(harvested({"net.py": NET}, commit="3" * 40))


def test_refuses_to_open_what_is_missing_foreign_or_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no corpus at"):
        Corpus.open(tmp_path / "none.sqlite")
    (tmp_path / "text").write_text("not a database, and longer than the header of one" * 100)
    with pytest.raises(CorpusError, match="is no corpus"):
        Corpus.open(tmp_path / "text")
    (tmp_path / "empty").touch()
    with pytest.raises(CorpusError, match="is no corpus of gi"):
        Corpus.open(tmp_path / "empty")
    foreign = sqlite3.connect(tmp_path / "foreign")
    foreign.execute("CREATE TABLE programs (id)")
    foreign.close()
    with pytest.raises(CorpusError, match="is no corpus of gi"):
        Corpus.open(tmp_path / "foreign")


@pytest.mark.parametrize(("version", "what"), [(schema.VERSION + 1, "a later"), (schema.VERSION - 1, "an earlier")])
def test_refuses_a_corpus_of_another_version(tmp_path: Path, version: int, what: str) -> None:
    Corpus.create(tmp_path / "c.sqlite").close()
    connection = sqlite3.connect(tmp_path / "c.sqlite")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(CorpusError, match=f"is a corpus of {what} version"):
        Corpus.open(tmp_path / "c.sqlite")


def test_refuses_to_create_over_a_file_or_where_none_can_be(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(CorpusError, match="exists already"):
        Corpus.create(tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(CorpusError, match="cannot be written"):
        Corpus.create(tmp_path / "there" / "below.sqlite")
