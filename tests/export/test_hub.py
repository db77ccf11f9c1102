import json
import re
from dataclasses import replace

import pytest
import torch
import yaml
from markdown_it import MarkdownIt
from safetensors.torch import load_file

from gi.archive import Archive
from gi.cli import run as gi
from gi.core.errors import ConfigError, RunError
from gi.data.dataset import run_dataset
from gi.export import export_hub, individual_subject
from gi.export.card import model_card
from tests.small_run import CONFIG, DEEP, DEEP_ID, SMALL, SMALL_ID, write_run, write_weights

FOLDER = ["NOTICE", "README.md", "config.json", "model.py", "model.safetensors"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def run(tmp_path):
    folder = write_run(tmp_path / "run")
    write_weights(folder / "weights" / f"{DEEP_ID}.pt", DEEP)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def code_blocks(card):
    return re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)


def test_a_folder_for_a_hub_says_what_a_stranger_needs(run, tmp_path, monkeypatch, capsys):
    assert gi(["export", str(run), DEEP_ID[:4], "--hub", str(tmp_path / "hub"), "--onnx", "--pt2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert names(tmp_path / "hub") == sorted([*FOLDER, "model.onnx", "model.pt2"])
    assert sorted(answer["files"]) == sorted(str(path) for path in (tmp_path / "hub").iterdir())
    card = (tmp_path / "hub" / "README.md").read_text()
    _, metadata, text = card.split("---\n", 2)
    assert yaml.safe_load(metadata)["license"] == "other"
    assert "| test | read once by each training, nothing was decided by it | 4.50% ± 0.71 |" in text
    assert "2 trainings from scratch, seeds 0, 1: mean ± deviation. The weights are those of the first one" in text
    assert "test error 4.00%" in text
    assert "digits: 1,151 training, 287 validation and 359 test samples. gi split the samples." in text
    assert "- torchvision==0.28.0 torchvision/models/resnet.py\\:177 (BSD-3-Clause)" in text
    config = json.loads((tmp_path / "hub" / "config.json").read_text())
    assert config["classes"] == [str(n) for n in range(10)]
    monkeypatch.chdir(tmp_path / "hub")
    monkeypatch.syspath_prepend(".")
    found = []
    for code in code_blocks(card):  # what the card tells to run does run
        scope = {}
        exec(code, scope)
        found.append(torch.as_tensor(scope["logits"]))
    assert [logits.shape for logits in found] == [(1, 10)] * 3


def test_nothing_is_replaced_and_nothing_half_written(run, tmp_path):
    folder = tmp_path / "hub"
    with Archive.open(run) as archive:
        with pytest.raises(RunError, match="no weights of 5a110000"):
            export_hub(archive, individual_subject(archive, SMALL_ID), folder)
        assert not folder.exists()
        export_hub(archive, individual_subject(archive, DEEP_ID), folder)
        before = (folder / "config.json").read_text()
        with pytest.raises(ConfigError, match=r"README\.md exists: pass --force"):
            export_hub(archive, individual_subject(archive, DEEP_ID), folder)
        export_hub(archive, individual_subject(archive, DEEP_ID), folder, force=True)
    assert (folder / "config.json").read_text() == before
    assert load_file(folder / "model.safetensors").keys() == write_weights(tmp_path / "x.pt", DEEP).keys()


def test_a_front_is_a_zoo(run, tmp_path, capsys):
    write_weights(run / "weights" / f"{SMALL_ID}.pt", SMALL)
    assert gi(["export", str(run), "--all", str(tmp_path / "zoo"), "--onnx", "--pt2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert names(tmp_path / "zoo") == sorted(["README.md", "data", DEEP_ID[:8], SMALL_ID[:8]])
    assert names(tmp_path / "zoo" / "data") == ["digits.npz"]
    written = [path for path in (tmp_path / "zoo").rglob("*") if path.is_file()]
    assert sorted(answer["files"]) == sorted(map(str, written))
    for member in answer["members"]:
        text = (tmp_path / "zoo" / member["id"][:8] / "model.py").read_text()
        assert "return optimizer, None, loss, None" in text, "each is tidied, as one alone is"
        assert {"model.onnx", "model.pt2", "model.safetensors"} <= set(names(tmp_path / "zoo" / member["id"][:8]))
    rows = [line for line in (tmp_path / "zoo" / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert rows[0].startswith(f"| [{DEEP_ID[:8]}]({DEEP_ID[:8]}/README.md) | 4.50% ± 0.71 | 3.50% ± 0.71 | 2.41k |")
    assert len(rows) == 2
    assert gi(["export", str(run), "--all", str(tmp_path / "zoo")]) == 2
    assert "README.md exists: pass --force" in capsys.readouterr().err
    assert gi(["export", str(run), "--all", str(tmp_path / "zoo"), "--no-tidy", "--force"]) == 0
    assert "scheduler = None" in (tmp_path / "zoo" / DEEP_ID[:8] / "model.py").read_text()


def test_a_member_without_weights_is_left_out_and_named(run, tmp_path, capsys):
    assert gi(["export", str(run), "--all", str(tmp_path / "zoo")]) == 0
    assert "gi: 1 more of the front had no final training and have no weights" in capsys.readouterr().err
    assert names(tmp_path / "zoo") == sorted(["README.md", "data", DEEP_ID[:8]])
    assert "1 more of the front had no final training" in (tmp_path / "zoo" / "README.md").read_text()


def test_a_format_that_cannot_hold_a_member_is_told_with_the_reason(tmp_path, monkeypatch, capsys):
    drawing = DEEP.replace("return self.layers(x)", "return self.layers(x) + torch.rand(10)")
    monkeypatch.setattr("tests.small_run.DEEP", drawing)
    folder = write_run(tmp_path / "run")
    write_weights(folder / "weights" / f"{DEEP_ID}.pt", drawing)
    assert gi(["export", str(folder), "--all", str(tmp_path / "zoo"), "--onnx"]) == 1
    said = "it draws random numbers for its outputs, also in evaluation mode"
    assert f"dee90000 cannot be written as ONNX: {said}" in capsys.readouterr().err
    assert f"dee90000 is not there as ONNX: {said}" in (tmp_path / "zoo" / "README.md").read_text()
    assert names(tmp_path / "zoo" / DEEP_ID[:8]) == FOLDER


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--hub", "h", "-o", "m.py"], "--hub goes without"),
        (["--hub", "h", "--patch", "m.patch"], "--hub goes without --patch"),
        (["--all", "z", "--hub", "h"], "--all goes without --hub"),
        (["--all", "z", "--best", "params"], "--all goes without --best"),
        (["dee9", "--all", "z"], "--all goes without ID"),
        (["--all", "file"], "file is a file: name a folder"),
        (["--hub", "file"], "file is a file: name a folder"),
    ],
)
def test_what_to_write_where_is_said_once(run, tmp_path, monkeypatch, capsys, given, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert gi(["export", str(run), *given]) == 2
    assert said in capsys.readouterr().err
    assert names(tmp_path) == ["file", "run"]


HOSTILE = "a|b`c` <img src=x> [l](http://x) \n# h\n---\n**b** $x$ @who"


def test_names_are_shown_in_a_card_and_not_obeyed(run):
    with Archive.open(run) as archive:
        dataset = run_dataset(CONFIG)
        dataset = replace(dataset, name=HOSTILE, class_names=(HOSTILE, *dataset.class_names[1:]))
        card = model_card(archive, individual_subject(archive, DEEP_ID), dataset, ["weights"], notice=True)
    _, metadata, text = card.split("---\n", 2)
    assert yaml.safe_load(metadata)["model-index"][0]["results"][0]["dataset"]["name"] == HOSTILE
    page = MarkdownIt("commonmark").enable("table").render(text)
    assert not re.search(r"<(img|a|em|strong|hr)\b", page)
    assert page.count("<h1>") == 1
    assert page.count("<table>") == 1
    assert "a|b`c` &lt;img src=x&gt; [l](http://x) \\n# h\\n---\\n**b** $x$ @who, 1, 2" in page
