"""Minimisation: which of an individual's changes an objective needs; the others are dropped.

The idea is that of delta debugging (Zeller and Hildebrandt, 2002) with one difference: a test there passes or fails,
while a training here gives another figure on each seed. So "does not need" means "no worse by more than noise".

1. Changes that leave the fingerprint as it is go first: they cost nothing to judge.
2. Each other change is taken out alone, what makes the network smaller first. The program without it is trained on
   2, 4, 8, ... seeds until the case is clear, and compared on each objective with what is left and with the individual
   itself. No worse: the change is dropped. Worse, or no program at all: it is kept, with the reason.
3. A change that was dropped may free another one, so the pass repeats until it drops nothing.

Say that the individual has `+ nn.Dropout(0.1)` (1), another learning rate (2) and label smoothing (3), and an error of
3.0 % where 0.4 % is noise. Without (1) it is 3.1 %: dropped. Without (1) and (3) it is 3.2 %: dropped. Without (2) as
well it is 5.0 %: kept; the next pass finds (2) tried already and ends. What is left is the seed program with (2).

What it cannot do: it drops one change at a time, so two that only help together are both kept, and two that make up for
each other are both dropped only where each alone is within noise; and every drop is allowed a share of noise, which is
why the individual itself, and not only the program before, is what each is compared with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from gi.core.errors import RunError
from gi.core.types import Failed, Outcome, Scored
from gi.explain import noise
from gi.explain.difference import changes
from gi.explain.records import Effect, Levels, Status, Verdict
from gi.explain.variants import UnfitChanges, Variant, Variants

SAME = "computes and trains the same without it"
CHANCE = "within noise without it"
UNTRIED = "not tried: the trainings were used up"
_FIRST_LOOK = 2  # trainings: one alone has no deviation
# Times the noise at which a look that is not the last one decides. Each look is a chance to be misled, so that an early
# one has to see more than the last one.
_CLEARLY_WORSE, _CLEARLY_EQUAL = 1.5, 0.5


class Bench(Protocol):
    """Trains and measures programs, each on a seed once."""

    def __call__(self, variant: Variant, seeds: Sequence[int]) -> tuple[Outcome, ...] | None:
        """One outcome for each seed; None where what is left of the budget does not reach."""
        ...

    def known(self, variant: Variant) -> tuple[Outcome, ...]:
        """The outcomes that were measured earlier, in the order of their seeds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Criteria of a minimisation: the objectives, the seeds of each program's trainings, and the least difference.

    Differences within the share `tolerance` of the individual's own figure pass like those within noise. `metric` is
    what the objective error is called.
    """

    objectives: tuple[str, ...]
    seeds: tuple[int, ...]
    resolution: noise.Resolution = field(default_factory=noise.Resolution)
    tolerance: float = 0.0
    metric: str = "error"

    def title(self, objective: str) -> str:
        """What an objective is called where people read it."""
        return self.metric if objective == "error" else objective


OnVerdict = Callable[[Verdict], None]


class Minimisation:
    """One minimisation: what is kept so far, and the verdict on each change."""

    def __init__(self, variants: Variants, bench: Bench, rules: Rules, on_verdict: OnVerdict = lambda _: None) -> None:
        """Starts with every change kept."""
        self.variants, self.bench, self.rules, self._notify = variants, bench, rules, on_verdict
        self.kept = variants.difference.numbers
        self.verdicts = {c.number: Verdict(c, "kept", UNTRIED) for c in changes(variants.difference)}
        self.finished = False
        self._whole = variants.whole
        self._dropped_from: dict[int, frozenset[int]] = {}

    def run(self) -> None:
        """Drops every change that is no worse without; sets `kept`, `verdicts` and `finished`."""
        self._drop_without_effect()
        reference = self.levels(self._whole, train=True) if self.kept else None
        self.finished = not self.kept
        if reference is not None:
            self.finished = self._drop_within_noise(reference)
            self.bench(self.program, self.rules.seeds)  # as often as the individual, beside which it is shown
        self._attach_effects()

    def measure(self) -> None:
        """Trains the individual without each of its changes in turn; drops none."""
        reference = self.levels(self._whole, train=True)
        for number in self._order() if reference is not None else ():
            variant = self.variants.of(self.kept - {number})
            if isinstance(variant, Variant) and self.bench(variant, self.rules.seeds) is None:
                break
        else:
            self.finished = True
        self._attach_effects()

    @property
    def program(self) -> Variant:
        """The program that is left."""
        left = self.variants.of(self.kept)
        assert isinstance(left, Variant)
        return left

    def levels(self, variant: Variant, *, train: bool = False) -> Levels | None:
        """The figures of a program, as far as they are known; None where it failed or the budget does not reach.

        Raises `RunError` where the individual itself fails.
        """
        outcomes = self.bench(variant, self.rules.seeds) if train else self.bench.known(variant)
        failed = next((o for o in outcomes or () if isinstance(o, Failed)), None)
        if failed and variant is self._whole:
            raise RunError(f"the individual fails when it is trained again ({failed.stage}: {failed.reason}): raise "
                           f"--cpu-limit in a new run, or choose another individual.")  # fmt: skip
        return None if failed or not outcomes else self._levels(outcomes)

    # ----------------------------------------------------------------------------------------------------------------

    def _drop_without_effect(self) -> None:
        """Drops changes that leave the fingerprint as it is; this takes no training."""
        for number in sorted(self.kept):
            variant = self.variants.of(self.kept - {number})
            if isinstance(variant, Variant) and variant.fingerprint == self._whole.fingerprint:
                self._decide(number, "dropped", SAME)

    def _drop_within_noise(self, reference: Levels) -> bool:
        """Repeats passes until one drops nothing; False where the budget ran out before."""
        # A verdict of an earlier pass is no longer valid once another change was dropped: the program differs.
        dropped = True
        while dropped:
            dropped = False
            for number in self._order():
                verdict = self._judged(number, reference)
                if verdict is None:
                    return False
                status, reason = verdict
                dropped |= status == "dropped"
                self._decide(number, status, reason)
        return True

    def _order(self) -> list[int]:
        """The kept changes, those first whose removal leaves the fewest parameters, then the shortest ones."""

        def key(number: int) -> tuple[int, int, int]:
            variant, change = self.variants.of(self.kept - {number}), self.verdicts[number].change
            params = variant.num_params if isinstance(variant, Variant) else 0
            return params, len(change.before) + len(change.after), number

        return sorted(self.kept, key=key)

    def _judged(self, number: int, reference: Levels) -> tuple[Status, str] | None:
        """The status of a change and its reason; None where the budget does not reach."""
        variant = self.variants.of(self.kept - {number})
        if isinstance(variant, UnfitChanges):
            return "kept", f"nothing runs without it: {variant.reason}"
        if variant.id == self.program.id:
            return "dropped", SAME
        # Parameters are exact and free to count: they decide before anything is trained.
        if self._has_more_params(variant):
            return "kept", "worse without it: params"
        for count in self._looks():
            outcomes = self.bench(variant, self.rules.seeds[:count])
            if outcomes is None:
                return None
            failed = next((o for o in outcomes if isinstance(o, Failed)), None)
            if failed:
                return "kept", f"fails without it: {failed.reason} ({failed.stage})"
            levels = self._levels(outcomes)
            if reason := self._worse(levels, reference, 1.0 if count == len(self.rules.seeds) else _CLEARLY_WORSE):
                return "kept", reason
            # Two trainings may agree by luck: they can condemn a change, but not clear one.
            if count > _FIRST_LOOK and not self._worse(levels, reference, _CLEARLY_EQUAL):
                break
        return "dropped", CHANCE

    def _looks(self) -> list[int]:
        """After how many trainings a program is judged: 2, 4, 8, ... and all; a clear case takes few."""
        seeds = len(self.rules.seeds)
        return [*(n for n in (_FIRST_LOOK * 2**k for k in range(seeds)) if n < seeds), seeds]

    def _worse(self, levels: Levels, reference: Levels, doubts: float) -> str:
        """Why a program is worse than the program so far, or than the individual; "" where it is not.

        The individual bounds the drift: each drop may cost a share of noise, and ten of them would add up.
        """
        rules, current = self.rules, self.levels(self.program) or reference
        for other, than in ((current, ""), (reference, " than the individual")):
            bad = noise.worse(levels, other, rules.resolution, tolerance=rules.tolerance, doubts=doubts)
            if bad:
                return f"worse without it{than}: {', '.join(map(rules.title, bad))}"
        return ""

    def _has_more_params(self, variant: Variant) -> bool:
        """Whether a program has more parameters than the individual, and parameters are an objective."""
        most = self._whole.num_params * (1 + self.rules.tolerance)
        return "params" in self.rules.objectives and variant.num_params > most

    def _decide(self, number: int, status: Status, reason: str) -> None:
        verdict = replace(self.verdicts[number], status=status, reason=reason)
        if status == "dropped":
            self._dropped_from[number] = self.kept
            self.kept -= {number}
        before, self.verdicts[number] = self.verdicts[number], verdict
        if (before.status, before.reason) != (status, reason):
            self._notify(verdict)

    def _attach_effects(self) -> None:
        """Sets the effect of dropping each change alone, from the final program or the one it was dropped from."""
        for number, verdict in self.verdicts.items():
            if verdict.reason == SAME:
                continue
            kept = self._dropped_from.get(number, self.kept)
            whole, without = self.variants.of(kept), self.variants.of(kept - {number})
            if isinstance(whole, Variant) and isinstance(without, Variant):
                effects, count = self._effects(whole, without), self._count(without)
                self.verdicts[number] = replace(verdict, effects=effects, trainings=count)

    def _effects(self, program: Variant, without: Variant) -> tuple[Effect, ...]:
        """The differences between two programs; of one that was not trained, the parameters alone."""
        ours, theirs = self.levels(program), self.levels(without)
        if ours is not None and theirs is not None:
            return noise.effects(ours, theirs, self.rules.resolution)
        if "params" in self.rules.objectives:
            return (Effect("params", program.num_params - without.num_params),)
        return ()

    def _count(self, variant: Variant) -> int:
        return len(self.bench.known(variant))

    def _levels(self, outcomes: Sequence[Outcome]) -> Levels:
        scored = [o.values for o in outcomes if isinstance(o, Scored)]
        return {key: tuple(values[key] for values in scored) for key in self.rules.objectives}
