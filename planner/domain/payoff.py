"""Which ways of running a model do not pay where they were measured.

A variant is held against the dense fp32 one on the same runtime and device, else on any
runtime there, at the smallest batch that both have. Bands are one-sided, a figure may be
exceeded: a variant is slower where it takes longer than fp32's own band reaches.
Quantized does not mean faster: int8 may take three times as long as fp32.

    ratio       time of the variant / time of fp32
    slower      ratio > 1 + the band of fp32
    no faster   ratio · (1 + the variant's band) ≥ 1
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from planner.domain.profiles import BatchProfile, Profile, TokenRates
from planner.domain.variants import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Payoff:
    """A profile beside the fp32 one of its model and device."""

    profile: Profile
    plain: Profile
    time_ratio: float
    memory_ratio: float | None

    @property
    def is_slower(self) -> bool:
        """Whether it takes longer than fp32, beyond doubt."""
        doubt_frac = self.plain.evidence.error_frac
        return self.time_ratio > 1 + doubt_frac

    @property
    def is_no_faster(self) -> bool:
        """Whether nothing shows that it takes less time than fp32."""
        doubt_frac = self.profile.evidence.error_frac
        return self.time_ratio * (1 + doubt_frac) >= 1


def payoffs(profiles: Sequence[Profile]) -> tuple[Payoff, ...]:
    """Every profile that can be held against an fp32 one, in the order given."""
    return tuple(
        found for p in profiles if (found := _against_plain(p, profiles)) is not None
    )


def _against_plain(profile: Profile, profiles: Sequence[Profile]) -> Payoff | None:
    if _is_plain(profile):
        return None
    alike = [q for q in profiles if _is_plain(q) and _together(profile, q)]
    same = [q for q in alike if q.variant.runtime is profile.variant.runtime]
    for plain in [*same, *alike]:
        ratio = _time_ratio(profile, plain)
        if ratio is not None:
            return Payoff(
                profile=profile,
                plain=plain,
                time_ratio=ratio,
                memory_ratio=_memory_ratio(profile, plain),
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
    """A sentence for each variant that was measured and does not pay in time.

    Example:
        >>> list(unpaid([]))
        []
    """
    for p in payoffs(profiles):
        how, plain = p.profile.variant, p.plain.variant
        where = f"{p.profile.model}: {how}, measured for {p.profile.device},"
        if p.is_slower:
            yield (
                f"{where} takes {p.time_ratio:.2f} times as long as {plain}: it does not "
                "pay there in time"
            )
        elif how.sparsity_frac and p.is_no_faster:
            yield (
                f"{where} is no faster than {plain} ({p.time_ratio:.2f} times as long): "
                "its zeros are multiplied like any number"
            )
