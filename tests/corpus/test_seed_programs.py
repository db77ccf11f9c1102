import ast
import warnings
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from gi.core.trace import Trace
from gi.core.types import Task
from gi.source.repair.repair import repair
from tests.checking import InProcess  # makes torchvision importable

FOLDER = Path(__file__).parents[2] / "corpus" / "seeds"
COLOUR = {path.stem: path.read_text() for path in sorted((FOLDER / "colour").glob("*.py"))}
TEXTS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.py"))} | COLOUR
STYLES = ("append", "sequential", "attribute")
BANDS = (500, 800, 1_000, 2_000, 4_000, 10_000, 16_000, 40_000, 120_000, 200_000, 500_000)  # parameters
ALLOWED_IMPORTS = {"torch", "torch.nn.functional", "torchvision.transforms"}
CLASSES = 10


def loaded(name):
    namespace = {"__name__": name}
    exec(compile(TEXTS[name], f"{name}.py", "exec"), namespace)
    return namespace


def built(name, device="meta"):
    with torch.device(device):
        return loaded(name)["Net"]()


def images(name, count=4, device="meta"):
    shape = (3, 32, 32) if name in COLOUR else (1, 28, 28)
    return torch.rand(count, *shape, device=device)


def num_params(net):
    return sum(p.numel() for p in net.parameters())


def structure(net):
    """Every layer with its settings, without its name, as `print(net)` shows it."""
    return tuple(repr(layer) for layer in net.modules() if not list(layer.children()))


def calls_in(name, method):
    """The source of every call in a method of `Net`, and of every element of its `nn.Sequential`."""
    net = next(n for n in ast.parse(TEXTS[name]).body if isinstance(n, ast.ClassDef))
    body = next(n for n in net.body if isinstance(n, ast.FunctionDef) and n.name == method)
    return [n for n in ast.walk(body) if isinstance(n, ast.Call)]


def test_each_style_that_people_write_is_there_several_times():
    styles = [name.rpartition("_")[2] for name in TEXTS if name not in COLOUR]
    assert set(styles) == set(STYLES)
    assert min(map(styles.count, STYLES)) >= 4
    assert 12 <= len(styles) <= 20, "each costs a run one evaluation"


def test_parameters_lie_in_every_band_from_500_to_500_000():
    sizes = [num_params(built(name)) for name in TEXTS]
    for low, high in pairwise(BANDS):
        assert any(low <= size < high for size in sizes), f"none from {low} to {high} parameters"
    assert BANDS[0] <= min(sizes)
    assert max(sizes) < BANDS[-1]


@pytest.mark.parametrize("name", TEXTS)
def test_gives_one_logit_for_each_class(name):
    assert built(name)(images(name)).shape == (4, CLASSES)


@pytest.mark.parametrize("name", TEXTS)
def test_every_parameter_gets_a_gradient(name):
    net = built(name)
    net(images(name)).sum().backward()
    assert [key for key, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", TEXTS)
def test_its_recipe_trains_without_a_warning(name):
    torch.manual_seed(0)
    net = built(name, "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer, scheduler, loss, augmentation = loaded(name)["recipe"](net, 2)
        before = [p.detach().clone() for p in net.parameters()]
        for _ in range(2):
            batch = images(name, 8, "cpu")
            augmented = batch if augmentation is None else augmentation(batch)
            assert augmented.shape == batch.shape
            value = loss(net(augmented), torch.randint(CLASSES, (8,)))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            scheduler.step()
    assert torch.isfinite(value)
    assert any(not torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))


@pytest.mark.parametrize("name", [n for n in TEXTS if n.endswith("append")])
def test_an_append_program_adds_one_layer_a_line(name):
    added = [c for c in calls_in(name, "__init__") if ast.unparse(c.func) == "layers.append"]
    assert len(added) == len(built(name).layers)
    assert len({c.lineno for c in added}) == len(added)


@pytest.mark.parametrize("name", [n for n in TEXTS if n.endswith("sequential")])
def test_a_sequential_program_has_one_layer_a_line(name):
    (stack,) = (c for c in calls_in(name, "__init__") if ast.unparse(c.func) == "nn.Sequential")
    assert len({element.lineno for element in stack.args}) == len(stack.args) == len(built(name).layers)


@pytest.mark.parametrize("name", [n for n in TEXTS if n.endswith("attribute")])
def test_an_attribute_program_names_its_layers_and_calls_them_in_forward(name):
    layers = [key for key, _ in built(name).named_children()]
    called = {ast.unparse(c.func) for c in calls_in(name, "forward")}
    assert "nn.Sequential" not in TEXTS[name]
    assert {f"self.{key}" for key in layers} <= called
    assert any(c.startswith("F.") for c in called)


@pytest.mark.parametrize("name", TEXTS)
def test_is_dense_or_convolutional_as_its_name_says(name):
    convolutions = [layer for layer in built(name).modules() if isinstance(layer, nn.Conv2d)]
    assert bool(convolutions) == (not name.startswith("dense"))


@pytest.mark.parametrize("name", TEXTS)
def test_imports_nothing_but_torch_and_its_transforms(name):
    imports = [n for n in ast.walk(ast.parse(TEXTS[name])) if isinstance(n, (ast.Import, ast.ImportFrom))]
    modules = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imports}
    assert modules <= ALLOWED_IMPORTS
    assert ast.get_docstring(ast.parse(TEXTS[name]))


def test_no_two_have_the_same_structure():
    assert len({structure(built(name)) for name in TEXTS}) == len(TEXTS)


def test_recipes_differ_enough_to_be_crossed():
    recipes = [dict(statements(name)) for name in TEXTS]
    for part, least in (("optimizer", 3), ("scheduler", 2), ("loss", 2), ("augmentation", 2)):
        assert len({recipe[part] for recipe in recipes}) >= least, part


def statements(name):
    """What each name in `recipe` is set to."""
    body = next(n for n in ast.parse(TEXTS[name]).body if isinstance(n, ast.FunctionDef))
    return ((n.targets[0].id, ast.unparse(n.value)) for n in body.body if isinstance(n, ast.Assign))


TASKS = [Task((1, 8, 8), 7), Task((1, 16, 16), 2), Task((3, 32, 32), 10), Task((2, 20, 33), 7), Task((3, 64, 64), 100)]


@pytest.mark.parametrize("task", TASKS, ids=str)
@pytest.mark.parametrize("name", TEXTS)
def test_shape_repair_fits_it_to_another_task(name, task, check):
    fitted = check(repair(TEXTS[name], task, check), task)
    assert isinstance(fitted, Trace)
    assert fitted.fixes == ()
    assert fitted.no_gradient == ()


@pytest.mark.parametrize("task", TASKS[:2] + TASKS[-1:], ids=str)
@pytest.mark.parametrize("name", TEXTS)
def test_what_was_fitted_to_another_task_trains(name, task, check):
    namespace = {"__name__": name}
    exec(compile(repair(TEXTS[name], task, check), f"{name}.py", "exec"), namespace)
    net = namespace["Net"]()
    optimizer, scheduler, loss, augmentation = namespace["recipe"](net, 1)
    batch = torch.rand(4, *task.input_shape)
    value = loss(net(batch if augmentation is None else augmentation(batch)), torch.zeros(4, dtype=torch.long))
    value.backward()
    optimizer.step()
    scheduler.step()
    assert torch.isfinite(value)


@pytest.fixture(scope="module")
def check():
    return InProcess()
