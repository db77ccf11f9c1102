import ast
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gi.archive import Archive
from gi.core.errors import ConfigError, RunError
from gi.core.types import Task
from gi.data.dataset import run_dataset
from gi.export import export_best, export_subject, formats, individual_subject, model_source
from gi.export.data import data_facts
from tests.small_run import BROKEN_ID, CONFIG, DEEP, DEEP_ID, SMALL, SMALL_ID, write_run, write_weights

STANDARD = sys.stdlib_module_names


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def archive(tmp_path):
    with Archive.open(write_run(tmp_path / "run")) as opened:
        yield opened


def export_model(archive, id_, out, *, force=False, **kinds):
    """An individual as it was evolved."""
    return export_subject(archive, individual_subject(archive, id_), out, formats(**kinds), force=force)


def run_file(path, *arguments):
    """What `python path` prints, in a folder where gi cannot be imported from."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(path.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", path.name, *arguments],
        cwd=path.parent, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def imported(text):
    """The top-level packages that a text imports as soon as it runs."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_file_imports_only_torch_and_the_standard_library(archive):
    assert imported(model_source(archive, DEEP_ID)) - STANDARD == {"torch"}


def test_the_program_stands_in_the_file_as_it_was_evolved(archive):
    program = SMALL.partition("\n\n\n")[2].rstrip("\n")
    assert program in model_source(archive, SMALL_ID)


def test_the_header_tells_figures_with_their_split_and_number_of_seeds(archive):
    header = ast.get_docstring(ast.parse(model_source(archive, DEEP_ID)))
    assert "test error        4.50% +- 0.71% (mean and deviation over 2 trainings)" in header
    assert "validation error  3.50% +- 0.71% (mean and deviation over 2 trainings)" in header
    assert "parameters        2,410" in header


def test_a_program_that_was_not_retrained_says_so(tmp_path):
    with Archive.open(write_run(tmp_path / "run", finished=False)) as archive:
        header = model_source(archive, DEEP_ID)
    assert "test error        not measured" in header
    assert "validation error  3.00% (1 training; the fitness during the search)" in header


def test_the_header_names_the_origin_and_the_licence_of_every_borrowed_line(archive):
    lines = model_source(archive, DEEP_ID).splitlines()
    (note,) = [line for line in lines if line.startswith("#   line")]
    assert note.endswith("nn.Hardswish(),: torchvision==0.28.0 torchvision/models/resnet.py:177 (BSD-3-Clause)")
    number = int(note.split()[2].rstrip(","))
    assert lines[number - 1].strip() == "nn.Hardswish(),"
    assert "# The program started as gi corpus/seeds/small.py (Apache-2.0)." in lines


def test_the_file_is_formatted(archive):
    from gi.export.layout import formatted

    text = model_source(archive, DEEP_ID)
    assert formatted(text) == text


def test_digits_are_written_beside_the_file(archive, tmp_path):
    written = export_model(archive, DEEP_ID, tmp_path / "out" / "model.py")
    assert written.data == tmp_path / "out" / "data" / "digits.npz"
    with np.load(written.data) as arrays:
        assert arrays["train_images"].shape[1:] == (1, 8, 8)
        assert set(arrays) == {"train_images", "train_labels", "test_images", "test_labels"}


def test_existing_files_are_replaced_only_by_force(archive, tmp_path):
    out = tmp_path / "model.py"
    out.write_text("mine")
    with pytest.raises(ConfigError, match="exists: pass --force"):
        export_model(archive, DEEP_ID, out)
    assert out.read_text() == "mine"
    export_model(archive, DEEP_ID, out, force=True)
    assert "class Net" in out.read_text()


def test_a_folder_is_no_output_file(archive, tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        export_model(archive, DEEP_ID, tmp_path)


def test_weights_that_are_not_there_are_refused_before_anything_is_written(archive, tmp_path):
    with pytest.raises(RunError, match="no weights of dee90000"):
        export_model(archive, DEEP_ID, tmp_path / "new" / "model.py", weights=True)
    assert not (tmp_path / "new").exists()


def test_weights_are_those_of_the_run(archive, tmp_path):
    state = write_weights(archive.folder / "weights" / f"{DEEP_ID}.pt", DEEP)
    written = export_model(archive, DEEP_ID, tmp_path / "model.py", weights=True)
    assert written.weights == tmp_path / "model.safetensors"
    handed_on = load_file(written.weights)
    assert handed_on.keys() == state.keys()
    assert all(torch.equal(handed_on[name], state[name]) for name in state)


@pytest.mark.slow
def test_what_a_run_leaves_is_tidied_and_says_what_is_amiss(archive, tmp_path):
    out, weights = tmp_path / "best" / "model.py", archive.folder / "weights" / f"{DEEP_ID}.pt"
    write_weights(weights, DEEP)
    assert export_best(archive, DEEP_ID, out) == ()
    assert "return optimizer, None, loss, None" in out.read_text()
    assert out.with_suffix(".safetensors").is_file()
    weights.write_bytes(b"none")
    not_tidied, without = export_best(archive, DEEP_ID, out)
    assert not_tidied.startswith("not tidied: ")
    assert without.startswith("without weights: ")
    assert not out.with_suffix(".safetensors").exists(), "they would be another program's"


def test_an_individual_that_failed_is_not_exported(archive, tmp_path):
    with pytest.raises(ConfigError, match="was not evaluated or failed"):
        export_model(archive, BROKEN_ID, tmp_path / "model.py")


def test_names_that_the_program_defines_itself_do_not_clash(tmp_path):
    from gi.export.render import Figures, model_text

    text = SMALL + "\n\ndef train(x):\n    return x\n\n\nclass error:\n    pass\n"
    facts = data_facts(run_dataset(CONFIG), "digits")
    made = model_text(text, (), facts, Figures(num_params=650, batch_size=64, steps=5, validation_errors=(0.1,)))
    names = [node.name for node in ast.parse(made).body if hasattr(node, "name")]
    assert len(set(names)) == len(names)
    assert {"train", "error", "train_", "error_"} <= set(names)


@pytest.mark.slow
def test_the_file_builds_trains_and_scores_without_gi(archive, tmp_path):
    written = export_model(archive, DEEP_ID, tmp_path / "out" / "model.py")
    status, out, err = run_file(written.model)
    assert (status, err) == (0, "")
    assert out.startswith("2,410 parameters, input (1, 1, 8, 8) -> output (1, 10)\nclasses: 0, 1, 2, 3, 4, ")
    status, out, err = run_file(written.model, "--data", "data")
    assert (status, err) == (0, "")
    holds, told = out.splitlines()
    assert holds == "trained.pt holds the weights after 20 steps of 64 images, seed 0"
    assert told.startswith("test error ")
    assert told.endswith("%, as evolution measured with this seed: 4.00%")
    with np.load(written.data) as arrays:
        Image.fromarray(arrays["test_images"][0, 0]).resize((30, 20)).convert("RGB").save(tmp_path / "out" / "one.png")
    status, out, err = run_file(written.model, "--weights", "trained.pt", "--data", "data", "--predict", "one.png")
    assert (status, err) == (0, "")
    again, named = out.splitlines()
    assert told.startswith(again)
    assert named.partition(": ")[2] in "0123456789"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--predict", "a.png"), "--predict needs --weights FILE"),
        (("--save", "nowhere/w.pt", "--data", "data"), "its folder does not exist"),
        (("--weights", "model.py", "--data", "data"), "model.py does not hold this network's weights: it is neither"),
        (("--weights", "none.pt", "--data", "data"), "none.pt does not hold this network's weights: "),
    ],
)  # fmt: skip
def test_a_users_mistake_is_one_line(archive, tmp_path, arguments, message):
    written = export_model(archive, SMALL_ID, tmp_path / "model.py")
    status, _, err = run_file(written.model, *arguments)
    assert status in (1, 2)
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_missing_data_folder_is_one_line(archive, tmp_path):
    written = export_model(archive, SMALL_ID, tmp_path / "model.py")
    status, _, err = run_file(written.model, "--data", "nowhere")
    assert status == 1
    assert err == "nowhere does not exist: pass the folder of digits.npz.\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("scheduler = None", "scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)"),
        ("torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)", "torch.optim.LBFGS(net.parameters(), max_iter=2)"),
        ("augmentation = None", "augmentation = v2.RandomCrop(8, padding=1)"),
    ],
)  # fmt: skip
def test_recipes_of_every_kind_train(tmp_path, line, other):
    from gi.export.data import write_splits
    from gi.export.render import Figures, model_text

    text = SMALL.replace(line, other).replace("import nn\n", "import nn\nfrom torchvision.transforms import v2\n", 1)
    dataset = run_dataset(CONFIG)
    figures = Figures(num_params=650, batch_size=64, steps=5, validation_errors=(0.1,))
    made = model_text(text, (), data_facts(dataset, "digits"), figures)
    assert ("torchvision" in imported(made)) == ("v2" in other)
    (tmp_path / "model.py").write_text(made)
    write_splits(dataset, tmp_path / "digits.npz")
    status, out, err = run_file(tmp_path / "model.py", "--data", ".")
    assert (status, err) == (0, "")
    assert "test error" in out


AUGMENTATIONS = {
    "none": ("", "None"),
    "turned and moved": ("from torchvision.transforms import v2", "v2.RandomAffine(20, translate=(0.1, 0.1))"),
    "a list": (
        "from torchvision import transforms",
        "transforms.Compose([transforms.RandomCrop(8, padding=1), transforms.ToTensor(), transforms.RandomErasing()])",
    ),
    "its own": ("from random import random", "lambda x: x.flip(-1) if random() < 0.5 else x"),
}


@pytest.mark.parametrize(("imports", "augmentation"), AUGMENTATIONS.values(), ids=AUGMENTATIONS)
def test_a_seed_gives_the_training_that_a_run_gives(imports, augmentation):
    from gi.data.dataset import open_split
    from gi.export.render import Figures, model_text
    from gi.trace.program.candidate import build, load
    from gi.trace.program.recipe import make_recipe
    from gi.train.batches import Batches
    from gi.train.loop import batch_order, seed_everything, train

    text = SMALL.replace("import torch\n", f"import torch\n{imports}\n", 1)
    text = text.replace("augmentation = None", f"augmentation = {augmentation}")
    dataset, steps = run_dataset(CONFIG), 12
    seed_everything(3, "weights")
    module = load(text)
    ours = build(module)
    seed_everything(3, "recipe")
    recipe = make_recipe(module, ours, steps, dataset.task.input_shape)
    seed_everything(3, "training")
    batches = Batches(dataset, "train", "cpu")
    train(ours, recipe, batches, batch_order(batches.num_samples, 64, steps, 3))

    figures = Figures(num_params=650, batch_size=64, steps=steps, validation_errors=(0.1,))
    exported = model_text(text, (), data_facts(dataset, "digits"), figures)
    assert ("augmenter" in exported) == (not augmentation.startswith(("None", "v2.RandomAffine")))
    names = {"__name__": "exported"}
    exec(compile(exported, "model.py", "exec"), names)
    images, labels = (torch.tensor(part) for part in open_split(dataset.path, "train"))
    theirs = names["train"](images, labels, 3)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_the_exported_file_counts_weights_wherever_they_are_kept(tmp_path):
    from gi.export.render import Figures, model_text

    text = SMALL.replace(
        "        self.layers =", "        self.scale = torch.ones(64, requires_grad=True)\n        self.layers ="
    )
    figures = Figures(num_params=714, batch_size=64, steps=5, validation_errors=(0.1,))
    (tmp_path / "model.py").write_text(model_text(text, (), data_facts(run_dataset(CONFIG), "digits"), figures))
    status, out, err = run_file(tmp_path / "model.py")
    assert (status, err) == (0, "")
    assert out.startswith("714 parameters")


def test_facts_name_the_reader_of_each_kind_of_data_set():
    from dataclasses import replace

    digits = run_dataset(CONFIG)
    mnist = replace(digits, name="mnist", source_kind="torchvision", places={"train": "train", "test": "test"})
    cifar = replace(mnist, name="cifar10", task=Task((3, 32, 32), 10))
    folder = replace(cifar, name="pets", source_kind="folder")
    whole = [digits, mnist, cifar, folder, replace(folder, image_size=(32, 32))]
    assert [data_facts(d, "pets").reader for d in whole] == ["npz", "idx", "named", "folder", "folder"]
    without_test = replace(folder, places={"train": "train"})
    resized = replace(mnist, image_size=(32, 32))
    assert [data_facts(d, "pets").reader for d in (without_test, resized)] == ["npz", "npz"]
