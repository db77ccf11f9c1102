"""Records one program being built and run on meta tensors: all layers built or called, all functions of torch called.

Where a layer or function does not fit its input, the misfit is recorded, the layer is made to fit during the run, and
the run goes on. Check worker only.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gi.core.trace import Site, Use
from gi.trace.fit import layers
from gi.trace.fit.channel_axis import layer_axis
from gi.trace.fit.data_flow import DataFlow, channel_pad
from gi.trace.fit.functions import function_misfits, like, made_to_fit, width_of
from gi.trace.fit.misfit import Misfit
from gi.trace.fit.plain_weights import is_lazy, wake, width_name
from gi.trace.fit.raw_tensors import RawTensor, RawTensors, resized, sizes_of
from gi.trace.fit.remembered_outputs import Outputs
from gi.trace.fit.saved_for_backward import Kept
from gi.trace.identity.graph_digest import GraphDigest, sets_values
from gi.trace.numbers.demands import Needs
from gi.trace.numbers.scope import scope_of
from gi.trace.numbers.tracked_int import Routes, constructor_values
from gi.trace.program.call_sites import NOWHERE, CallSites, literals
from gi.trace.program.candidate import CandidateError
from gi.trace.program.placement import Placement, Values, called
from gi.trace.torch_names import symbol_of

BATCH = 3  # no common width, so that a batch dimension is not mistaken for a channel dimension

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_OUTPUTS = Outputs()  # shared by all programs of this process


class Recorder:
    """The record of one run: layers built, calls made, fixes needed, and the digest of the computation."""

    def __init__(self, routes: Routes, num_classes: int, values: Values = Values.NONE) -> None:
        """Takes the routes of the program's numbers, and which tensors have values."""
        self.num_classes = num_classes
        self.placement = Placement(values)
        self.sites = CallSites()
        self.routes = routes
        self.needs = Needs(self.routes)
        self.flow = DataFlow(self.needs.is_odd, self.needs.is_mended)
        self.graph = GraphDigest()
        self.kept = Kept()
        self.raw = RawTensors()
        self.uses: list[Use] = []
        self.forward_runs = False
        self._built: dict[int, tuple[Site, ...]] = {}
        self._modules: list[nn.Module] = []
        self._forwards: dict[type, Any] = {}  # the original forward of torch's layers, by the class that defines it
        self._left_out: Any = None
        self._depth = 0  # the number of layers of torch or other packages around the running call
        self._foreign = 0  # those of other packages among them, which are followed: `einops.layers.torch.Rearrange`

    @contextlib.contextmanager
    def importing(self) -> Iterator[None]:
        """Records layers built on import, and moves them to meta: `def __init__(self, act=nn.ReLU())`."""
        with self._seeing_builds():
            yield
        for module in self._modules:
            module.to("meta")

    @contextlib.contextmanager
    def _seeing_builds(self) -> Iterator[None]:
        init = nn.Module.__init__

        def recorded_init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            init(module, *args, **kwargs)
            self._on_build(module)

        nn.Module.__init__ = recorded_init  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            nn.Module.__init__ = init  # type: ignore[method-assign]

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Records all that the program builds and calls; new tensors are placed by `placement`."""
        call, register = nn.Module.__call__, nn.Module.register_parameter

        def recorded_call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            return self._on_call(module, call, args, kwargs)

        def recorded_parameter(module: nn.Module, name: str, param: nn.Parameter | None) -> None:
            if self.forward_runs and param is not None and name not in module._parameters:  # else a repair sets it
                kind = type(module).__name__
                said = f"forward gives a {kind} new weights, which no optimizer trains: build it in __init__"
                raise CandidateError("forward", "builds a layer in forward", said, self.sites.innermost()[0])
            register(module, name, param)

        nn.Module.__call__ = recorded_call  # type: ignore[method-assign]
        nn.Module.register_parameter = recorded_parameter  # type: ignore[method-assign, assignment]
        try:
            with self._seeing_builds(), _Functions(self):
                yield
        finally:
            nn.Module.__call__ = call  # type: ignore[method-assign]
            nn.Module.register_parameter = register  # type: ignore[method-assign]
            for owner, forward in self._forwards.items():
                owner.forward = forward  # type: ignore[attr-defined]

    def empty(self, net: nn.Module) -> None:
        """Moves a network's weights to meta, where forward costs no memory."""
        raws = [(raw, p) for p in net.parameters() if (raw := self.raw.of(p)) is not None]
        self.graph.emptied(net.parameters())
        for raw, parameter in raws:
            self.raw.moved(raw, parameter)

    def input(self, shape: tuple[int, ...]) -> torch.Tensor:
        """A batch for the network; calls from here on count as forward."""
        self.forward_runs = self.routes.over = True
        with torch._C.DisableTorchFunction():
            x = torch.empty(BATCH, *shape, device="meta")
        self.graph.name(x, "input")
        self.flow.note("input", x, [])
        return x

    def output(self, output: torch.Tensor) -> None:
        """Records the misfit of an output that is not (n, num_classes). Raises `CandidateError` for other shapes."""
        if tuple(output.shape) == (BATCH, self.num_classes):
            return
        if output.shape[:1] != (BATCH,) or output.dim() not in (2, 4):
            said = f"a batch of {BATCH} images gives {tuple(output.shape)}: it should be (n, {self.num_classes})"
            fixed = " for n images: take n from the input, `x.size(0)`" if output.shape[:1] != (BATCH,) else ""
            raise CandidateError("forward", "output shape", said + fixed)
        flattened = self.flow.flattened(output)
        if flattened is not None and (pooled := layers.pooled_before_head(flattened.before, self.num_classes)):
            self.needs.add(pooled, flattened.site, flattened.layer)
            return
        last = self.flow.last_connection(output)
        kind, width = ("image" if output.dim() == 4 else "flat"), int(output.shape[1])
        if last is not None and self._built.get(id(last)) and output.dim() == 2:
            name = "out_features" if isinstance(last, nn.Linear) else "out_channels"
            self.needs.add(Misfit("argument", name, 1, self.num_classes), NOWHERE, last)
        self.needs.add(Misfit("head", kind, width, self.num_classes), NOWHERE, None)  # if no layer can change

    # What the hooks call ---------------------------------------------------------------------------------------------

    def _on_build(self, module: nn.Module) -> None:
        if self.forward_runs:  # a layer without parameters, since `recorded_parameter` refuses others
            return
        self._built[id(module)], frame = self.sites.running(skip=module)
        self._modules.append(module)
        if type(module).__module__ != "candidate":
            self._watch_forward(type(module))
            scope = self.routes.scope(frame) if frame else None
            self.needs.built(module, self._built[id(module)], scope, constructor_values(module))
        else:
            self.needs.own.append(module)

    def _watch_forward(self, kind: type) -> None:
        """Makes a program's call `layer.forward(x)` count as `layer(x)`."""
        owner = next(c for c in kind.__mro__ if "forward" in vars(c))
        if owner is nn.Module or owner in self._forwards:
            return
        forward = self._forwards[owner] = vars(owner)["forward"]

        def watched(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            return self._on_call(module, forward, args, kwargs)

        owner.forward = watched  # type: ignore[attr-defined]

    def _on_call(self, module: nn.Module, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        own = type(module).__module__ == "candidate" or isinstance(module, _CONTAINERS)
        foreign = not type(module).__module__.startswith("torch")
        if own or self._depth or not args or not isinstance(args[0], torch.Tensor):
            return self._inside(not own and not (foreign and self._foreign), call, module, args, kwargs)
        site = self.sites.innermost()
        args = self._fitted(module, self._attended(module, args, site), site)
        if args is None:  # the call is left out
            return self._left_out
        self._foreign += foreign
        try:
            output = self._inside(True, call, module, args, kwargs)
        finally:
            self._foreign -= foreign
        known = foreign and self.flow.knows(output)
        if isinstance(output, (torch.Tensor, tuple)) and self.forward_runs and not known:
            self.flow.note(type(module).__name__, output, _data(args, kwargs), module, site)
        if isinstance(output, torch.Tensor) and self.forward_runs:
            self.uses.append(self._use(module, site, args, output))
        return output

    def _use(self, module: nn.Module, site: Site, args: Any, output: torch.Tensor) -> Use:
        inputs = tuple(tuple(a.shape) for a in args if isinstance(a, torch.Tensor))
        params = sum(p.numel() for p in module.parameters())
        settings = literals(self.needs.given.get(id(module), {}))
        built = self._built.get(id(module), ())
        axes = (self._axis(args[0], module), self._axis(output, module))
        return Use(symbol_of(type(module)), site, built, inputs, tuple(output.shape), params, settings, axes)

    def _axis(self, tensor: torch.Tensor, layer: nn.Module | None = None) -> int:
        """The axis of the channels, not counting the batch, by the layer or the data flow; -1 for unknown."""
        own = layer_axis(layer, tensor.dim())
        axis = self.flow.axis(tensor) if own is None else own
        return -1 if axis is None else axis - 1

    def _inside(self, torchs_own: bool, call: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        self._depth += torchs_own
        try:
            return call(module, *args, **kwargs)
        finally:
            self._depth -= torchs_own

    def _attended(self, module: nn.Module, args: tuple[Any, ...], site: Site) -> tuple[Any, ...]:
        """The arguments with the width that attention was built for, which the layer before must give."""
        width, x = layers.attention_width(module), args[0]
        source = self.flow.width_source(x, x.dim() - 1) if width and x.shape[-1] != width else None
        if width is None or source is None:
            return args
        self.needs.add(width_of(source, width), site, source)
        self.needs.is_closed = True  # tokens on the residual path keep the wrong width in this run
        return tuple(like(a, (*a.shape[:-1], width)) if isinstance(a, torch.Tensor) else a for a in args)

    def _fitted(self, module: nn.Module, args: tuple[Any, ...], site: Site) -> Any:
        """The arguments after repair of the layer's misfits; None where the call is to be removed."""
        x = args[0]
        self.needs.used.add(id(module))
        flattened = self.flow.flattened(x) if isinstance(module, nn.Linear) else None
        image = flattened.before if flattened else ()
        lazy = is_lazy(module) and width_name(module)
        if lazy:
            wake(module)
        for misfit in layers.misfits(module, x, image, channels_last=self.flow.is_channels_last(x)):
            if misfit.name == lazy:
                self.needs.add(Misfit("lazy", misfit.name, value=misfit.value), site, module)
            elif misfit.kind == "shrink" and flattened:
                self.needs.add(misfit, flattened.site, flattened.layer)
            else:
                self.needs.add(misfit, site, module)
            if misfit.kind == "remove":
                self._left_out = x
                return None
            x = layers.applied(misfit, module, x)
        overwriting = self.kept.overwriting_layer(module, x)
        if overwriting is not None:
            self.needs.add(overwriting, site, module)
        return (x, *args[1:])

    def on_start(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Handles a function called before forward; one that sets values of meta tensors is recorded, and not run."""
        target = kwargs.get("tensor", args[0] if args else None)
        unreal = sets_values(func) and isinstance(target, torch.Tensor) and target.is_meta
        output = target if unreal else called(func, args, kwargs)
        self.graph.started(func, args, kwargs, output)
        self._on_raw_tensor(func, args, kwargs, output)
        return output

    def _on_raw_tensor(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any], output: Any) -> None:
        """Records a weight that the program makes itself like a layer, with its sizes as arguments."""
        sizes = sizes_of(getattr(func, "__name__", ""), args, kwargs)
        if not isinstance(output, torch.Tensor) or not sizes:
            self.raw.carried((*args, *kwargs.values()), output)
        elif self.sites.calls_itself():
            sites, frame = self.sites.running()
            raw = RawTensor(sizes, output)
            self.raw.made(raw)
            self.needs.built(raw, sites, self.routes.scope(frame) if frame else None, raw.arguments)

    def on_function(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Handles a function called in forward, by the program (`_depth` 0) or by a layer."""
        site = NOWHERE if self._depth else self.sites.innermost()
        if not self._depth:
            args, kwargs = self._with_fitting_weights(func, site, args, kwargs)
        misfits = [] if self._depth else self._misfits(func, site, args, kwargs)
        output, saved = (made_to_fit(misfits, func, args, kwargs), []) if misfits else _OUTPUTS(func, args, kwargs)
        if not isinstance(output, (torch.Tensor, tuple, list)):
            return output
        self.graph.record(func, args, kwargs, output)
        self.kept.note(saved)
        self.raw.carried(args, output)
        data = _data(args, kwargs)
        if self._depth == self._foreign:
            self.flow.note(getattr(func, "__name__", ""), output, data, site=site, args=args[1:])
        if not self._depth:
            self._note_pad(output)
            first = output[0] if isinstance(output, (tuple, list)) and output else output
            if data and isinstance(first, torch.Tensor):  # of several outputs, as of `chunk`, the first
                inputs = tuple(tuple(t.shape) for t in data)
                axes = (self._axis(data[0]), self._axis(first))
                self.uses.append(Use(symbol_of(func), site, (), inputs, tuple(first.shape), axes=axes))
        return output

    def _note_pad(self, output: Any) -> None:
        """Records a padding of an image's channels, and the names in scope, which may express its width."""
        step, frame = self.flow.step(output), self.sites.frame()
        if step is not None and channel_pad([step]) is not None and frame is not None:
            self.needs.padded(step, scope_of(frame))

    def _with_fitting_weights(
        self, func: Any, site: Site, args: Any, kwargs: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """The arguments with the program's own weights resized to fit the data; records their misfits."""
        changed: dict[int, torch.Tensor] = {}
        for tensor, axis, size in self.raw.misfits(getattr(func, "__name__", ""), args, kwargs):
            raw, number = self.raw.of(tensor), self.raw.size(tensor, axis)
            if raw is not None and number is not None:
                self.needs.add(Misfit("argument", f"size{number}", number, size, raw), site, raw)
                changed[id(tensor)] = resized(changed.get(id(tensor), tensor), axis, size)
        if not changed:
            return args, kwargs
        args = tuple(_with(value, changed) for value in args)
        return args, {name: _with(value, changed) for name, value in kwargs.items()}

    def _misfits(self, func: Any, site: Site, args: Any, kwargs: dict[str, Any]) -> list[Misfit]:
        """The misfits of a function's arguments, which are recorded."""
        misfits = function_misfits(getattr(func, "__name__", ""), args, kwargs, BATCH, self.flow)
        overwriting = self.kept.overwriting_function(func, args, kwargs)
        if overwriting is not None:
            self.needs.add(overwriting, site, None)
        if misfits or (len(args) > 1 and isinstance(args[1], torch.Tensor)):
            shapes = tuple(tuple(t.shape) for t in _data(args[:2], {}))
            self.needs.summed(site, self.sites.owner(), shapes, misfits)
        for misfit in misfits:
            self.needs.add(misfit, site, misfit.layer)
            if misfit.layer is not None and misfit.kind == "argument":
                layers.promised(misfit, misfit.layer)
        return misfits

    # Results --------------------------------------------------------------------------------------------------------

    def unused(self) -> tuple[Site, ...]:
        """The constructor sites none of whose layers was called."""
        used = {use.built[0] for use in self.uses if use.built}
        used |= {fix.built[0] for fix, _ in self.needs.fixes if fix.built}
        leaves = [m for m in self._modules if type(m).__module__ != "candidate" and not isinstance(m, _CONTAINERS)]
        sites = {self._built[id(m)][0] for m in leaves if self._built[id(m)]}
        return tuple(sorted(sites - used))

    def built_counts(self) -> tuple[tuple[Site, int], ...]:
        """The number of layers that each constructor site built."""
        counts: dict[Site, int] = {}
        for module in self._modules:
            if self._built[id(module)]:
                site = self._built[id(module)][0]
                counts[site] = counts.get(site, 0) + 1
        return tuple(sorted(counts.items()))


class _Functions(TorchFunctionMode):
    """Passes every torch function that the program calls, directly or through a layer, to the recorder."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        func, args, kwargs = self.recorder.placement.call(func, args, kwargs or {})
        return (self.recorder.on_function if self.recorder.forward_runs else self.recorder.on_start)(func, args, kwargs)


def _with(value: Any, changed: dict[int, torch.Tensor]) -> Any:
    """An argument with the resized tensors in place of the originals."""
    if isinstance(value, (tuple, list)):
        return type(value)(changed.get(id(v), v) for v in value)
    return changed.get(id(value), value)


def _data(args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The tensors among a call's arguments that are not parameters."""
    flat: list[Any] = []
    for value in (*args, *kwargs.values()):
        flat.extend(value if isinstance(value, (list, tuple)) else [value])
    return [v for v in flat if isinstance(v, torch.Tensor) and not isinstance(v, nn.Parameter)]
