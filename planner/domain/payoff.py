"""Which ways of running a model pay where they were measured, and which do not.

A variant is held against the dense fp32 one on the same runtime and device, else on any
runtime there, at the smallest batch that both have. What zeros gain is told beside the
dense variant of the same precision on the same runtime. The truth of each time over its
figure is log-normal (`planner.domain.evidence`), and the two are taken as independent:
what they share, a drift or a map from another machine, makes their ratio surer, not less.

    r     time of the variant / time of the other, as measured
    σ²    σ²(variant) + σ²(other)                      variance of the log of truth over r
    b     exp(Φ⁻¹(0.9) · σ)                            the joint band, a factor

    pays            r · b < 1     less time, with 90 % probability
    does not pay    r > b         more time, as surely
    else it cannot be told

Quantized does not mean faster: int8 may take three times as long as fp32.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from planner.domain.evidence import BAND_QUANTILE_FRAC
from planner.domain.profiles import BatchProfile, Profile, TokenRates
from planner.domain.variants import Precision


class Pays(StrEnum):
    """Whether a variant takes less time than what it is held against."""

    YES = "pays"
    NO = "does not pay"
    UNTOLD = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payoff:
    """A profile beside a plainer one of its model and device."""

    profile: Profile
    plain: Profile
    time_ratio: float
    memory_ratio: float | None

    @property
    def band_ratio(self) -> float:
        """What the two may differ by and be the same, for all that is known."""
        sigma = math.hypot(self.profile.evidence.sigma(), self.plain.evidence.sigma())
        return math.exp(NormalDist().inv_cdf(BAND_QUANTILE_FRAC) * sigma)

    @property
    def in_time(self) -> Pays:
        """Whether it pays in time."""
        if self.time_ratio * self.band_ratio < 1:
            return Pays.YES
        return Pays.NO if self.time_ratio > self.band_ratio else Pays.UNTOLD


def payoffs(profiles: Sequence[Profile]) -> tuple[Payoff, ...]:
    """Every profile that can be held against an fp32 one, in the order given."""
    return tuple(
        found for p in profiles if (found := _against_plain(p, profiles)) is not None
    )


def _against_plain(profile: Profile, profiles: Sequence[Profile]) -> Payoff | None:
    if _is_plain(profile):
        return None
    plain = [q for q in profiles if _is_plain(q)]
    return _on_its_runtime(profile, plain) or _against(profile, plain)


def _against_dense(profile: Profile, profiles: Sequence[Profile]) -> Payoff | None:
    """A pruned variant beside the one with all its weights."""
    if not profile.variant.sparsity_frac:
        return None
    precision = profile.variant.precision
    return _on_its_runtime(
        profile,
        [
            q
            for q in profiles
            if q.variant.precision is precision and not q.variant.sparsity_frac
        ],
    )


def _on_its_runtime(profile: Profile, others: Iterable[Profile]) -> Payoff | None:
    runtime = profile.variant.runtime
    return _against(profile, (q for q in others if q.variant.runtime is runtime))


def _against(profile: Profile, others: Iterable[Profile]) -> Payoff | None:
    """The profile beside the first of the others that it can be compared with."""
    for other in others:
        ratio = _time_ratio(profile, other) if _together(profile, other) else None
        if ratio is not None:
            return Payoff(
                profile=profile,
                plain=other,
                time_ratio=ratio,
                memory_ratio=_memory_ratio(profile, other),
            )
    return None


def _is_plain(profile: Profile) -> bool:
    how = profile.variant
    return how.precision is Precision.FP32 and not how.sparsity_frac


def _together(one: Profile, other: Profile) -> bool:
    return (
        (one.model, one.device) == (other.model, other.device)
        and one.evidence.provenance is other.evidence.provenance
        and _room(one) == _room(other)
    )


def _room(profile: Profile) -> str:
    """What a measured profile says of its threads and neighbours."""
    return profile.evidence.note.partition(", ")[2]


def _time_ratio(profile: Profile, plain: Profile) -> float | None:
    if isinstance(profile, BatchProfile) and isinstance(plain, BatchProfile):
        times_s = {p.batch: p.p50_s for p in plain.points}
        shared = [p for p in profile.points if p.batch in times_s]
        return shared[0].p50_s / times_s[shared[0].batch] if shared else None
    if isinstance(profile, TokenRates) and isinstance(plain, TokenRates):
        return plain.output_tokens_per_s / profile.output_tokens_per_s
    return None


def _memory_ratio(profile: Profile, plain: Profile) -> float | None:
    if profile.memory_bytes is None or not plain.memory_bytes:
        return None
    return profile.memory_bytes / plain.memory_bytes


def unpaid(profiles: Sequence[Profile]) -> Iterable[str]:
    """A sentence for each variant that does not pay in time, or whose zeros may not.

    Example:
        >>> list(unpaid([]))
        []
    """
    for profile in profiles:
        beside_plain = _against_plain(profile, profiles)
        beside_dense = _against_dense(profile, profiles) or beside_plain
        if beside_plain is not None and beside_plain.in_time is Pays.NO:
            yield _slower(beside_plain)
        if beside_dense is None or not profile.variant.sparsity_frac:
            continue
        if beside_dense.in_time is Pays.UNTOLD:
            yield _no_gain(beside_dense)
        elif beside_dense.in_time is Pays.NO and beside_dense != beside_plain:
            yield _slower(beside_dense)


def _slower(found: Payoff) -> str:
    return (
        f"{_where(found)} takes {found.time_ratio:.2f} times as long as "
        f"{found.plain.variant}: it does not pay there in time"
    )


def _no_gain(found: Payoff) -> str:
    return (
        f"{_where(found)} cannot be told from {found.plain.variant} "
        f"({found.time_ratio:.2f} times as long, and up to {found.band_ratio:.2f} times "
        "either way lies within their bands): nothing shows that its zeros gain time there"
    )


def _where(found: Payoff) -> str:
    profile = found.profile
    return f"{profile.model}: {profile.variant}, measured for {profile.device},"
