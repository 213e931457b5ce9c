"""How far the mapping is off: measured by leaving devices out of published tables.

Every device in turn plays this machine, every other one the device that is not
here. The ratio is fitted on the calibration models that both have; every model
that took no part is predicted and compared with what was published:

    e  =  ln published − ln predicted                pooled over pairs and models

The band is the 90 % quantile of e, one-sided: exp(q) − 1. Two things matter and
are kept apart or evened out. Instruction sets: x86 to Arm is not Arm to x86, so
pairs are pooled by the two sides' instruction sets. Families of models: a user's
model is of none of the published families, so each family weighs the same,
however many members it has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from statistics import NormalDist

from planner.domain.evidence import BAND_QUANTILE_FRAC
from planner.domain.operations import family
from profilers.emulators.ratios import MIN_MODELS, Pair, fit

# Fewer devices on a side say little about the next one: then all pairs are pooled.
MIN_DEVICES = 3

_Z_BAND = NormalDist().inv_cdf(BAND_QUANTILE_FRAC)

Times = Mapping[str, float]  # p50 in seconds, by model


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One model on one device, predicted from another device's time."""

    local: str
    device: str
    model: str
    log_error: float


def held_out_errors(
    table: Mapping[str, Times], calibration: Iterable[str]
) -> tuple[HeldOut, ...]:
    """All of e above; pairs with too few calibration models in common are left out."""
    known = frozenset(calibration)
    return tuple(
        error
        for local, device in permutations(table, 2)
        for error in _of_pair(local, device, table, known)
    )


def _of_pair(
    local: str, device: str, table: Mapping[str, Times], known: frozenset[str]
) -> Iterable[HeldOut]:
    shared = {
        model: Pair(local_s=time_s, device_s=table[device][model])
        for model, time_s in table[local].items()
        if model in table[device]
    }
    calibrating = [pair for model, pair in shared.items() if model in known]
    if len(calibrating) < MIN_MODELS:
        return ()
    ratio = fit(calibrating)
    return [
        HeldOut(local=local, device=device, model=m, log_error=ratio.log_error(pair))
        for m, pair in shared.items()
        if m not in known
    ]


def alike(
    errors: Sequence[HeldOut],
    isas: Mapping[str, str],
    *,
    local_isa: str,
    device_isa: str,
) -> Sequence[HeldOut]:
    """The errors of pairs with these instruction sets, or all where they are few."""
    chosen = [
        e for e in errors if isas[e.local] == local_isa and isas[e.device] == device_isa
    ]
    sides = ({e.local for e in chosen}, {e.device for e in chosen})
    return chosen if min(map(len, sides)) >= MIN_DEVICES else errors


def sigma(errors: Sequence[HeldOut]) -> float:
    """Half-width of the band as `Evidence.sigma` counts it: in logarithms, q / z."""
    return max(quantile(errors, BAND_QUANTILE_FRAC), 0.0) / _Z_BAND


def quantile(errors: Sequence[HeldOut], frac: float) -> float:
    """Quantile of the log errors, each family of models weighing the same.

    Example:
        >>> errors = [HeldOut(local="a", device="b", model=f"x-v1-{i}", log_error=0.1)
        ...           for i in range(8)]
        >>> errors += [HeldOut(local="a", device="b", model="y", log_error=0.5)]
        >>> quantile(errors, 0.4), quantile(errors, 0.9)
        (0.1, 0.5)
    """
    members = Counter(family(e.model) for e in errors)
    reached = 0.0
    for error in sorted(errors, key=lambda e: e.log_error):
        reached += 1 / (members[family(error.model)] * len(members))
        if reached >= frac - 1e-9:
            return error.log_error
    raise AssertionError("a quantile of no errors")


def coverage_frac(errors: Sequence[HeldOut], log_band: float) -> float:
    """Share of held-out predictions whose truth lies within the band, families even."""
    members = Counter(family(e.model) for e in errors)
    return sum(
        1 / (members[family(e.model)] * len(members))
        for e in errors
        if e.log_error <= log_band
    )
