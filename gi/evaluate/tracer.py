"""Runs one untrusted program on meta tensors and records what every call received. Runs only in the check worker.

One pass: where a layer does not fit its input, the layer is made to fit on the fly (meta tensors hold no data, so this
costs nothing), the fix is recorded, and the run goes on. So one answer names everything that has to change in the
text. `gi.source.repair` turns the fixes into edits; a program fits as it is when a trace brings no fix.
"""

import builtins
import contextlib
import hashlib
import inspect
import io
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, resolve_name

from gi.evaluate import fitting
from gi.evaluate.fitting import Misfit
from gi.source.trace import Fix, Site, Stopped, Trace, Use

CANDIDATE = "<candidate>"
BATCH = 3  # no common width, so that a batch dimension is not mistaken for a channel dimension
MAX_PARAMS = 100_000_000
CHECK_STEPS = 60

_RESHAPES = frozenset({"view", "reshape", "flatten", "squeeze", "unsqueeze", "contiguous", "view_as", "unflatten"})
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class Stop(Exception):
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
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return _as_json(run.answer(entry, with_recipe))
        except Stop as stop:
            return _as_json(stop.record)


def signatures(symbols: list[str]) -> dict[str, list[list[Any]] | None]:
    """The parameters of each symbol as [name, required], without self; None where Python cannot tell."""
    return {symbol: _signature(symbol) for symbol in symbols}


def _signature(symbol: str) -> list[list[Any]] | None:
    try:
        target = _lookup(symbol)
        parameters = inspect.signature(target).parameters.values()
    except (AttributeError, ImportError, TypeError, ValueError):
        return None
    return [[p.name, p.default is p.empty] for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _lookup(symbol: str) -> Any:
    parts = symbol.split(".")
    if parts[0] not in ("torch", "torchvision"):
        raise AttributeError(symbol)
    if parts[0] == "torchvision":
        from gi.compat import import_torchvision

        import_torchvision()
        import torchvision.transforms.v2  # noqa: F401
    target: Any = __import__(parts[0])
    for part in parts[1:]:
        target = getattr(target, part)
    return target


class _Run:
    """The state of one trace: what was built, what was used, what had to be fixed."""

    def __init__(self, text: str, input_shape: tuple[int, ...], num_classes: int) -> None:
        self.text, self.input_shape, self.num_classes = text, input_shape, num_classes
        self.positions: dict[types.CodeType, list[Any]] = {}
        self.built: dict[int, tuple[Site, ...]] = {}
        self.settings: dict[int, tuple[tuple[str, str], ...]] = {}
        self.left_out: Any = None
        self.modules: list[nn.Module] = []
        self.uses: list[Use] = []
        self.fixes: list[Fix] = []
        self.depth = 0  # inside how many layers of torch's own the run is
        self.forward_runs = False
        self.graph = _Graph()

    def answer(self, entry: str, with_recipe: bool) -> Trace:
        namespace = self.namespace()
        with torch.device("meta"), self.recording():
            net = self.build(namespace, entry)
            output = self.forward(net)
        self.output_fits(net, output)
        params = list(net.named_parameters())
        reached = _reached(output)
        model = self.graph.digest_of(output)
        recipe = self.recipe(namespace, net) if with_recipe and not self.fixes else ""
        return Trace(
            uses=tuple(self.uses),
            fixes=tuple(dict.fromkeys(self.fixes)),
            unused=tuple(self.unused(net)),
            no_gradient=tuple(name for name, p in params if p.requires_grad and id(p) not in reached),
            num_params=sum(p.numel() for _, p in params),
            model=model,
            fingerprint=_digest(model, recipe),
            built_counts=tuple(self.built_counts()),
        )

    def namespace(self) -> dict[str, Any]:
        """The module's globals after it ran. The module is real to `inspect` and to `super()`."""
        module = types.ModuleType("candidate")
        module.__file__ = CANDIDATE
        sys.modules["candidate"] = module
        try:
            code = compile(self.text, CANDIDATE, "exec")
        except (SyntaxError, ValueError) as error:
            raise Stop("parse", "syntax error", getattr(error, "lineno", 0) or 0, str(error)) from None
        with self.stops("build"):
            exec(code, module.__dict__)
        return module.__dict__

    def build(self, namespace: dict[str, Any], entry: str) -> nn.Module:
        with self.stops("build"):
            target = eval(entry, namespace)
            net = target if isinstance(target, nn.Module) else target()
        if not isinstance(net, nn.Module):
            raise Stop("build", "not a module", 0, f"{entry} gives a {type(net).__name__}, not an nn.Module")
        if sum(p.numel() for p in net.parameters()) > MAX_PARAMS:
            raise Stop("build", "too large", 0, f"more than {MAX_PARAMS:,} parameters")
        return net

    def forward(self, net: nn.Module) -> torch.Tensor:
        self.forward_runs = True
        x = torch.empty(BATCH, *self.input_shape, device="meta")
        self.graph.name(x, "input")
        with self.stops("forward"):
            output = net(x)
        if not isinstance(output, torch.Tensor):
            raise Stop("forward", "output is no tensor", 0, f"the output is a {type(output).__name__}")
        if not output.requires_grad and any(True for _ in net.parameters()):
            raise Stop("forward", "no gradient", 0, "the output does not depend on any parameter")
        return output

    def output_fits(self, net: nn.Module, output: torch.Tensor) -> None:
        """Records what makes the output (n, num_classes)."""
        if tuple(output.shape) == (BATCH, self.num_classes):
            return
        last = next((u for u in reversed(self.uses) if u.symbol in fitting.DENSE or u.symbol in fitting.CONVOLUTIONS), None)
        if output.shape[:1] != (BATCH,) or output.dim() not in (2, 4):
            raise Stop("forward", "output shape", 0, f"the output is {tuple(output.shape[1:])} for each sample")
        if output.dim() == 2 and last and last.output[1:2] == (output.shape[1],) and last.built:
            name, position = ("out_features", 1) if last.symbol in fitting.DENSE else ("out_channels", 1)
            self.fixes.append(Fix("argument", last.built[0], last.built, name, position, self.num_classes))
        else:
            self.fixes.append(Fix("head", (0, 0, 0, 0), (), "image" if output.dim() == 4 else "flat", int(output.shape[1]), self.num_classes))

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
        self.built[id(module)] = self.sites(skip=module)
        self.settings[id(module)] = _settings(module)
        self.modules.append(module)

    def on_call(self, module: nn.Module, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        own = type(module).__module__ == "candidate" or isinstance(module, _CONTAINERS)
        if own or self.depth or not args or not isinstance(args[0], torch.Tensor):
            return self.inside(not own, call, module, args, kwargs)
        built, site = self.built.get(id(module), ()), self.site()
        args = self.fitted(module, args, built, site)
        if args is None:  # the call is left out
            return self.left_out
        inputs = tuple(tuple(a.shape) for a in args if isinstance(a, torch.Tensor))
        output = self.inside(True, call, module, args, kwargs)
        if isinstance(output, torch.Tensor):
            params = sum(p.numel() for p in module.parameters())
            settings = self.settings.get(id(module), ())
            self.uses.append(Use(symbol_of(type(module)), site, built, inputs, tuple(output.shape), params, settings))
        return output

    def inside(self, torchs_own: bool, call: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        self.depth += torchs_own
        try:
            return call(module, *args, **kwargs)
        finally:
            self.depth -= torchs_own

    def fitted(self, module: nn.Module, args: tuple[Any, ...], built: tuple[Site, ...], site: Site) -> Any:
        """The arguments after what `fitting` had to change, None where the call is to be left out."""
        x = args[0]
        for misfit in fitting.misfits(module, x):
            self.fixes.append(Fix(misfit.kind, site, built, misfit.name, misfit.position, misfit.value))
            if misfit.kind == "remove":
                self.left_out = x
                return None
            x = fitting.applied(misfit, module, x)
        return (x, *args[1:])

    def on_function(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        name = getattr(func, "__name__", "")
        outside = not self.depth and self.forward_runs
        site = self.site() if outside else None
        misfit = fitting.function_misfit(name, args, kwargs, BATCH) if outside else None
        if misfit is not None:
            self.fixes.append(Fix(misfit.kind, site or (0, 0, 0, 0), (), misfit.name, misfit.position, misfit.value))
            output = fitting.function_applied(misfit, args)
        else:
            output = func(*args, **kwargs)
        self.graph.record(name, args, kwargs, output)
        if outside and site and isinstance(output, torch.Tensor):
            self.record_function(func, site, args, kwargs, output)
        return output

    def record_function(self, func: Any, site: Site, args: Any, kwargs: Any, output: torch.Tensor) -> None:
        inputs = tuple(tuple(a.shape) for a in _tensors(args, kwargs))
        if inputs:
            self.uses.append(Use(symbol_of(func), site, (), inputs, tuple(output.shape)))

    # Where in the text ----------------------------------------------------------------------------------------------

    def sites(self, skip: nn.Module | None = None) -> tuple[Site, ...]:
        """The candidate's own calls that are running, innermost first; without the frames of `skip`'s constructors."""
        frame, found = sys._getframe(1), []
        while frame is not None:
            code = frame.f_code
            if code.co_filename == CANDIDATE:
                own = code.co_varnames[:1] and frame.f_locals.get(code.co_varnames[0]) is skip
                if not (skip is not None and own):
                    found.append(self.position(code, frame.f_lasti))
            frame = frame.f_back  # type: ignore[assignment]
        return tuple(found)

    def site(self) -> Site:
        """The innermost of the candidate's calls that are running."""
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == CANDIDATE:
                return self.position(frame.f_code, frame.f_lasti)
            frame = frame.f_back  # type: ignore[assignment]
        return (0, 0, 0, 0)

    def position(self, code: types.CodeType, lasti: int) -> Site:
        if code not in self.positions:
            self.positions[code] = list(code.co_positions())
        line, end_line, column, end_column = self.positions[code][lasti // 2]
        return (line or 0, column or 0, end_line or 0, end_column or 0)

    @contextlib.contextmanager
    def stops(self, stage: str) -> Iterator[None]:
        """Turns whatever the program raises into a `Stop` with the program's line."""
        try:
            yield
        except Stop:
            raise
        except RecursionError:
            raise Stop(stage, "recursion", 0, "recursion without end") from None
        except (Exception, SystemExit) as error:
            raise Stop(stage, _reason(error), _line(error), f"{type(error).__name__}: {error}"[:500]) from None

    # What is said in the end ----------------------------------------------------------------------------------------

    def unused(self, net: nn.Module) -> Iterator[Site]:
        """Constructor sites none of whose layers was called."""
        used = {use.built[0] for use in self.uses if use.built} | {fix.built[0] for fix in self.fixes if fix.built}
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
        described = _described(optimizer, scheduler, loss, augmentation)
        self.augmentation_fits(augmentation)
        logits = torch.empty(BATCH, self.num_classes, device="meta", requires_grad=True)
        value = loss(logits, torch.empty(BATCH, dtype=torch.long, device="meta"))
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            raise Stop("recipe", "loss is no scalar", 0, f"the loss has shape {tuple(getattr(value, 'shape', ()))}")
        if not value.requires_grad:
            raise Stop("recipe", "no gradient", 0, "the loss does not depend on the logits")
        value.backward()
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if any(id(p) not in held for p in net.parameters() if p.requires_grad):
            raise Stop("recipe", "parameters left out", 0, "the optimizer does not hold every parameter")
        for _ in range(2 if scheduler is not None else 0):
            scheduler.step(1.0) if "metrics" in inspect.signature(scheduler.step).parameters else scheduler.step()
        return described

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


_INITS = frozenset({"uniform_", "normal_", "fill_", "zero_", "trunc_normal_", "copy_", "mul_", "add_", "div_", "erfinv_"})


class _Graph:
    """What was computed, as digests: equal for equal computations, whatever the names, order or spelling in the text."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.kept: list[Any] = []  # ids are only unique among the living
        self.params = 0

    def name(self, tensor: torch.Tensor, name: str) -> None:
        self.names[id(tensor)] = name
        self.kept.append(tensor)

    def of(self, value: Any) -> str:
        if isinstance(value, torch.Tensor):
            if id(value) not in self.names:
                kind = "parameter" if value.requires_grad else "constant"
                self.name(value, _digest(kind, self.params, tuple(value.shape), str(value.dtype)))
                self.params += 1
            return self.names[id(value)]
        if isinstance(value, (list, tuple)):
            return "(" + ",".join(self.of(v) for v in value) + ")"
        return repr(value) if isinstance(value, (int, float, str, bool, type(None), torch.dtype)) else type(value).__name__

    def record(self, name: str, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        outputs = [output] if isinstance(output, torch.Tensor) else output
        if not isinstance(outputs, (list, tuple)) or not all(isinstance(o, torch.Tensor) for o in outputs):
            return
        plain = name.strip("_")
        if plain in _RESHAPES and isinstance(output, torch.Tensor):
            made = _digest("reshape", self.of(args[0]), tuple(output.shape))
        else:
            settings = sorted((k, self.of(v)) for k, v in kwargs.items() if k != "inplace")
            made = _digest(plain, [self.of(a) for a in args], settings)
        for place, tensor in enumerate(outputs):
            self.name(tensor, f"{made}.{place}")

    def digest_of(self, output: torch.Tensor) -> str:
        return _digest(self.of(output))


def _settings(module: nn.Module) -> tuple[tuple[str, str], ...]:
    """The literal values that a layer of torch's own was really built with, by parameter name."""
    frame, own = sys._getframe(2), getattr(type(module).__init__, "__code__", None)
    while frame is not None and frame.f_code is not own:
        if frame.f_code.co_filename == CANDIDATE:
            return ()
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or own is None:
        return ()
    names = own.co_varnames[1 : own.co_argcount + own.co_kwonlyargcount]
    values = ((name, frame.f_locals.get(name)) for name in names)
    return tuple((n, repr(v)) for n, v in values if isinstance(v, (int, float, str, bool, tuple, type(None))))


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


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


def _reached(output: torch.Tensor) -> set[int]:
    """The ids of the tensors that a backward pass from `output` would give a gradient."""
    seen, stack, leaves = set(), [output.grad_fn], set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.add(id(node.variable))
        stack.extend(following for following, _ in node.next_functions)
    return leaves


def _described(optimizer: Any, scheduler: Any, loss: Any, augmentation: Any) -> str:
    groups = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    schedule = "" if scheduler is None else [type(scheduler).__name__, _plain(getattr(scheduler, "__dict__", {}))]
    return _digest(type(optimizer).__name__, groups, schedule, _callable(loss), _callable(augmentation))


def _callable(part: Any) -> Any:
    if isinstance(part, nn.Module):
        return [repr(part), _plain(part.__dict__), [_callable(child) for child in part.children()]]
    if isinstance(part, types.FunctionType):
        return [part.__code__.co_code.hex(), repr(part.__code__.co_consts), part.__code__.co_names]
    return [repr(part) if " at 0x" not in repr(part) else type(part).__name__, _plain(getattr(part, "__dict__", {}))]


def _plain(values: dict[str, Any]) -> list[tuple[str, str]]:
    kept = (bool, int, float, str, tuple, list, type(None))
    return sorted((k, repr(v)) for k, v in values.items() if isinstance(v, kept) and " at 0x" not in repr(v))


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


def _line(error: BaseException) -> int:
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == CANDIDATE:
            line = step.tb_lineno
        step = step.tb_next
    return line


def _as_json(record: Trace | Stopped) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(record)
