"""What one call of `profile` needs measured: profiles wanted, and the trials that give them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.domain.variants import Variant
from profilers.points import Reach
from profilers.trials import Trial, TrialKey, TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A profile asked for: `trial` gives it, or `refusal` says why none can.

    `roomier` is the trial in the device's own envelope, where `trial` has less
    memory than that. `keyed` gives the content key of a trial of this model there.
    `curve` is the key of the trial that would tell the whole grid, where `trial` tells
    no more than a part of it.
    """

    model: str
    variant: Variant
    device: str
    trial: Trial | None = None
    roomier: Trial | None = None
    keyed: Callable[[Trial], TrialKey] | None = None
    deployed_key: TrialKey | None = None
    curve: TrialKey | None = None
    refusal: str = ""

    @property
    def key(self) -> TrialKey | None:
        """Under which the trial's result is stored."""
        return self._key(self.trial)

    @property
    def otherwise_key(self) -> TrialKey | None:
        """That of the trial with all points timed where it asks for fewer, or the reverse.

        Either will do where it is stored.
        """
        other = self.trial and replace(
            self.trial, fewer_points=not self.trial.fewer_points
        )
        return self._key(other)

    def in_its_own_room(self) -> "Wanted":
        """The same profile, from a measurement in the device's own envelope."""
        return replace(self, trial=self.roomier, roomier=None)

    def known(self, reach: Reach) -> "Wanted":
        """The same profile from a part of its curve."""
        return replace(
            self,
            trial=self._within(self.trial, reach),
            roomier=self._within(self.roomier, reach),
            curve=self.key,
        )

    def _within(self, trial: Trial | None, reach: Reach) -> Trial | None:
        if trial is None:
            return None
        # Of a curve that cannot be had, what was tried first.
        batches = reach.asked or (min(trial.batches),)
        return replace(trial, batches=batches, curve=self._key(trial))

    def _key(self, trial: Trial | None) -> TrialKey | None:
        return None if trial is None or self.keyed is None else self.keyed(trial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Everything that one call of `profile` needs measured; `notes` say what it leaves out."""

    wanted: tuple[Wanted, ...]
    calibration: Mapping[TrialKey, Trial]
    trials: Mapping[TrialKey, Trial]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        wanted: Sequence[Wanted],
        calibration: Mapping[TrialKey, Trial],
        notes: tuple[str, ...] = (),
    ) -> "Demand":
        """The trials of these profiles, and those that the emulator learns from."""
        return cls(
            wanted=tuple(wanted),
            calibration=calibration,
            trials={**_trials(wanted), **calibration},
            notes=notes,
        )

    def with_own_rooms(self, cramped: Sequence[Wanted]) -> "Demand":
        """The demand with these profiles from their devices' own envelopes."""
        wanted = tuple(w.in_its_own_room() if w in cramped else w for w in self.wanted)
        return replace(self, wanted=wanted, trials={**self.trials, **_trials(wanted)})

    def reaches(self) -> Mapping[TrialKey, Reach]:
        """Every curve there is to know, by the key of the trial that tells all of it."""
        return {
            key: Reach(grid=tuple(sorted(set(trial.batches))))
            for key, trial in _trials(self.wanted).items()
        }

    def known(self, reaches: Mapping[TrialKey, Reach]) -> "Demand":
        """The demand for these curves alone, each as far as it is to be known."""
        wanted = [
            w if (key := w.key) is None else w.known(reaches[key])
            for w in self.wanted
            if w.key is None or w.key in reaches
        ]
        return Demand.of(wanted, self.calibration, self.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A demand as it was met at last, and the result of each of its trials."""

    demand: Demand
    results: Mapping[TrialKey, TrialResult]


def _trials(wanted: Sequence[Wanted]) -> dict[TrialKey, Trial]:
    return {key: w.trial for w in wanted if w.trial and (key := w.key)}
