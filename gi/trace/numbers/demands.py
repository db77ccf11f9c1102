"""The changes that a run needs, with every place of the text that could make them. Check worker only."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from torch import nn

from gi.core.trace import Case, Fix, Site, ValuePlace
from gi.trace.fit.data_flow import Step
from gi.trace.fit.misfit import Misfit
from gi.trace.fit.raw_tensors import RawTensor
from gi.trace.numbers.scope import Scope, numbers
from gi.trace.numbers.tracked_int import Number, Routes, TrackedExpression, mended, route

_OUTPUT_KINDS = frozenset({"becomes", "sized"})  # they only describe an output after the repair, and need no change
_AT_SUMS = frozenset({"project", "resize"})


class Needs:
    """Collects the fixes of one run, and the arguments, call sites and names in scope of every built layer."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.fixes: list[tuple[Fix, Any]] = []
        self.layers: list[nn.Module | RawTensor] = []
        self.own: list[nn.Module] = []  # objects of the program's classes
        self.sites: dict[int, tuple[Site, ...]] = {}
        self.given: dict[int, dict[str, Any]] = {}
        self.scopes: dict[int, Scope | None] = {}
        self.wanted: dict[tuple[int, str], Any] = {}
        self.used: set[int] = set()
        self.strides: dict[Site, list[Misfit]] = {}
        self.is_closed = False  # later misfits may be consequences of earlier ones: the next round decides
        self.pads: list[tuple[Step, Scope | None]] = []
        self.sums: list[tuple[Site, Any, tuple[Any, ...], Misfit | None]] = []

    def built(
        self, layer: nn.Module | RawTensor, sites: tuple[Site, ...], scope: Scope | None, given: dict[str, Any]
    ) -> None:
        """Records that a layer of torch, or a raw tensor, was built by these calls, innermost first."""
        self.layers.append(layer)
        self.sites[id(layer)], self.scopes[id(layer)], self.given[id(layer)] = sites, scope, given

    def add(self, misfit: Misfit, site: Site, layer: nn.Module | RawTensor | Step | None) -> None:
        """Records a misfit: at a call, in a layer, in a raw tensor, or at the call of an earlier step."""
        if misfit.kind in _OUTPUT_KINDS or self.is_closed:
            return
        if misfit.kind == "stride":
            # A stride is changed only if that repairs the sum at every use: see `_take_strides`.
            self.strides.setdefault(site, []).append(misfit)
            return
        if isinstance(misfit.layer, Step):
            self.wanted[id(misfit.layer), misfit.kind] = misfit.value
            site, layer = misfit.layer.site, None
        sites = self.sites.get(id(layer), ())
        at_call = misfit.kind == "argument" and layer is None  # an argument of the called function
        built = (site,) if at_call else sites
        # A function has no constructor: its call has the arguments.
        self.fixes.append((Fix(misfit.kind, site, built, misfit.name, misfit.position, misfit.value), layer))
        if layer is not None and misfit.kind == "argument":
            self.wanted[id(layer), misfit.name] = misfit.value
            self.used.add(id(layer))

    def summed(self, site: Site, owner: Any, shapes: tuple[Any, ...], misfits: Iterable[Misfit]) -> None:
        """Records the operands of a sum, in a method of `owner`, and its misfit."""
        misfit = next((m for m in misfits if m.kind in _AT_SUMS), None)
        self.sums.append((site, owner, shapes, misfit))

    def padded(self, step: Step, scope: Scope | None) -> None:
        """Records a padding of an image's channels, and the names in scope."""
        self.pads.append((step, scope))

    def is_odd(self, layer: nn.Module | None) -> bool:
        """Whether a layer's output width is a constant that no other layer uses."""
        given = self.given.get(id(layer), {})
        width = given.get("out_channels", given.get("out_features"))
        # Built through another call of the program, with a constant in it.
        return len(self.sites.get(id(layer), ())) > 1 and self.routes.is_constant(width)

    def is_mended(self, layer: nn.Module | None) -> bool:
        """Whether a layer gets another input width than it was built for."""
        return any((id(layer), name) in self.wanted for name in ("in_channels", "in_features"))

    # Results ---------------------------------------------------------------------------------------------------------

    def distinct(self) -> tuple[tuple[Fix, ...], tuple[ValuePlace, ...]]:
        """The distinct fixes, and the places that their routes refer to by index."""
        if not self.fixes:
            return (), ()
        self._take_strides()
        self._ask_evaluations()
        numbered: dict[Any, int] = {}
        points: list[ValuePlace] = []

        def index(key: Any, make: Any) -> int:
            if key not in numbered:
                numbered[key] = len(points)
                points.append(make())
            return numbered[key]

        fixes: dict[Any, Fix] = {}
        for fix, layer in self.fixes:
            route_ = tuple(index(key, make) for key, make in self._route(fix, layer))
            routed = dataclasses.replace(fix, route=route_)
            # Once for each place and need: a block that is built sixteen times records sixteen.
            fixes.setdefault((fix.kind, fix.built[:1] or fix.site, fix.name, route_), routed)
        return tuple(fixes.values()), tuple(points)

    def _take_strides(self) -> None:
        """Adds the stride fixes of each sum that a stride repairs at every misfit."""
        for site, misfits in self.strides.items():
            if len(misfits) == sum(at == site and m is not None and m.kind == "resize" for at, _, _, m in self.sums):
                for misfit in misfits:
                    self.add(dataclasses.replace(misfit, kind="argument"), site, misfit.layer)

    def _ask_evaluations(self) -> None:
        """Adds to every evaluation the values that the layers which got its value need."""
        for layer in self.layers:
            if id(layer) in self.used:
                for name, value in self.given[id(layer)].items():
                    need = self.wanted.get((id(layer), name), value)
                    evaluations = route(value)
                    for number, evaluation in enumerate(evaluations):
                        evaluation.wanted.add(_plain(need))
                        evaluation.derives |= number > 0 and evaluations[number - 1].derives

    def _route(self, fix: Fix, layer: Any) -> list[tuple[Any, Any]]:
        if fix.kind in _AT_SUMS:
            return [(("sum", fix.site), lambda: self._sum_point(fix.site))]
        if fix.kind == "pad":
            return [(("pad", fix.site), lambda: self._pad_point(fix.site))]
        if fix.kind != "argument" or not fix.built:
            return []
        places: list[tuple[Any, Any]] = []
        value = self.given.get(id(layer), {}).get(fix.name)
        for evaluation in route(value):
            point = evaluation.point
            places.append((point, lambda point=point: self._point(point)))
        outer = self.routes.not_given(fix.name, value, fix.built)
        if outer is not None:
            number, name = outer
            key = (fix.built[number], name)
            places.append((key, lambda: self._not_given(fix.built[number], name, fix.name)))
        key = (fix.built[0], fix.name)
        return [*places, (key, lambda: self._argument(fix, layer))]

    def _point(self, point: int) -> ValuePlace:
        evaluations = self.routes.evaluations[point]
        several = point in self.routes.points.formulas or len({w for e in evaluations for w in e.mended()}) > 1
        derives = any(e.derives for e in evaluations)
        return ValuePlace(
            self.routes.points.sites[point], cases=tuple(_case(e, several) for e in evaluations), derives=derives
        )

    def _argument(self, fix: Fix, layer: Any) -> ValuePlace:
        """The place of an argument in a constructor call, passed or not."""
        if layer is None:
            case = Case(None, (fix.value,), ())
            return ValuePlace(fix.built[0], fix.name, fix.position, (case,))
        there = [x for x in self.layers if self.sites[id(x)][:1] == fix.built[:1] and id(x) in self.used]
        needs = [self.wanted.get((id(x), fix.name), self.given[id(x)].get(fix.name)) for x in there]
        several = len({_plain(n) for n in needs}) > 1
        cases = (
            Case(_plain(self.given[id(x)].get(fix.name)), (_plain(n),), *_names(self.scopes[id(x)], several))
            for x, n in zip(there, needs, strict=True)
        )
        return ValuePlace(fix.built[0], fix.name, fix.position, tuple(cases))

    def _not_given(self, call: Site, parameter: str, name: str) -> ValuePlace:
        """The place of an argument that a call of the program's own function or class does not pass yet.

        A layer may get one default for several of its arguments: `padding=dilation, dilation=dilation`.
        """
        cases = []
        for layer in self.layers:
            given = self.given[id(layer)] if call in self.sites[id(layer)] and id(layer) in self.used else {}
            same = [n for n, value in given.items() if self._is_default(layer, n, value, call, parameter)]
            if name in same:
                needs = {_plain(self.wanted.get((id(layer), n), given[n])) for n in same}
                cases.append(Case(_plain(given[name]), tuple(sorted(needs, key=repr))))
        return ValuePlace(call, parameter, cases=tuple(cases))

    def _is_default(self, layer: Any, name: str, value: Any, call: Site, parameter: str) -> bool:
        """Whether a layer's argument is the default of `parameter`, which that call leaves out."""
        sites = self.sites[id(layer)]
        outer = self.routes.not_given(name, value, sites)
        return outer is not None and (sites[outer[0]], outer[1]) == (call, parameter)

    def _sum_point(self, site: Site) -> ValuePlace:
        """The place of a sum, with the names at the end of the constructor of the object that computes it.

        Objects of the same class that do not run their sum are cases without shapes.
        """
        here = [(owner, shapes, (m.value,) if m else ()) for at, owner, shapes, m in self.sums if at == site]
        reached, classes = {id(owner) for owner, _, _ in here}, {type(owner) for owner, _, _ in here}
        idle = [(m, (), ()) for m in self.own if type(m) in classes and id(m) not in reached]
        cases = (Case(s, w, *_names(self._end_of_constructor(owner), True)) for owner, s, w in [*here, *idle])
        return ValuePlace(site, "sum", -1, tuple(cases))

    def _pad_point(self, site: Site) -> ValuePlace:
        """The place of a pad: for each run of it, the channels of the input and those needed in the output."""
        here = [(step, scope) for step, scope in self.pads if step.site == site]
        widths = [self.wanted.get((id(step), "pad"), step.after[1]) for step, _ in here]
        cases = (Case(s.before[1], (w,), *_names(scope, True)) for (s, scope), w in zip(here, widths, strict=True))
        return ValuePlace(site, "pad", 1, tuple(cases))

    def _end_of_constructor(self, owner: Any) -> Scope | None:
        if not isinstance(owner, nn.Module):
            return None
        names = self.routes.constructors.get(id(owner), {})
        return names, dict(vars(owner)), dict(owner._modules), {}


def _case(evaluation: TrackedExpression, several: bool) -> Case:
    wanted = tuple(sorted(evaluation.mended(), key=repr))
    return Case(evaluation.value, wanted, *_names(evaluation.scope, several))


def _names(scope: Scope | None, several: bool) -> tuple[Any, Any]:
    """The names for an expression, where one may be needed, with their values in the run and after the repair."""
    return (numbers(scope), numbers(scope, mended)) if several else ((), ())


def _plain(value: Any) -> Any:
    """A value in a form for JSON and sets."""
    if isinstance(value, Number):
        return int(value)
    if isinstance(value, (list, tuple)):
        return tuple(_plain(v) for v in value)
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)
