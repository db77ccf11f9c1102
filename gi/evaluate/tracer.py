"""Runs one untrusted program on meta tensors and records what every call received. Runs only in the check worker.

One pass: where a layer does not fit its input, the layer is made to fit on the fly (meta tensors hold no data, so this
costs nothing), the fix is recorded, and the run goes on. So one answer names everything that has to change in the
text. `gi.source.repair` turns the fixes into edits; a program fits as it is when a trace brings no fix.
"""

import ast
import builtins
import contextlib
import dataclasses
import importlib
import inspect
import io
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, resolve_name

from gi.compat import allow_torchvision
from gi.evaluate import fitting
from gi.evaluate.fingerprint import Graph, digest, reached, recipe_digest
from gi.evaluate.flow import Flow
from gi.evaluate.functions import function_misfits, made_to_fit
from gi.evaluate.needs import Needs
from gi.evaluate.routes import AT, Routes, constructor_values
from gi.evaluate.sites import CANDIDATE, NOWHERE, Sites, line_of, literals
from gi.source.entry import entry_call
from gi.source.trace import Site, Stopped, Trace, Use

BATCH = 3  # no common width, so that a batch dimension is not mistaken for a channel dimension
MAX_PARAMS = 100_000_000
CHECK_STEPS = 60

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class Stop(Exception):  # noqa: N818 (it ends a run; that is no error of ours)
    """The program cannot go on: becomes a `Stopped`."""

    def __init__(self, stage: str, reason: str, line: int = 0, detail: str = "") -> None:
        self.record = Stopped(stage, reason, line, detail)  # type: ignore[arg-type]


def trace(
    text: str, input_shape: list[int], num_classes: int, entry: str = "Net", with_recipe: bool = True
) -> dict[str, Any]:
    """The JSON form of a `Trace`, or of a `Stopped` where the program did not run to the end.

    `entry` is an expression that builds the network, evaluated in the program's namespace and called without
    arguments unless it is a call itself. Never raises for the program's fault.
    """
    run = _Run(text, tuple(input_shape), num_classes)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), _torchs_own_state():
        try:
            return _as_json(run.answer(entry, with_recipe))
        except Stop as stop:
            return _as_json(stop.record)


@contextlib.contextmanager
def _torchs_own_state() -> Iterator[None]:
    """What a program sets in torch for all of the process is set back: the next program must not see it."""
    dtype = torch.get_default_dtype()
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)


def handle(verb: str, *args: Any) -> dict[str, Any]:
    """Answers one call of the check worker: the value, and the CPU seconds that it took."""
    start = time.process_time()
    verbs: dict[str, Callable[..., Any]] = {"trace": trace, "signature": signature, "counterparts": counterparts}
    value = verbs[verb](*args)
    return {"value": value, "cpu_s": time.process_time() - start}


def signature(symbol: str) -> list[list[Any]] | None:
    """The parameters of a symbol of torch or torchvision as [name, required]; None where Python cannot tell."""
    try:
        target = _lookup(symbol)
        target = torch._jit_internal.boolean_dispatched.get(target, {}).get("if_false", target)  # F.max_pool2d, ...
        parameters = inspect.signature(target).parameters.values()
    except (AttributeError, ImportError, TypeError, ValueError):
        return None
    return [[p.name, p.default is p.empty] for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def counterparts() -> dict[str, str]:
    """Layer classes of torch.nn and the functions of torch.nn.functional that do the same, both ways, by name."""
    functions = {
        name.replace("_", ""): f"torch.nn.functional.{name}" for name in dir(nn.functional) if name.strip("_") == name
    }
    classes = {name.lower(): f"torch.nn.{name}" for name in dir(nn) if isinstance(getattr(nn, name), type)}
    both = sorted(functions.keys() & classes.keys())
    plain = {f"torch.{n.rpartition('.')[2]}": c for k in both for n, c in [(functions[k], classes[k])]}
    there = {functions[k]: classes[k] for k in both} | {f: c for f, c in plain.items() if hasattr(torch, f[6:])}
    return there | {classes[k]: functions[k] for k in both}


def _lookup(symbol: str) -> Any:
    parts = symbol.split(".")
    if parts[0] not in ("torch", "torchvision"):
        raise AttributeError(symbol)
    if parts[0] == "torchvision":
        allow_torchvision()
        importlib.import_module("torchvision.transforms.v2")
    target: Any = __import__(parts[0])
    for part in parts[1:]:
        target = getattr(target, part)
    return target


class _Run:
    """The state of one trace: what was built, what was used, what had to be fixed."""

    def __init__(self, text: str, input_shape: tuple[int, ...], num_classes: int) -> None:
        self.text, self.input_shape, self.num_classes = text, input_shape, num_classes
        self.sites = Sites()
        self.routes = Routes()
        self.needs = Needs(self.routes)
        self.flow = Flow()
        self.built: dict[int, tuple[Site, ...]] = {}
        self.left_out: Any = None
        self.modules: list[nn.Module] = []
        self.uses: list[Use] = []
        self.depth = 0  # inside how many layers of torch's own the run is
        self.forward_runs = False
        self.graph = Graph()

    def answer(self, entry: str, with_recipe: bool) -> Trace:
        namespace = self.namespace()
        with torch.device("meta"), self.recording():
            net = self.build(namespace, entry)
            output = self.forward(net)
        self.output_fits(output)
        params = list(net.named_parameters())
        leaves = reached(output)
        model = self.graph.digest_of(output)
        recipe = self.recipe(namespace, net) if with_recipe and not self.needs.fixes else ""
        fixes, points = self.needs.told()
        return Trace(
            uses=tuple(self.uses),
            fixes=fixes,
            unused=tuple(self.unused()),
            no_gradient=tuple(name for name, p in params if p.requires_grad and id(p) not in leaves),
            num_params=sum(p.numel() for _, p in params),
            model=model,
            fingerprint=digest(model, recipe),
            built_counts=tuple(self.built_counts()),
            network=type(net).__qualname__ if type(net).__module__ == "candidate" else "",
            points=points,
        )

    def namespace(self) -> dict[str, Any]:
        """The module's globals after it ran. The module is real to `inspect` and to `super()`."""
        module = types.ModuleType("candidate")
        module.__file__ = CANDIDATE
        sys.modules["candidate"] = module
        try:
            code = compile(self.routes.followed(ast.parse(self.text)), CANDIDATE, "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Stop("parse", "syntax error", getattr(error, "lineno", 0) or 0, str(error)) from None
        module.__dict__[AT] = self.routes.at
        with self.stops("build"):
            exec(code, module.__dict__)
        return module.__dict__

    def build(self, namespace: dict[str, Any], entry: str) -> nn.Module:
        with self.stops("build"):
            net = eval(entry_call(entry), namespace)
        if not isinstance(net, nn.Module):
            raise Stop("build", "not a module", 0, f"{entry} gives a {type(net).__name__}, not an nn.Module")
        if sum(p.numel() for p in net.parameters()) > MAX_PARAMS:
            raise Stop("build", "too large", 0, f"more than {MAX_PARAMS:,} parameters")
        return net

    def forward(self, net: nn.Module) -> torch.Tensor:
        self.forward_runs = self.routes.over = True
        x = torch.empty(BATCH, *self.input_shape, device="meta")
        self.graph.name(x, "input")
        self.flow.note("input", x, [])
        with self.stops("forward"):
            output = net(x)
        if not isinstance(output, torch.Tensor):
            raise Stop("forward", "output is no tensor", 0, f"the output is a {type(output).__name__}")
        if not output.requires_grad and any(True for _ in net.parameters()):
            raise Stop("forward", "no gradient", 0, "the output does not depend on any parameter")
        return output

    def output_fits(self, output: torch.Tensor) -> None:
        """Records what makes the output (n, num_classes)."""
        if tuple(output.shape) == (BATCH, self.num_classes):
            return
        if output.shape[:1] != (BATCH,) or output.dim() not in (2, 4):
            raise Stop("forward", "output shape", 0, f"the output is {tuple(output.shape[1:])} for each sample")
        last = self.flow.last_connection(output)
        kind, width = ("image" if output.dim() == 4 else "flat"), int(output.shape[1])
        if last is not None and self.built.get(id(last)) and output.dim() == 2:
            name = "out_features" if isinstance(last, nn.Linear) else "out_channels"
            self.needs.add(fitting.Misfit("argument", name, 1, self.num_classes), NOWHERE, last)
        else:
            self.needs.add(fitting.Misfit("head", kind, width, self.num_classes), NOWHERE, None)

    # What the hooks call ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """While it lasts, every layer that is built or called and every torch function called is seen."""
        init, call = nn.Module.__init__, nn.Module.__call__

        def recorded_init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            init(module, *args, **kwargs)
            self.on_build(module)

        def recorded_call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            return self.on_call(module, call, args, kwargs)

        nn.Module.__init__, nn.Module.__call__ = recorded_init, recorded_call  # type: ignore[method-assign, assignment]
        try:
            with _Functions(self):
                yield
        finally:
            nn.Module.__init__, nn.Module.__call__ = init, call  # type: ignore[method-assign]

    def on_build(self, module: nn.Module) -> None:
        if self.forward_runs:
            raise Stop("forward", "builds a layer in forward", 0, type(module).__name__)
        self.built[id(module)], frame = self.sites.running(skip=module)
        self.modules.append(module)
        if type(module).__module__ != "candidate":
            scope = self.routes.scope(frame) if frame else None
            self.needs.built(module, self.built[id(module)], scope, constructor_values(module))

    def on_call(self, module: nn.Module, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        own = type(module).__module__ == "candidate" or isinstance(module, _CONTAINERS)
        if own or self.depth or not args or not isinstance(args[0], torch.Tensor):
            return self.inside(not own, call, module, args, kwargs)
        built, site = self.built.get(id(module), ()), self.sites.innermost()
        args = self.fitted(module, args, site)
        if args is None:  # the call is left out
            return self.left_out
        inputs = tuple(tuple(a.shape) for a in args if isinstance(a, torch.Tensor))
        output = self.inside(True, call, module, args, kwargs)
        if isinstance(output, torch.Tensor):
            params = sum(p.numel() for p in module.parameters())
            settings = literals(self.needs.given.get(id(module), {}))
            self.flow.note(type(module).__name__, output, _tensors(args, kwargs), module)
            self.uses.append(Use(symbol_of(type(module)), site, built, inputs, tuple(output.shape), params, settings))
        return output

    def inside(self, torchs_own: bool, call: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        self.depth += torchs_own
        try:
            return call(module, *args, **kwargs)
        finally:
            self.depth -= torchs_own

    def fitted(self, module: nn.Module, args: tuple[Any, ...], site: Site) -> Any:
        """The arguments after what `fitting` had to change, None where the call is to be left out."""
        x = args[0]
        self.needs.used.add(id(module))
        for misfit in fitting.misfits(module, x, channels_last=self.flow.is_channels_last(x)):
            self.needs.add(misfit, site, module)
            if misfit.kind == "remove":
                self.left_out = x
                return None
            x = fitting.applied(misfit, module, x)
        return (x, *args[1:])

    def on_function(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        name = getattr(func, "__name__", "")
        outside = not self.depth and self.forward_runs
        site = self.sites.innermost() if outside else None
        misfits = function_misfits(name, args, kwargs, BATCH, self.flow) if outside else []
        if outside and (misfits or (len(args) > 1 and isinstance(args[1], torch.Tensor))):
            shapes = tuple(tuple(t.shape) for t in _tensors(args[:2], {}))
            self.needs.summed(site or NOWHERE, self.sites.owner(), shapes, misfits)
        for misfit in misfits:
            self.needs.add(misfit, site or NOWHERE, misfit.layer)
            if misfit.layer is not None and misfit.kind == "argument":
                fitting.applied(misfit, misfit.layer, args[0])
        output = made_to_fit(misfits, func, args, kwargs) if misfits else func(*args, **kwargs)
        if outside:
            self.flow.note(name, output, _tensors(args, kwargs))
        if self.forward_runs:
            self.graph.record(name, args, kwargs, output)
        else:
            self.graph.initialised(name, args, kwargs)
        if outside and site and isinstance(output, torch.Tensor):
            self.record_function(func, site, args, kwargs, output)
        return output

    def record_function(self, func: Any, site: Site, args: Any, kwargs: Any, output: torch.Tensor) -> None:
        inputs = tuple(tuple(a.shape) for a in _tensors(args, kwargs))
        if inputs:
            self.uses.append(Use(symbol_of(func), site, (), inputs, tuple(output.shape)))

    @contextlib.contextmanager
    def stops(self, stage: str) -> Iterator[None]:
        """Turns whatever the program raises into a `Stop` with the program's line."""
        try:
            yield
        except Stop:
            raise
        except RecursionError:
            raise Stop(stage, "recursion", 0, "recursion without end") from None
        except BaseException as error:  # SystemExit, or a class of the program's own
            raise Stop(stage, _reason(error), line_of(error), f"{type(error).__name__}: {error}"[:500]) from None

    # What is said in the end ----------------------------------------------------------------------------------------

    def unused(self) -> Iterator[Site]:
        """Constructor sites none of whose layers was called."""
        used = {use.built[0] for use in self.uses if use.built}
        used |= {fix.built[0] for fix, _ in self.needs.fixes if fix.built}
        leaves = [m for m in self.modules if type(m).__module__ != "candidate" and not isinstance(m, _CONTAINERS)]
        sites = {self.built[id(m)][0] for m in leaves if self.built[id(m)]}
        return iter(sorted(sites - used))

    def built_counts(self) -> Iterator[tuple[Site, int]]:
        counts: dict[Site, int] = {}
        for module in self.modules:
            if self.built[id(module)]:
                site = self.built[id(module)][0]
                counts[site] = counts.get(site, 0) + 1
        return iter(sorted(counts.items()))

    def recipe(self, namespace: dict[str, Any], net: nn.Module) -> str:
        """Runs the recipe for one step on meta tensors; its digest."""
        if "recipe" not in namespace:
            raise Stop("recipe", "no recipe", 0, "the program defines no recipe(net, steps)")
        with self.stops("recipe"):
            parts = namespace["recipe"](net, CHECK_STEPS)
            if not isinstance(parts, tuple) or len(parts) != 4:
                raise Stop("recipe", "not four parts", 0, "recipe gives no (optimizer, scheduler, loss, augmentation)")
            return self.one_step(net, *parts)

    def one_step(self, net: nn.Module, optimizer: Any, scheduler: Any, loss: Any, augmentation: Any) -> str:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise Stop("recipe", "no optimizer", 0, f"the first part is a {type(optimizer).__name__}")
        described = recipe_digest(optimizer, scheduler, loss, augmentation)
        self.augmentation_fits(augmentation)
        value = self.loss_of(loss)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            raise Stop("recipe", "loss is no scalar", 0, f"the loss has shape {tuple(getattr(value, 'shape', ()))}")
        if not value.requires_grad:
            raise Stop("recipe", "no gradient", 0, "the loss does not depend on the logits")
        value.backward()  # type: ignore[no-untyped-call]
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if any(id(p) not in held for p in net.parameters() if p.requires_grad):
            raise Stop("recipe", "parameters left out", 0, "the optimizer does not hold every parameter")
        for _ in range(2 if scheduler is not None else 0):
            scheduler.step(1.0) if "metrics" in inspect.signature(scheduler.step).parameters else scheduler.step()
        return described

    def loss_of(self, loss: Any) -> Any:
        """The loss of some logits: on meta tensors, as the network's weights are, else on real ones, as its own are."""
        try:
            logits = torch.empty(BATCH, self.num_classes, device="meta", requires_grad=True)
            return loss(logits, torch.empty(BATCH, dtype=torch.long, device="meta"))
        except RuntimeError:
            return loss(torch.zeros(BATCH, self.num_classes, requires_grad=True), torch.zeros(BATCH, dtype=torch.long))

    def augmentation_fits(self, augmentation: Any) -> None:
        if augmentation is None:
            return
        images = torch.rand(BATCH, *self.input_shape)
        result = augmentation(images)
        if not isinstance(result, torch.Tensor) or result.shape != images.shape:
            shape = tuple(getattr(result, "shape", ()))
            raise Stop("recipe", "augmentation changes the shape", 0, f"from {tuple(images.shape)} to {shape}")


class _Functions(TorchFunctionMode):
    """Shows every torch function that the program calls, directly or through a layer, to the run."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self.run = run

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not self.run.forward_runs and getattr(func, "__name__", "") not in _INITS:
            return func(*args, **(kwargs or {}))
        return self.run.on_function(func, args, kwargs or {})


_INITS = frozenset(
    {"uniform_", "normal_", "fill_", "zero_", "trunc_normal_", "copy_", "mul_", "add_", "div_", "erfinv_"}
)


def _tensors(args: Any, kwargs: Any) -> list[torch.Tensor]:
    flat: list[Any] = []
    for value in (*args, *kwargs.values()):
        flat.extend(value if isinstance(value, (list, tuple)) else [value])
    return [v for v in flat if isinstance(v, torch.Tensor) and not isinstance(v, nn.Parameter)]


def symbol_of(target: Any) -> str:
    """The public qualified name of a class or function of torch ("torch.nn.Conv2d", "torch.nn.functional.relu")."""
    name, module = getattr(target, "__qualname__", ""), getattr(target, "__module__", "") or ""
    if module.startswith("torch.nn.modules"):
        return f"torch.nn.{name}"
    if isinstance(target, type):
        return f"{module}.{name}"
    return resolve_name(target) or f"{module or 'torch'}.{getattr(target, '__name__', '')}"


def _reason(error: BaseException) -> str:
    if isinstance(error, (NameError, AttributeError, ImportError)):
        return {"NameError": "undefined name", "UnboundLocalError": "undefined name"}.get(
            type(error).__name__, "missing attribute" if isinstance(error, AttributeError) else "import"
        )
    if isinstance(error, builtins.TypeError):
        return "wrong arguments"
    if isinstance(error, (RuntimeError, IndexError, ValueError)):
        return "shape" if isinstance(error, (RuntimeError, IndexError)) else "wrong value"
    return type(error).__name__


def _as_json(record: Trace | Stopped) -> dict[str, Any]:
    return dataclasses.asdict(record)
