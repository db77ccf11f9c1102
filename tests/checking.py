"""Programs in a few lines, a check that runs in this process, and a stock of the seed programs' own lines."""

import json
import random
import textwrap
import warnings
from pathlib import Path

from gi.core.compat import allow_torchvision
from gi.core.trace import Answer, Trace, answer_from_json
from gi.core.types import Ingredient, LineType, Origin, Task
from gi.lines import typed_lines

allow_torchvision()

from gi.trace import service  # noqa: E402 (its torchvision must be allowed first)
from gi.trace.classes.trial import tried  # noqa: E402 (likewise)

SMALL = Task((1, 8, 8), 10)
SEEDS = {path.stem: path.read_text() for path in sorted((Path(__file__).parents[1] / "corpus/seeds").glob("*.py"))}
HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
RECIPE = """

def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    return optimizer, None, nn.CrossEntropyLoss(), None
"""


def _indented(code: str) -> str:
    return textwrap.indent(textwrap.dedent(code).strip("\n"), "        ")


def program(init: str, forward: str, recipe: str = RECIPE, head: str = HEAD) -> str:
    """A program around the statements of `__init__` and of `forward`."""
    return (
        f"{head}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{_indented(init)}\n\n"
        f"    def forward(self, x):\n{_indented(forward)}\n{recipe}"
    )


def sequential(*layers: str) -> str:
    """A program of one `nn.Sequential`, a layer to a line."""
    lines = "".join(f"    {layer},\n" for layer in layers)
    return program(f"self.layers = nn.Sequential(\n{lines})", "return self.layers(x)")


def with_recipe(*lines: str, parts: str = "optimizer, scheduler, loss, augmentation", head: str = HEAD) -> str:
    """One linear layer and this recipe; parts that the lines leave out are plain ones."""
    plain = (
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)",
        "scheduler = None",
        "loss = nn.CrossEntropyLoss()",
        "augmentation = None",
    )
    given = {line.partition(" = ")[0] for line in lines}
    body = [p for p in plain if p.partition(" = ")[0] not in given][:1] + list(lines)
    body += [p for p in plain if p.partition(" = ")[0] not in given and p not in body]
    recipe = "\n\ndef recipe(net, steps):\n" + "".join(f"    {line}\n" for line in body) + f"    return {parts}\n"
    return program("self.fc = nn.Linear(64, 10)", "return self.fc(x.flatten(1))", recipe, head)


class InProcess:
    """The check worker's answers without its process; every text is checked once."""

    def __init__(self) -> None:
        self.count = 0
        self._answers: dict[tuple[str, Task], Answer] = {}
        self._counterparts = service.counterparts()
        self._signatures = {}
        self._blocks = {}

    def __call__(self, text: str, task: Task) -> Answer:
        if (text, task) not in self._answers:
            self.count += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = service.trace(text, list(task.input_shape), task.num_classes)
            self._answers[text, task] = answer_from_json(json.loads(json.dumps(answer)))
        return self._answers[text, task]

    def trace(self, text: str, task: Task = SMALL) -> Trace:
        answer = self(text, task)
        assert isinstance(answer, Trace), answer
        return answer

    def signature(self, symbol: str):
        if symbol not in self._signatures:
            found = service.signature(symbol)
            self._signatures[symbol] = None if found is None else tuple((name, needed) for name, needed in found)
        return self._signatures[symbol]

    def block(self, source: str, name: str, calls):
        if (source, name) not in self._blocks:
            self._blocks[source, name] = json.loads(json.dumps(tried(source, name, calls)))
        return self._blocks[source, name]

    def counterpart(self, symbol: str) -> str | None:
        return self._counterparts.get(symbol)


class Stock:
    """Ingredients in a stable order."""

    def __init__(self, *ingredients: Ingredient) -> None:
        self.ingredients = ingredients

    @classmethod
    def of(cls, *texts: str) -> "Stock":
        return cls(*(i for n, text in enumerate(texts) for i in ingredients(text, f"{n}.py")))

    def sample(self, rng: random.Random, line_type: LineType) -> Ingredient | None:
        found = [i for i in self.ingredients if i.type == line_type]
        return rng.choice(found) if found else None


def ingredients(text: str, path: str = "model.py") -> list[Ingredient]:
    """Every typed call of a text, as the corpus holds them."""
    return [
        Ingredient(c.type, c.symbol, line.code, c.code, c.names, Origin("donors", "abc", path, c.line, "MIT"))
        for line in typed_lines(text)
        for c in line.calls
    ]
