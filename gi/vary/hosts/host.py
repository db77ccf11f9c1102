"""A program as variation sees it: source, trace, genes, and the names and widths in scope."""

import ast
import dataclasses
import math
import random
from dataclasses import dataclass
from functools import cached_property

from gi.core.protocols import Ingredients
from gi.core.trace import Trace
from gi.core.types import MODEL_TYPES, Ingredient, LineType, Task
from gi.source.tree.tree import Source, parse
from gi.vary.binding import expressions
from gi.vary.binding.parameter_rules import Surroundings
from gi.vary.genes import Form, Gene, RecipePart, model_genes, recipe_parts
from gi.vary.hosts.parent_line import parent_line


@dataclass(frozen=True)
class Host:
    """One program with its trace; also a stock of ingredients, as the other parent of a crossover."""

    text: str
    trace: Trace
    task: Task

    @cached_property
    def source(self) -> Source:
        """The parsed text."""
        return parse(self.text)

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """The network's genes, in the order in which data reaches them."""
        return model_genes(self.source, self.trace)

    @cached_property
    def parts(self) -> tuple[RecipePart, ...]:
        """The recipe's four parts."""
        return recipe_parts(self.source)

    @cached_property
    def classifier(self) -> Gene | None:
        """The last connection, which gives the classes: its width is not free."""
        # In the order of data: the last connection is what the classes come from.
        connections = [g for g in self.genes if g.type == LineType.CONNECTION]
        return connections[-1] if connections else None

    @cached_property
    def builders(self) -> frozenset[str]:
        """The module's functions that built the network: a file often holds a dozen factories."""
        lines = {site[0] for use in self.trace.uses for site in use.built}
        functions = self.source.functions.items()
        return frozenset(
            name for name, f in functions if any(f.lineno <= line <= (f.end_lineno or f.lineno) for line in lines)
        )

    def is_reached(self, node: ast.AST) -> bool:
        """Whether a node stands in no function of the module, or in one that built the network."""
        outer = [a for a in self.source.ancestors(node) if isinstance(a, (ast.FunctionDef, ast.ClassDef))]
        return not outer or not isinstance(outer[-1], ast.FunctionDef) or outer[-1].name in self.builders

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The widths of the network's connections."""
        connections = (g for g in self.genes if g.type == LineType.CONNECTION)
        return tuple(sorted({g.output.channels for g in connections if g.output.kind != "unknown"}))

    def around(self, gene: Gene, *, replaced: bool) -> Surroundings:
        """Channels, size and free width for a layer in the gene's place (`replaced`), or right behind it."""
        side = 0 if replaced else 1
        form = gene.input if replaced else gene.output
        free = gene.type != LineType.CONNECTION or not replaced
        # Behind a gene and for other types the width is free; in a connection's place what follows expects the old one.
        width = None if free else (self.task.num_classes if gene is self.classifier else gene.output.channels)
        plain = Surroundings(
            channels=form.channels,
            size=form.size,
            width=width,
            width_is_fixed=replaced and gene is self.classifier,
            widths=self.widths,
            divisor=math.gcd(*(use[side].channels for use in gene.uses)),  # groups have to divide all of them
        )
        if gene.is_shared or gene.is_laid_out:  # as many tokens, as wide heads, whatever cuts them
            return self._around_shared(gene, plain, replaced=replaced)
        if not replaced:
            return plain
        codes = (
            expressions.given(self.source, gene, expressions.INPUTS),
            expressions.given(self.source, gene, expressions.OUTPUTS),
        )
        return dataclasses.replace(plain, channels_code=codes[0], width_code=codes[1])

    def _around_shared(self, gene: Gene, plain: Surroundings, *, replaced: bool) -> Surroundings:
        """The same for a line that builds several layers: the new line must fit all of them."""
        source = self.source
        own = expressions.given(source, gene, expressions.INPUTS) if replaced else ""
        channels = own or expressions.width_in(source, self.genes, gene, behind=not replaced)
        # Where no expression gives the channels of all uses, no number does either.
        is_varied = not channels and len({use[0 if replaced else 1].channels for use in gene.uses}) > 1
        shared = dataclasses.replace(plain, is_shared=True, is_varied=is_varied)
        if not replaced:
            return dataclasses.replace(shared, channels_code=channels, width=shared.channels, width_code=channels)
        return dataclasses.replace(
            shared,
            channels_code=channels,
            width_code=expressions.given(source, gene, expressions.OUTPUTS),
            stride=expressions.stride(source, gene),
            window=expressions.window(source, gene),
            groups=expressions.groups(source, gene),
        )

    @cached_property
    def own_activations(self) -> tuple[str, ...]:
        """The functions of the module that take one tensor and do nothing but activate: `x * torch.sigmoid(x)`."""
        owners = [(self.source.function(g.call), g) for g in self.genes]
        inside = {name: [g for f, g in owners if f is own] for name, own in self.source.functions.items()}
        return tuple(
            name
            for name, genes in inside.items()
            if genes
            and len(self.source.functions[name].args.args) == 1
            and all(g.type == LineType.ACTIVATION and all(given == out for given, out in g.uses) for g in genes)
        )

    @cached_property
    def recipe_names(self) -> Surroundings:
        """The names that the recipe gives its parameters and its optimizer."""
        function = self.source.functions.get("recipe")
        arguments = [a.arg for a in function.args.args] if function else []
        net, steps = (arguments + ["net", "steps"][len(arguments) :])[:2]
        optimizer = next((n for n, s in self._assigned() if s is self.parts[0].expression), "optimizer")
        height, width = self.task.input_shape[1:]
        return Surroundings(net=net, optimizer=optimizer, steps=steps, image=(height, width))

    @cached_property
    def recipe_values(self) -> dict[str, ast.expr]:
        """What the recipe assigns to each name that it assigns once."""
        assigned = self._assigned()
        names = [name for name, _ in assigned]
        return {name: value for name, value in assigned if names.count(name) == 1}

    def _assigned(self) -> list[tuple[str, ast.expr]]:
        function = self.source.functions.get("recipe")
        body = function.body if function else []
        return [
            (s.targets[0].id, s.value) for s in body if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name)
        ]

    def ingredient(self, gene: Gene) -> Ingredient:
        """The gene as an ingredient for another program; its names take the values that the run really gave them."""
        call = gene.call
        data = gene.is_function and gene.place is not None
        known = dict(gene.settings)
        positional = ["data", *(self.source.code(a) for a in _arguments(gene))] if data else _settled(self, call, known)
        named = [f"{k.arg}={_value(self, k.value, known.get(k.arg or ''))}" for k in call.keywords if k.arg]
        text = f"{gene.symbol}({', '.join([*positional, *named])})"
        line = self.source.code(self.source.statement(call))
        return Ingredient(gene.type, gene.symbol, line, text, (), parent_line(call.lineno))

    def sample(self, rng: random.Random, line_type: LineType) -> Ingredient | None:
        """One of this program's own lines of a type."""
        genes = [g for g in self.all_genes if g.type == line_type]
        return self.ingredient(rng.choice(genes)) if genes else None

    @cached_property
    def all_genes(self) -> tuple[Gene, ...]:
        """Model and recipe genes."""
        return (*self.genes, *(g for part in self.parts for g in part.genes))


def _arguments(gene: Gene) -> list[ast.expr]:
    """A functional call's arguments without the data."""
    is_method = isinstance(gene.call.func, ast.Attribute) and gene.symbol.startswith("torch.Tensor.")
    return list(gene.call.args if is_method else gene.call.args[1:])


def _settled(host: Host, call: ast.Call, known: dict[str, str]) -> list[str]:
    """The positional arguments; where one is no literal, the value that the run gave the parameter in its place."""
    values = list(known.values())
    return [_value(host, a, values[i] if i < len(values) else None) for i, a in enumerate(call.args)]


def _value(host: Host, node: ast.expr, known: str | None) -> str:
    literal = all(not isinstance(n, (ast.Name, ast.Call)) for n in ast.walk(node))
    return host.source.code(node) if literal or known is None else known


# What fits where -----------------------------------------------------------------------------------------------------

_ODD = (
    *("Lazy", "SyncBatchNorm", "Multihead", "Bilinear", "RNN", "LSTM", "GRU", "Transformer", "Identity", "Same"),
    *("MaxUnpool", "FractionalMaxPool", "AdaptiveLogSoftmax", "Threshold", "GLU", "Embedding", "Quant", "Fold"),
    *("Unfold", "Cell"),
)
"""Layers that cannot stand alone in a line: more than one input or output, state, or a second dimension."""

_OF_MODEL = ("torch.nn.", "torch.relu", "torch.tanh", "torch.sigmoid", "torch.selu", "torch.celu")


_OF_LAST_AXIS = frozenset({"layernorm", "rmsnorm"})
_OF_VALUES = frozenset({"dropout", "alphadropout"})
"""Normalizations and regularizations that ask nothing of a form but its last axis, or nothing at all."""


def fits(ingredient: Ingredient, form: Form) -> bool:
    """Whether a single layer may stand where the values of a sample lie in this form."""
    name = ingredient.symbol.rpartition(".")[2]
    if ingredient.type == LineType.ACTIVATION and ingredient.source:  # a function of the donor's own, of any form
        return True
    if ingredient.type not in MODEL_TYPES or not ingredient.symbol.startswith(_OF_MODEL) or name.startswith(_ODD):
        return False
    flat = name.lower().replace("_", "")
    if ingredient.type == LineType.CONNECTION:
        return flat in _CONNECTIONS.get(form.kind, ())
    if ingredient.type == LineType.POOLING:
        return form.kind == "image" and flat.endswith("pool2d") and min(form.size) >= 2  # one pixel is pooled already
    if form.kind in ("tokens", "sequence", "unknown"):
        return _fits_any_axis(ingredient.type, flat, form)
    if flat.startswith("instancenorm") and math.prod(form.size) == 1:  # of one value there is no deviation
        return False
    if flat.endswith(("2d", "3d", "localresponsenorm")) or flat in ("instancenorm1d", "dropout1d"):
        return form.kind == "image" and not flat.endswith("3d")
    return not (flat == "batchnorm1d" and form.kind == "image")


_CONNECTIONS: dict[str, tuple[str, ...]] = {
    "features": ("linear",),
    "tokens": ("linear",),
    "image": ("conv2d", "convtranspose2d"),
    "sequence": ("conv1d",),
}


def _fits_any_axis(line_type: LineType, flat: str, form: Form) -> bool:
    """What takes the last axis of tokens, or single values.

    A batch norm or a group norm would run on (n, tokens, c), and take the tokens for the channels.
    """
    if line_type == LineType.ACTIVATION:
        return flat != "prelu" and not flat.endswith(("2d", "softmax", "softmin"))
    if line_type == LineType.NORMALIZATION:
        return form.kind == "tokens" and flat in _OF_LAST_AXIS
    return flat in _OF_VALUES


_OF_RECIPE = ("torch.optim.", "torch.nn.", "torchvision.transforms.")
_NO_STEP = frozenset(  # needs a closure, sparse gradients, a metric, other labels, or a second data set
    {
        "Optimizer",
        "LBFGS",
        "SparseAdam",
        "LRScheduler",
        "ReduceLROnPlateau",
        "LambdaLR",
        "MultiplicativeLR",
        "SequentialLR",
    }
    | {"ChainedScheduler", "SWALR", "Compose", "Lambda", "Normalize", "Transform", "RandomApply", "RandomChoice"}
    | {"ToTensor", "ToPILImage", "PILToTensor", "ToImage", "ToDtype", "ToPureTensor", "ConvertImageDtype", "ToDevice"}
    | {"AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix", "FiveCrop", "TenCrop", "Identity", "JPEG"}
    | {"Resize", "CenterCrop", "RandomResize", "ScaleJitter", "RandomShortestSize", "RandomPosterize", "RandomIoUCrop"}
    | {"MixUp", "CutMix", "RandomZoomOut", "RandomPhotometricDistort", "RandomChannelPermutation", "RGB"}
)


def fits_recipe(ingredient: Ingredient) -> bool:
    """Whether a line of a recipe type can stand alone in `recipe`: a class that works on batches and class labels."""
    name = ingredient.symbol.rpartition(".")[2]
    if not ingredient.symbol.startswith(_OF_RECIPE) or not name[:1].isupper() or name in _NO_STEP:
        return False
    return ingredient.type != LineType.LOSS or name in ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")


def donor(stock: Ingredients, kind: LineType, form: Form, rng: random.Random, draws: int = 30) -> Ingredient | None:
    """An ingredient of a type that fits where the values of a sample lie in this form, or that fits a recipe."""
    # Drawn and then tested: a stock may hold many thousand lines, of which most kinds fit most places.
    for _ in range(draws):
        drawn = stock.sample(rng, kind)
        if drawn is None:
            return None
        if fits(drawn, form) if kind in MODEL_TYPES else fits_recipe(drawn):
            return drawn
    return None
