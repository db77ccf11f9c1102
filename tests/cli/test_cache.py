import json

import pytest

from gi.cli import run
from gi.train.cache.store import KeptOutcome, OutcomeCache, outcomes_folder


@pytest.fixture(autouse=True)
def filled(tmp_path, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path / "cache"))
    with OutcomeCache(outcomes_folder()) as cache:
        for n in range(40):
            cache.put(f"{n}", KeptOutcome("x" * 50_000))
        cache.get("39")
    return cache.path


def usage(capsys):
    capsys.readouterr()
    assert run(["cache", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_tells_what_is_kept(capsys, filled):
    assert run(["cache"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("40 outcomes in 2.")
    assert first.endswith(f" MB of at most 256 MB: {filled}")
    assert second == "taken in place of a training: 1 times"


def test_answers_in_json(capsys, filled):
    found = usage(capsys)
    assert 2_000_000 < found.pop("bytes") < 2_500_000
    assert found == {"path": str(filled), "entries": 40, "hits": 1, "limit_bytes": 256_000_000}


def test_forgets_and_bounds(capsys):
    assert run(["cache", "--limit", "1"]) == 0
    bounded = usage(capsys)
    assert 0 < bounded["entries"] < 40
    assert bounded["bytes"] <= bounded["limit_bytes"] == 1_000_000
    assert run(["cache", "--clear"]) == 0
    assert (usage(capsys)["entries"], usage(capsys)["limit_bytes"]) == (0, 1_000_000)


@pytest.mark.parametrize("limit", ["0", "-3", "99999999"])
def test_refuses_a_bound_out_of_range(capsys, limit):
    assert run(["cache", "--limit", limit]) == 2
    assert f"limit is {limit} MB: it must be from 1 to" in capsys.readouterr().err


def test_what_cannot_be_forgotten_is_an_error(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GI_CACHE", str(tmp_path / "file"))
    assert run(["cache"]) == 0
    assert capsys.readouterr().out.startswith("0 outcomes in 0.0 MB")
    assert run(["cache", "--clear"]) == 1
    assert "nothing was forgotten" in capsys.readouterr().err
    assert run(["cache", "--limit", "5"]) == 1
    assert "its bound is the same" in capsys.readouterr().err
