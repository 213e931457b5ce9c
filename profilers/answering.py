"""What trials tell: profiles, failures and warnings.

The profile of a device that was measured on itself, as this machine is, is `measured`; the
emulator maps the measurement to every other one. What a deployment on a device was seen
to do under load (`planner verify --store`) goes before both.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from planner.domain.profiles import BatchProfile, TokenRates
from planner.domain.profiling import ProfilingFailure, ProfilingOutcome
from planner.errors import ProfilingError
from profilers.asking import asked
from profilers.demand import Demand, Settled, Wanted
from profilers.ports import Emulator
from profilers.profiles import deployed_profile, measured_profile
from profilers.store import ProfileStore, describe
from profilers.trials import (
    Deployed,
    Failure,
    Measurement,
    Trial,
    TrialKey,
    TrialResult,
)

Answered = BatchProfile | TokenRates | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """`here` are the devices that are measured on themselves."""

    emulator: Emulator
    store: ProfileStore
    here: Collection[str]

    def outcome(self, settled: Settled) -> ProfilingOutcome:
        """The profiles, failures and warnings; how and where is for whoever measured."""
        demand, results = settled.demand, settled.results
        if demand.calibration:
            self.emulator.calibrate(
                {t: results[k] for k, t in demand.calibration.items()}
            )
        deployed = self.store.deployed(
            [w.deployed_key for w in demand.wanted if w.deployed_key]
        )
        answers = [
            (w, self._best(self._answer(w, results), w, deployed))
            for w in demand.wanted
        ]
        return ProfilingOutcome(
            profiles=tuple(
                a for _, a in answers if isinstance(a, BatchProfile | TokenRates)
            ),
            failures=tuple(
                ProfilingFailure(
                    model=w.model, variant=w.variant, device=w.device, reason=a
                )
                for w, a in answers
                if isinstance(a, str)
            ),
            warnings=_warnings(demand, results),
            n_measured=0,
            n_cached=0,
            environment={},
        )

    def _best(
        self,
        answer: Answered,
        wanted: Wanted,
        deployed: Mapping[TrialKey, Deployed],
    ) -> Answered:
        """What a deployment on that device was seen to do, where there was one."""
        seen = deployed.get(wanted.deployed_key) if wanted.deployed_key else None
        if seen is None:
            return answer
        otherwise = answer if isinstance(answer, BatchProfile) else None
        return deployed_profile(seen, name=wanted.model, otherwise=otherwise)

    def _answer(
        self, wanted: Wanted, results: Mapping[TrialKey, TrialResult]
    ) -> Answered:
        """The profile wanted, or why there is none."""
        if wanted.trial is None or wanted.key is None:
            return wanted.refusal
        result = results[wanted.key]
        if isinstance(result, Failure):
            return result.reason
        if wanted.device in self.here:
            return measured_profile(result, wanted.trial)
        if result.tokens:
            return (
                "a language model is not mapped from this machine to another device: "
                "measure it there, with --device local"
            )
        trial, device = wanted.trial, wanted.device
        profile = asked(lambda: self.emulator.profile(result, trial, device))
        return str(profile) if isinstance(profile, ProfilingError) else profile


def timed_here(
    demand: Demand, results: Mapping[TrialKey, TrialResult]
) -> tuple[BatchProfile, ...]:
    """What is known by now of what a demand asks for on this machine."""
    told = (
        measured_profile(result, w.trial)
        for w in demand.wanted
        if w.trial is not None
        and w.key is not None
        and isinstance(result := results.get(w.key), Measurement)
    )
    return tuple(p for p in told if isinstance(p, BatchProfile))


def _warnings(
    demand: Demand, results: Mapping[TrialKey, TrialResult]
) -> tuple[str, ...]:
    """What users must know of the measurements behind the profiles, once each."""
    said = [
        f"{trial.model.name} {describe(trial)}: {warning}"
        for key, trial in demand.trials.items()
        for warning in _of(results[key], trial)
    ]
    failed = [
        f"calibration with {trial.model.name} {describe(trial)} failed: {result.reason}"
        for key, trial in demand.calibration.items()
        if isinstance(result := results[key], Failure)
    ]
    return tuple(dict.fromkeys([*demand.notes, *said, *failed]))


def _of(result: TrialResult, trial: Trial) -> tuple[str, ...]:
    """What was said when it was measured, and what is to be said of what it is asked for now."""
    if isinstance(result, Failure):
        return ()
    known = result.percentile_frac
    if known is None or known >= trial.percentile_frac:
        return result.warnings
    unsure = (
        f"was timed until its {100 * known:g}th percentile was known, and the "
        f"{100 * trial.percentile_frac:g}th is asked for now: planner profile SPEC "
        "--again times it until that is"
    )
    return (*result.warnings, unsure)
