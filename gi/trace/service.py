"""Runs one untrusted program on meta tensors and returns its trace. Runs only in the check worker.

One pass: where a layer does not fit its input, it is made to fit (on meta tensors this costs nothing), the
fix is recorded, and the run goes on. So one answer has all changes that the text needs. `gi.source.repair.repair`
turns the fixes into edits; a program without fixes fits as it is. Only with fixes is the text run again, to find every
place that could change the values, since tracking numbers doubles the cost.
"""

import ast
import contextlib
import dis
import io
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from gi.core.trace import Trace, answer_as_json
from gi.source.identity.digest import digest as digest_of_text
from gi.trace.classes.trial import tried
from gi.trace.identity.numeric_digest import fixed_randomness, numeric
from gi.trace.identity.recipe_digest import digest, reached, recipe_digest
from gi.trace.numbers.marks import ADDED, AT
from gi.trace.numbers.tracked_int import Routes
from gi.trace.program.candidate import CandidateError, blame, build, compiled, executed
from gi.trace.program.placement import Values
from gi.trace.program.recipe import try_recipe
from gi.trace.program.weights import num_weights, weights
from gi.trace.recorder import BATCH, Recorder
from gi.trace.torch_names import counterparts, signature

MAX_MULTIPLY_ADDS = (
    4_000_000_000  # for a batch: numbers of a larger network cost seconds, so its fingerprint is of its steps alone
)
MAX_WEIGHTS = 40_000_000  # each is in memory a few times, and the worker's memory is limited
MAX_VALUES = 100_000_000  # activations of a batch, which are all kept for the backward pass
_MAX_REMEMBERED = 20_000


def handle(verb: str, *args: Any) -> dict[str, Any]:
    """Answers one call of the check worker with the value and its CPU seconds."""
    start = time.process_time()
    value = _VERBS[verb](*args)
    return {"value": value, "cpu_s": time.process_time() - start}


def trace(
    text: str,
    input_shape: list[int],
    num_classes: int,
    entry: str = "Net",
    with_recipe: bool = True,
    with_numbers: bool = True,
) -> dict[str, Any]:
    """The JSON form of a `Trace`, or of a `Stopped` where the program did not run to the end.

    `entry` is an expression that builds the network, evaluated in the program's namespace and called without
    arguments unless it is a call itself. Without numbers, a fingerprint is that of the network's steps. Errors of the
    program are not raised.
    """
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), _torchs_own_state():
        try:
            run = _Run(text, tuple(input_shape), num_classes, entry)
            return answer_as_json(run.answer(with_recipe, with_numbers))
        except CandidateError as stop:
            return answer_as_json(stop.record)


@contextlib.contextmanager
def _torchs_own_state() -> Iterator[None]:
    """Resets process-wide settings of torch that a program changed, for the next program."""
    dtype = torch.get_default_dtype()
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_default_device(None)


_VERBS: dict[str, Callable[..., Any]] = {
    "trace": trace,
    "signature": signature,
    "counterparts": counterparts,
    "block": tried,
}


class _Run:
    """One program, with the input shape and number of classes that it has to fit."""

    def __init__(self, text: str, input_shape: tuple[int, ...], num_classes: int, entry: str) -> None:
        self.text, self.input_shape, self.num_classes, self.entry = text, input_shape, num_classes, entry
        self.code, self.values = compiled(text), Values.NONE

    def answer(self, with_recipe: bool, with_numbers: bool) -> Trace:
        """The trace. Raises `CandidateError`."""
        module, net, output, seen = self._with_values()
        if seen.needs.fixes:
            module, net, output, seen = self._followed()
        params = list(net.named_parameters())
        if any(isinstance(p, UninitializedParameter) for _, p in params):
            raise CandidateError(
                "forward", "unused lazy layer", "a lazy layer gets no data, so its weights get no size"
            )
        leaves = reached(output)
        if seen.graph.draws_weights or leaves - {id(weight) for weight in weights(net)}:
            raise CandidateError("forward", "builds a weight in forward", "a weight is none of what the network holds")
        no_gradient = tuple(name for name, p in params if p.requires_grad and id(p) not in leaves)
        fixes, points = seen.needs.distinct()
        facts = [seen.graph.weight_facts(p) for _, p in params]
        elsewhere = [repr(seen.graph.weight_facts(weight)) for weight in weights(net)[len(params) :]]
        recipe = self._recipe(module, net, seen.graph.ranks) if with_recipe and not fixes else ""
        num_params = num_weights(net)  # a recipe may ask for more gradients
        model = digest(seen.graph.digest_of(output), num_params, elsewhere)  # unused weights count as parameters, too
        two_modes = seen.graph.drops or _knows_its_mode(self.code)
        model = digest(model, self._unseen()) if self._unseen() else model
        if two_modes:  # its recorded steps are those in training: evaluation may differ
            model = digest(model, self.text)
        if with_numbers and not fixes and not no_gradient:
            model = self._meaning(seen, model, [*facts, elsewhere], num_params, two_modes)
        return Trace(
            uses=tuple(seen.uses),
            fixes=fixes,
            unused=seen.unused(),
            no_gradient=no_gradient,
            num_params=num_params,
            model=model,
            fingerprint=digest(model, recipe),
            built_counts=seen.built_counts(),
            network=type(net).__qualname__ if type(net).__module__ == "candidate" else "",
            points=points,
        )

    def _with_values(self) -> tuple[types.ModuleType, nn.Module, torch.Tensor, Recorder]:
        """One recorded run, with as few tensors with values as the program needs."""
        for values in Values:
            self.values = values
            try:
                with fixed_randomness() if values else contextlib.nullcontext():
                    return self._recorded(self.code, Routes())
            except CandidateError as stop:
                if values is max(Values) or "meta" not in stop.record.detail.lower():
                    raise
        raise AssertionError("the last values give a run or a reason")

    def _recorded(
        self, code: types.CodeType, routes: Routes
    ) -> tuple[types.ModuleType, nn.Module, torch.Tensor, Recorder]:
        """The program's module, its network, the output for a batch, and the record of the run."""
        seen = Recorder(routes, self.num_classes, self.values)
        with seen.importing():
            module = executed(code, {AT: routes.at, ADDED: routes.added})
        with seen.recording():
            net = build(module, self.entry)
            seen.empty(net)
            output = self._forward(net, seen)
        seen.output(output)
        return module, net, output, seen

    def _followed(self) -> tuple[types.ModuleType, nn.Module, torch.Tensor, Recorder]:
        """The same, with numbers tracked through the text."""
        routes = Routes()
        return self._recorded(compiled(routes.points.followed(ast.parse(self.text))), routes)

    def _forward(self, net: nn.Module, seen: Recorder) -> torch.Tensor:
        x = seen.input(self.input_shape)
        with blame("forward"):
            output = net(x)
        if not isinstance(output, torch.Tensor):
            said = f"the output is a {type(output).__name__}, not one tensor"
            raise CandidateError("forward", "output is no tensor", said)
        if not output.requires_grad and any(True for _ in net.parameters()):
            raise CandidateError("forward", "no gradient", "the output does not depend on any parameter")
        return output

    def _recipe(self, module: types.ModuleType, net: nn.Module, ranks: dict[int, int]) -> str:
        try_recipe(module, net, self.input_shape, self.num_classes, batch=BATCH)
        with blame("recipe"):
            return recipe_digest(module.recipe, net, ranks)

    def _meaning(self, seen: Recorder, model: str, facts: list[Any], num_params: int, two_modes: bool) -> str:
        """The digest of the network's numbers where they are meaningful, else that of its steps."""
        if model not in _MEANINGS:
            if len(_MEANINGS) >= _MAX_REMEMBERED:
                _MEANINGS.clear()
            _MEANINGS[model] = self._numbers(seen, facts, num_params, two_modes) or model
        return _MEANINGS[model]

    def _numbers(self, seen: Recorder, facts: list[Any], num_params: int, two_modes: bool) -> str | None:
        graph = seen.graph
        if graph.multiply_adds > MAX_MULTIPLY_ADDS or graph.values > MAX_VALUES or num_params > MAX_WEIGHTS:
            return None
        if self.values is Values.WEIGHTS:  # it reads initial values of its weights, which `numeric` replaces
            return None
        numbers = numeric(self.code, self.entry, self.input_shape, facts=facts, two_modes=two_modes)
        return numbers and digest(numbers, graph.invariants(), num_params, self._unseen())

    def _unseen(self) -> str:
        """The text's digest for a program with a custom backward pass, which steps and numbers may not show."""
        return digest_of_text(self.text, self.entry) if _mentions(self.code, _BACKWARD) else ""


_MEANINGS: dict[str, str] = {}  # by the digest of a network's steps: most refused edits give a known network


def _knows_its_mode(code: types.CodeType) -> bool:
    """Whether a program may behave differently in evaluation, or keep state between batches."""
    return _mentions(code, _MODE) or _stores_in_forward(code)


def _mentions(code: types.CodeType, names: frozenset[str]) -> bool:
    """Whether code uses one of these names, also as the name of an argument."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    keywords = {name for c in code.co_consts if isinstance(c, tuple) for name in c}
    return bool(names & {*code.co_names, *keywords}) or any(_mentions(c, names) for c in inner)


def _stores_in_forward(code: types.CodeType) -> bool:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    stores = code.co_name == "forward" and any(i.opname == "STORE_ATTR" for i in dis.get_instructions(code))
    return stores or any(map(_stores_in_forward, inner))


_BACKWARD = frozenset({
    "Function", "register_hook", "register_full_backward_hook", "register_full_backward_pre_hook",
    "register_post_accumulate_grad_hook",
})  # fmt: skip
_MODE = frozenset({"training", "train", "eval", "register_buffer", "batch_norm", "instance_norm"})
