"""What a run found that has to change, with every place of the text that could give it. Check worker only."""

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

_UNTOLD = frozenset({"becomes", "sized"})  # they only say what a function gives once its neighbours are mended
_AT_SUMS = frozenset({"project", "resize"})


class Needs:
    """Gathers the fixes of one run, and what every layer was built with, at which place, with which names around."""

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
        self.is_closed = False  # what comes now may only follow from what was found: the next round shows it
        self.pads: list[tuple[Step, Scope | None]] = []
        self.sums: list[tuple[Site, Any, tuple[Any, ...], Misfit | None]] = []

    def built(
        self, layer: nn.Module | RawTensor, sites: tuple[Site, ...], scope: Scope | None, given: dict[str, Any]
    ) -> None:
        """A layer of torch's own was built, or a raw tensor: by which calls, innermost first, and with what."""
        self.layers.append(layer)
        self.sites[id(layer)], self.scopes[id(layer)], self.given[id(layer)] = sites, scope, given

    def add(self, misfit: Misfit, site: Site, layer: nn.Module | RawTensor | Step | None) -> None:
        """Something does not fit: at a call, in a layer, in a raw tensor, or at the call of an earlier step."""
        if misfit.kind in _UNTOLD or self.is_closed:
            return
        if misfit.kind == "stride":
            # A stride mends a sum only where it does so at every use: see `_take_strides`.
            self.strides.setdefault(site, []).append(misfit)
            return
        if isinstance(misfit.layer, Step):
            self.wanted[id(misfit.layer), misfit.kind] = misfit.value
            site, layer = misfit.layer.site, None
        sites = self.sites.get(id(layer), ())
        at_call = misfit.kind == "argument" and layer is None  # of the function that is called
        built = (site,) if at_call else sites
        # A function has no constructor: its own call is where its arguments stand.
        self.fixes.append((Fix(misfit.kind, site, built, misfit.name, misfit.position, misfit.value), layer))
        if layer is not None and misfit.kind == "argument":
            self.wanted[id(layer), misfit.name] = misfit.value
            self.used.add(id(layer))

    def summed(self, site: Site, owner: Any, shapes: tuple[Any, ...], misfits: Iterable[Misfit]) -> None:
        """Operands met, in a method of `owner`."""
        misfit = next((m for m in misfits if m.kind in _AT_SUMS), None)
        self.sums.append((site, owner, shapes, misfit))

    def padded(self, step: Step, scope: Scope | None) -> None:
        """An image was padded in its channels, with these names around."""
        self.pads.append((step, scope))

    def is_odd(self, layer: nn.Module | None) -> bool:
        """Whether the width of what a layer gives is a number of its own, and no name that others share."""
        given = self.given.get(id(layer), {})
        width = given.get("out_channels", given.get("out_features"))
        # Built through other calls of the program, by a constant of its own: nobody else has that width.
        return len(self.sites.get(id(layer), ())) > 1 and self.routes.is_constant(width)

    def is_mended(self, layer: nn.Module | None) -> bool:
        """Whether a layer gets another width than it was built for."""
        return any((id(layer), name) in self.wanted for name in ("in_channels", "in_features"))

    # Telling ---------------------------------------------------------------------------------------------------------

    def told(self) -> tuple[tuple[Fix, ...], tuple[ValuePlace, ...]]:
        """The fixes, each once, and the points that they refer to."""
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
            told = dataclasses.replace(fix, route=route_)
            # The same place with the same need, once: a block that is built sixteen times says it sixteen times.
            fixes.setdefault((fix.kind, fix.built[:1] or fix.site, fix.name, route_), told)
        return tuple(fixes.values()), tuple(points)

    def _take_strides(self) -> None:
        """A stride mends a sum of two sizes if it does wherever that sum does not fit."""
        for site, misfits in self.strides.items():
            if len(misfits) == sum(at == site and m is not None and m.kind == "resize" for at, _, _, m in self.sums):
                for misfit in misfits:
                    self.add(dataclasses.replace(misfit, kind="argument"), site, misfit.layer)

    def _ask_evaluations(self) -> None:
        """Tells every evaluation what the layers that got its value need."""
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
        """The place of an argument in a constructor call, given or not."""
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
        """The place of an argument in a call of the program's own function or class, which does not give it yet.

        A layer may get the same default as several of its arguments: `padding=dilation, dilation=dilation`.
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
        """The place of a sum, with the names at the end of the constructor of the object whose sum it is.

        Objects of the same class whose sum never runs are cases without shapes.
        """
        here = [(owner, shapes, (m.value,) if m else ()) for at, owner, shapes, m in self.sums if at == site]
        reached, classes = {id(owner) for owner, _, _ in here}, {type(owner) for owner, _, _ in here}
        idle = [(m, (), ()) for m in self.own if type(m) in classes and id(m) not in reached]
        cases = (Case(s, w, *_names(self._end_of_constructor(owner), True)) for owner, s, w in [*here, *idle])
        return ValuePlace(site, "sum", -1, tuple(cases))

    def _pad_point(self, site: Site) -> ValuePlace:
        """The place of a pad: each time that it ran, the channels that came in, and those that should come out."""
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
    """The names where an expression may be needed, as the run had them and as the mended text will."""
    return (numbers(scope), numbers(scope, mended)) if several else ((), ())


def _plain(value: Any) -> Any:
    """A value as JSON and sets can hold it."""
    if isinstance(value, Number):
        return int(value)
    if isinstance(value, (list, tuple)):
        return tuple(_plain(v) for v in value)
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)
