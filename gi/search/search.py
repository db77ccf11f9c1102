"""The loop of a run: slots of generations, promotions between rungs, and the front's final trainings.

Every event is in the archive before the loop goes on, and every decision is a function of what the archive holds: of
the settings, of streams named by generation and slot, and of the outcomes that the schedule of `Lanes` lets it read.
So a run gives the same archive at every number of workers and however often it was killed and resumed: a resumed run
runs the same loop, and reads earlier decisions from the archive.
"""

from collections import deque
from collections.abc import Callable

from gi.archive import Archive, Promotion
from gi.core.errors import RunError
from gi.core.types import Individual, Scored
from gi.sandbox.process_cpu import Clock
from gi.search.breeding import Breeding
from gi.search.budget import RunCost
from gi.search.closing import Closing
from gi.search.dead_ends import no_seed, too_short
from gi.search.events import GenerationStarted, Promoted, RunEvent, Varied
from gi.search.final_training import FinalTrainings
from gi.search.lanes import Lanes
from gi.search.outcomes import Outcomes
from gi.search.parts import Parts
from gi.search.rungs import Rungs
from gi.search.toolbox import run_toolbox

OnEvent = Callable[[RunEvent], None]

_FIXED_WORK = 2_000_000  # what a step costs beside its multiply-adds, in multiply-adds for each sample
_SEEDS_SHARE = 1 / 4  # of a budget at most is used when the longer trainings of the seed programs begin
_FILLS = 3  # times that the top rung is filled up: who goes up may turn out to be dominated there


class Search:
    """One run in this process: its state, restored from the archive, and its decisions."""

    def __init__(
        self, archive: Archive, parts: Parts, clock: Clock, notify: OnEvent, stop_requested: Callable[[], bool]
    ) -> None:
        """Restores the state that the archive holds."""
        run = archive.run()
        self.archive, self.parts, self.notify = archive, parts, notify
        self.run, self.config = run, run.config
        self.finals = FinalTrainings(0, 0)
        self.cost = RunCost(archive, run.config, clock, workers=parts.executor.capacity)
        self.toolbox = run_toolbox(parts, run.config.survival)
        survive, samples = self.toolbox.survive, parts.validation_samples
        self.rungs = Rungs(run.rungs, run.objectives, run.reference, run.config, survive=survive, samples=samples)
        self.outcomes = Outcomes(
            archive, run, self.cost, evaluate=self.toolbox.evaluate, notify=notify, stop_requested=stop_requested
        )
        self.breeding = Breeding(archive, parts, self.toolbox, self.outcomes.twins)
        self._reopen_end()
        self.closing = Closing(archive, self.rungs, self.cost, notify)
        self._promotions = deque(archive.individuals.promotions())
        self._lanes: Lanes[tuple[str, int]] = Lanes(self.config.lag)

    # ------------------------------------------------------------------------------------------------ generations

    def run_generations(self) -> None:
        """Runs the remaining generations, as far as the budget goes."""
        for number in range(self.config.generations + 1):
            # Asked before a generation is announced: one with no slot at all would stand in the archive.
            if number and number not in self.closing.closed and not self._has_room():
                break
            if not self._run_generation(number):
                break

    def _reopen_end(self) -> None:
        """Reopens the last generation of an ended run that is extended, so that it closes as any other."""
        last = self.archive.generations.last()
        if last is not None and last.ended:
            slots = self._slots(last.number)
            if last.number < self.config.generations or len(self.archive.individuals.slots(last.number)) < slots:
                self.archive.generations.reopen(last.number, slots)

    def _slots(self, number: int) -> int:
        """The number of slots of a generation."""
        return self.config.population if number else max(self.config.population, len(self.archive.seeds()))

    def _run_generation(self, number: int) -> bool:
        """Runs one generation, its slots and the promotions between them; whether the budget paid for all of it."""
        decided = {slot.slot: slot.individual for slot in self.archive.individuals.slots(number)}
        first, slots = number == 0, self._slots(number)
        seeds = len(self.archive.seeds()) if first else 0
        self.notify(GenerationStarted(number, self.config.generations, slots))
        for slot in range(slots):
            if slot == seeds and first:
                self._seeds_are_known()
            self._read_ended()
            # Not among the seed programs: the reference point that orders them is fixed when all are known.
            if slot >= seeds:
                self._promote(number, slot, replayed=slot in decided)
            if slot in decided:
                id_ = decided[slot]
                self._take(None if id_ is None else self.archive.individuals.by_id(id_))
            elif number in self.closing.closed or not self._decide(number, slot, is_seed=slot < seeds):
                break  # the budget ended here, in this session or in one before
        if first and slots == seeds:
            self._seeds_are_known()
        complete, closed = len(self.archive.individuals.slots(number)) == slots, number in self.closing.closed
        last = number == self.config.generations or not complete
        if last:
            self._drain(number, slots)
            self._fill_top(number, slots)
        self._close(number, ended=last)
        return complete or closed

    def _decide(self, number: int, slot: int, *, is_seed: bool) -> bool:
        """Fills a slot: with a seed program or an offspring; whether the budget pays for it."""
        if is_seed:
            if not self.outcomes.room_for(self.outcomes.expected_s(self.run.rungs[0])):
                self.outcomes.running.finish()
                raise RunError(too_short(self.archive, self.cost, self.outcomes, slot))
            individual, tries = self.breeding.seed(slot)
        else:
            rung = self.rungs.drawn_rung(self.breeding.stream("rung", number, slot))
            parents = self.breeding.parents(self.rungs, rung, number, slot)
            if not self._has_room(*parents[:1]):
                return False
            individual, tries = self.breeding.offspring(number, slot, parents, self.rungs)
        # Before its training: a run that is killed now finds the decision and does not draw again.
        self.archive.individuals.add_slot(number, slot, individual, tries)
        self.notify(Varied(number, slot, individual.id if individual else None, len(tries)))
        self._take(individual)
        self.outcomes.running.collect()
        return True

    def _take(self, individual: Individual | None) -> None:
        """Trains the individual of a slot on the lowest rung, and places that on the schedule."""
        if individual is None:
            return
        self.breeding.accepted(individual)
        self.outcomes.train(individual, self.run.rungs[0])
        self._place(individual, 0)

    def _place(self, individual: Individual, rung: int) -> None:
        relatives = (individual.id, *individual.parents)
        # Multiply-adds and no seconds: the schedule is the same on every machine. A new child counts as its parent.
        macs = next((known for id_ in relatives if (known := self._macs(id_)) is not None), 0.0)
        self._lanes.place((individual.id, rung), self.run.rungs[rung] * (_FIXED_WORK + macs))

    def _macs(self, id_: str) -> float | None:
        return self.rungs.scores[0].macs(id_)  # where everybody begins

    def _read_ended(self) -> None:
        """Adds the outcomes that the next decision may read to the rungs, waiting for those still in training."""
        for id_, rung in self._lanes.ended():
            outcome = self.outcomes.outcome(id_, self.run.rungs[rung])
            if rung == 0 and outcome is not None:
                self.breeding.judged(id_)
            if isinstance(outcome, Scored):
                self.rungs.add(rung, id_, outcome, twin=self.breeding.is_twin(id_))

    def _wait_for_all(self) -> None:
        """Reads every outcome on the schedule, without decisions in between."""
        while len(self._lanes):
            self._lanes.idle()
            self._read_ended()

    def _seeds_are_known(self) -> None:
        """Waits for the seed programs, fixes the reference point, and sends them up. Raises `RunError` for none."""
        self._wait_for_all()
        seeds = self.outcomes.seeds()
        if not seeds:
            raise RunError(no_seed(self.archive))
        self.rungs.fix_reference(seeds)
        for rung in range(1, self.rungs.top):
            for id_ in self.rungs.seeds_up(rung):
                promotion = Promotion(0, len(self.archive.seeds()), id_, self.run.rungs[rung])
                price_s = self.outcomes.expected_s(promotion.images, (id_,))
                self._sent_up(promotion, price_s, (1 - _SEEDS_SHARE) * self.cost.total_s)
            self._wait_for_all()

    # ---------------------------------------------------------------------------------------------------- going up

    def _promote(self, number: int, slot: int, *, replayed: bool) -> None:
        """Sends up the individuals due before a slot; for a slot decided in an earlier session, those sent up then."""
        while replayed and self._is_recorded(number, slot):
            self._go_up(self._promotions[0])
        while not replayed and (due := self.rungs.promotable()) is not None:
            id_, rung = due
            price_s = self.outcomes.expected_s(self.run.rungs[rung], (id_,))
            if not self._sent_up(Promotion(number, slot, id_, self.run.rungs[rung]), price_s, self._kept_s()):
                return

    def _sent_up(self, promotion: Promotion, price_s: float, kept_s: float = 0.0) -> bool:
        """Sends an individual up if the archive records it or else the budget pays for it; whether it did."""
        if self._is_recorded(promotion.generation, promotion.slot):
            goes = self._promotions[0] == promotion
        else:
            goes = promotion.generation not in self.closing.closed and self.outcomes.room_for(price_s, kept_s=kept_s)
        if goes:
            self._go_up(promotion)
        return goes

    def _is_recorded(self, number: int, slot: int) -> bool:
        """Whether the next promotion that the archive holds was decided before this slot."""
        return bool(self._promotions) and (self._promotions[0].generation, self._promotions[0].slot) == (number, slot)

    def _go_up(self, promotion: Promotion) -> None:
        if self._promotions and self._promotions[0] == promotion:
            self._promotions.popleft()
        else:
            self.archive.individuals.add_promotion(promotion)
        rung = self.run.rungs.index(promotion.images)
        self.rungs.sent_up(promotion.individual, rung)
        self.notify(Promoted(promotion.individual, rung, promotion.images))
        individual = self.archive.individuals.by_id(promotion.individual)
        self.outcomes.train(individual, promotion.images)
        self._place(individual, rung)
        self.outcomes.running.collect()

    def _drain(self, number: int, slots: int) -> None:
        """The end of a search: waits for running trainings, and sends up what they make due."""
        while len(self._lanes) or self._is_recorded(number, slots):
            if not len(self._lanes):  # who went up in a session before, and with another budget is not due now
                self._go_up(self._promotions[0])
            if self.cost.left_s <= self._kept_s():
                self.outcomes.running.take_back()
            self._lanes.idle()
            self._read_ended()
            self._promote(number, slots, replayed=False)

    def _fill_top(self, number: int, slots: int) -> None:
        """Sends up the best of the rungs below until the top rung's front has `finals` members, and then twice as many,
        so that the finalists that are small or fast are chosen among several."""
        for turn in range(1, 2 * _FILLS + 1):
            first = turn <= _FILLS
            kept_s = 0.0 if first else self._kept_s()
            finals = self.config.finals
            chosen = self.rungs.next_for_top(finals, front=finals if first else 2 * finals)
            # Where all are paid for the longest begins first, so that no worker waits for it at the end.
            chosen = chosen if self.cost.is_bounded else sorted(chosen, key=lambda id_: -(self._macs(id_) or 0.0))
            for id_ in chosen:
                # Numbers behind the last slot tell the turns apart, so that a resumed run replays each as it was.
                promotion = Promotion(number, slots + turn, id_, self.run.top_images)
                self._sent_up(promotion, self.outcomes.final_s(id_), kept_s)
            while self._is_recorded(number, slots + turn):
                self._go_up(self._promotions[0])
            self._wait_for_all()

    # -------------------------------------------------------------------------------------------------- decisions

    def _close(self, number: int, *, ended: bool) -> None:
        """Closes a generation, and deletes the weights of individuals that cannot become parents any more."""
        self.closing.close(number, ended=ended, finals_s=self._finals_s)
        # Not while earlier generations are replayed: their parents would decide which of the present files stay.
        if number == max(self.closing.closed):
            bred = {id_ for rung in range(self.rungs.top + 1) for id_ in self.rungs.parents(rung)}
            born = [slot.individual for slot in self.archive.individuals.slots(number + 1)]
            self.outcomes.forget_dead(bred, {id_ for id_ in (*born, *(i for i, _ in self._lanes)) if id_ is not None})

    def finalists(self) -> list[str]:
        """The members of the front that get final trainings, the best by the first objective first."""
        return self.rungs.highest().finalists(self.config.finals)

    def retrain(self) -> None:
        """The final trainings of the front, as far as the budget goes."""
        shown = self.rungs.highest()
        self.finals = self.outcomes.retrain(self.finalists(), front_size=len(shown.front()))
        self._keep_pictures()

    def _keep_pictures(self) -> None:
        """Stores pictures of the misclassified samples, so that reports of the run need no data set."""
        diagnoses = (diagnosis for *_, diagnosis in self.archive.outcomes.diagnoses())
        wrong = {mistake.sample for diagnosis in diagnoses for mistake in diagnosis.mistakes}
        self.archive.outcomes.add_pictures(self.parts.pictures(sorted(wrong)))

    # ------------------------------------------------------------------------------------------------------ budget

    def _has_room(self, *parents: str) -> bool:
        """Whether the budget pays for one more evaluation, of a child of `parents`, and for the final trainings."""
        expected_s = self.outcomes.expected_s(self.run.rungs[0], ("", *parents))
        return self.outcomes.room_for(expected_s, kept_s=self._kept_s())

    def _kept_s(self) -> float:
        return self.cost.kept_s(self._finals_s()) if self.cost.is_bounded else 0.0

    def _finals_s(self) -> float:
        """The estimated CPU seconds of the final trainings, from the mean of the present finalists."""
        members = self.finalists()
        if not members:
            return 0.0
        each_s = sum(map(self.outcomes.final_s, members)) / len(members)
        return each_s * self.config.finals * self.config.final_seeds
