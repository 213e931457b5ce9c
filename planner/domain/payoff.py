"""Which ways of running a model pay where they were measured, and which do not.

A variant is held against the dense fp32 one on the same runtime and device, else on any
runtime there, at each of the k batch sizes that both have. What zeros gain is told beside
the dense variant of the same precision on the same runtime. The truth of each time over its
figure is log-normal (`planner.domain.evidence`), and the two are taken as independent:
what they share, a drift or a map from another machine, makes their ratio surer, not less.

    r(n)  time of the variant / time of the other at batch n, as measured
    σ²    σ²(variant) + σ²(other)                      variance of the log of truth over r
    b(q)  exp(Φ⁻¹(q) · σ)                              the joint band, a factor

    pays            r(n) · b(0.9) < 1 at every n       less time, with 90 % probability
    pays at some    r(n) · b(1 - 0.1/k) < 1 at those   as surely for all of them together
    does not pay    else, if r(n) > b(1 - 0.1/k) at some n, or r(n) > b(0.9) at every n
    else it cannot be told

(to claim all, each claim must hold, and none needs a wider band; one of many may hold by
chance, so it does: Bonferroni). Of a language model's times, that of a token at the context
where it takes longest. Quantized does not mean faster: int8 may take three times as long as fp32.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from planner.domain.evidence import BAND_QUANTILE_FRAC
from planner.domain.profiles import BatchProfile, Profile, TokenRates
from planner.domain.variants import Precision


class Pays(StrEnum):
    """Whether a variant takes less time than what it is held against."""

    YES = "pays"
    SOME = "pays at some batch sizes"
    NO = "does not pay"
    UNTOLD = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payoff:
    """A profile beside a plainer one of its model and device.

    `times_ratio` are by batch, ascending; there is one at least.
    """

    profile: Profile
    plain: Profile
    times_ratio: Mapping[int, float]
    memory_ratio: float | None

    @property
    def time_ratio(self) -> float:
        """That of the smallest batch."""
        return next(iter(self.times_ratio.values()))

    @property
    def band_ratio(self) -> float:
        """What the two may differ by at one batch and be the same, for all that is known."""
        return self._band_ratio(BAND_QUANTILE_FRAC)

    @property
    def joint_band_ratio(self) -> float:
        """The same, for all batches together."""
        chance_frac = (1 - BAND_QUANTILE_FRAC) / len(self.times_ratio)
        return self._band_ratio(1 - chance_frac)

    @property
    def in_time(self) -> Pays:
        """Whether it pays in time."""
        if len(self.paying) == len(self.times_ratio):
            return Pays.YES
        if self.paying:
            return Pays.SOME
        return Pays.NO if self.costing else Pays.UNTOLD

    @property
    def paying(self) -> tuple[int, ...]:
        """Batches at which it takes less time for sure."""
        return self._sure({n: 1 / r for n, r in self.times_ratio.items()})

    @property
    def costing(self) -> tuple[int, ...]:
        """Batches at which it takes more time for sure."""
        return self._sure(self.times_ratio)

    def _sure(self, ratios: Mapping[int, float]) -> tuple[int, ...]:
        """The batches whose ratio is above what may be chance."""
        if all(ratio > self.band_ratio for ratio in ratios.values()):
            return tuple(ratios)
        band_ratio = self.joint_band_ratio
        return tuple(n for n, ratio in ratios.items() if ratio > band_ratio)

    def _band_ratio(self, quantile_frac: float) -> float:
        sigma = math.hypot(self.profile.evidence.sigma(), self.plain.evidence.sigma())
        return math.exp(NormalDist().inv_cdf(quantile_frac) * sigma)

    def where(self, batches: Sequence[int]) -> str:
        """Some of the batches in few words; empty for all of them."""
        shared = tuple(self.times_ratio)
        n = len(batches)
        if n == len(shared):
            return ""
        if n > 1 and shared[-n:] == tuple(batches):
            return f"from batch {batches[0]}"
        if n > 1 and shared[:n] == tuple(batches):
            return f"up to batch {batches[-1]}"
        return f"at batch {', '.join(map(str, batches))}"


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
        ratios = _times_ratio(profile, other) if _together(profile, other) else {}
        if ratios:
            return Payoff(
                profile=profile,
                plain=other,
                times_ratio=ratios,
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


def _times_ratio(profile: Profile, plain: Profile) -> Mapping[int, float]:
    ours_s, theirs_s = _times_s(profile), _times_s(plain)
    return {n: ours_s[n] / theirs_s[n] for n in sorted(ours_s.keys() & theirs_s)}


def _times_s(profile: Profile) -> Mapping[int, float]:
    """By batch: that of a request, or of a token."""
    if isinstance(profile, BatchProfile):
        return {p.batch: p.p50_s for p in profile.points}
    if not isinstance(profile, TokenRates):
        return {}
    slowest_s: dict[int, float] = {}
    for p in profile.grid:
        slowest_s[p.batch] = max(p.step_s, slowest_s.get(p.batch, 0.0))
    return {1: 1 / profile.output_tokens_per_s} | slowest_s


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
        if beside_plain is not None:
            yield from _slower(beside_plain)
        if beside_dense is None or not profile.variant.sparsity_frac:
            continue
        if beside_dense.in_time is Pays.UNTOLD:
            yield _no_gain(beside_dense)
        elif beside_dense != beside_plain:
            yield from _slower(beside_dense)


def _slower(found: Payoff) -> Iterable[str]:
    """Where it takes longer, and whether it pays elsewhere; nothing where it does not."""
    if not found.costing:
        return
    at = found.where(found.costing)
    so = "it does not pay there in time"
    if found.in_time is Pays.SOME:
        so = f"it pays in time {found.where(found.paying)} alone"
    yield (
        f"{_where(found)} takes {_ratios(found, found.costing)} times as long as "
        f"{found.plain.variant}{at and ' '}{at}: {so}"
    )


def _ratios(found: Payoff, batches: Iterable[int]) -> str:
    """The least and the most, or the one."""
    ratios = [found.times_ratio[n] for n in batches]
    told = dict.fromkeys(f"{ratio:.2f}" for ratio in (min(ratios), max(ratios)))
    return " to ".join(told)


def _no_gain(found: Payoff) -> str:
    return (
        f"{_where(found)} cannot be told from {found.plain.variant} "
        f"({_ratios(found, found.times_ratio)} times as long, and up to "
        f"{found.joint_band_ratio:.2f} times either way lies within their bands): nothing "
        "shows that its zeros gain time there"
    )


def _where(found: Payoff) -> str:
    profile = found.profile
    return f"{profile.model}: {profile.variant}, measured for {profile.device},"
