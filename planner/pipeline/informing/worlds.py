"""Worlds in which some profiles are known exactly, and what the best plan costs there.

The prior of a profile is its own error band: the ratio of truth to figure is
log-normal with median one, σ = ln(1 + error_frac) / Φ⁻¹(0.9) (`planner.domain.evidence`).
Profiles err independently, as `planner.pipeline.solving.joint` has it. A world is one
ratio a profile, drawn by Latin hypercube (McKay, Beckman and Conover, Technometrics 21,
1979): of n worlds each takes another n-th of every profile's band, at its middle,

    ratio = exp(σ · Φ⁻¹((i + ½) / n))

so that for a single profile the mean over worlds is a quadrature of n equal strata.
In a world whose profile is known the plan is solved for anew with that profile's true
times and no band at all; every profile that stays unknown keeps its figure and band.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Final

import numpy as np

from planner.domain.evidence import Evidence
from planner.domain.placement import NoPlan, Solution
from planner.domain.profiles import (
    BatchProfile,
    HostedTimes,
    LoadCurve,
    LoadPoint,
    Profile,
    ProfileKey,
    ServicePoint,
    TokenRates,
    key_of,
)
from planner.domain.servers import ServerCost
from planner.errors import SolverTimeoutError
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.asking.question import Question, Twist, ask
from planner.pipeline.solving.answered import answered
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment

NO_PLAN_USD: Final = math.inf


World = Mapping[ProfileKey, float]


def drawn(
    sigmas: Mapping[ProfileKey, float], *, n_worlds: int, rng: np.random.Generator
) -> tuple[World, ...]:
    """Worlds of all these profiles, by the rule above."""
    strata = [NormalDist().inv_cdf((i + 0.5) / n_worlds) for i in range(n_worlds)]
    columns = {
        key: [math.exp(sigma * strata[i]) for i in rng.permutation(n_worlds)]
        for key, sigma in sigmas.items()
    }
    return tuple({k: c[i] for k, c in columns.items()} for i in range(n_worlds))


def luckiest(sigmas: Mapping[ProfileKey, float], *, n_worlds: int) -> World:
    """Every profile at the quickest that any drawn world has it."""
    lowest = NormalDist().inv_cdf(0.5 / n_worlds)
    return {key: math.exp(sigma * lowest) for key, sigma in sigmas.items()}


def as_found(profile: Profile, ratio: float) -> Profile:
    """The profile once its truth is known to be that many times its figure."""
    known = replace(profile.evidence, error_frac=0.0)
    match profile:
        case BatchProfile():
            return replace(
                profile,
                points=tuple(_times(p, ratio) for p in profile.points),
                server=_server(profile, ratio),
                evidence=known,
            )
        case LoadCurve():
            return replace(
                profile,
                points=tuple(_load(p, ratio) for p in profile.points),
                evidence=known,
            )
        case TokenRates():
            return replace(
                profile,
                prompt_tokens_per_s=profile.prompt_tokens_per_s / ratio,
                output_tokens_per_s=profile.output_tokens_per_s / ratio,
                evidence=known,
            )
        case HostedTimes():
            raise AssertionError("nobody rents what a hosted model runs on")


def _times(point: ServicePoint, ratio: float) -> ServicePoint:
    def scaled(time_s: float | None) -> float | None:
        return None if time_s is None else time_s * ratio

    return ServicePoint(
        batch=point.batch,
        p50_s=point.p50_s * ratio,
        mean_s=scaled(point.mean_s),
        p90_s=scaled(point.p90_s),
        p95_s=scaled(point.p95_s),
        p99_s=scaled(point.p99_s),
    )


def _load(point: LoadPoint, ratio: float) -> LoadPoint:
    """An engine that is that much slower: as many at once, everything later."""
    times = {
        name: getattr(point, name) * ratio
        for kind in ("ttft", "tpot", "e2e")
        for name in (f"{kind}_p50_s", f"{kind}_p95_s", f"{kind}_p99_s")
    }
    return replace(
        point,
        rate_rps=point.rate_rps / ratio,
        output_tokens_per_s=point.output_tokens_per_s / ratio,
        **times,
    )


def _server(profile: BatchProfile, ratio: float) -> ServerCost | None:
    """The server's cost is learned in the same run, as far off as the model's times."""
    server = profile.server
    if server is None:
        return None
    factor = _same_quantile(ratio, profile.evidence, server.evidence)
    return replace(
        server,
        processor_s=server.processor_s * factor,
        latency_s=server.latency_s * factor,
        evidence=replace(server.evidence, error_frac=0.0),
    )


def _same_quantile(ratio: float, of: Evidence, to: Evidence) -> float:
    sigma = of.sigma()
    return ratio if sigma == 0 else math.exp(to.sigma() * math.log(ratio) / sigma)


class Costs:
    """USD/month of the best plan in a world: what `planner.ports.Scenarios` answers with.

    Every search begins with the plan of today, which is near most of the answers, if
    there is one. A plan whose promises do not hold jointly is none, unless today's own
    `is_unsure`.
    """

    def __init__(
        self,
        base: Question,
        plan: Solution | None,
        *,
        time_limit_s: float,
        is_unsure: bool = False,
    ) -> None:
        self._base = base
        self._plan = plan
        self._time_limit_s = time_limit_s
        self._is_unsure = is_unsure

    def __reduce__(self) -> tuple[object, ...]:
        """Only what cannot be derived again travels."""
        b = self._base
        asked = (b.spec, b.catalog, b.knowledge, b.twists)
        return _rebuilt, (asked, self._plan, self._time_limit_s, self._is_unsure)

    def __call__(self, world: World) -> float:
        """Infinite where no plan keeps every promise, or none was found in time."""
        b = self._base
        question = ask(b.spec, b.catalog, _known(b.knowledge, world), b.capacities)
        for twist in b.twists:
            question = question.twisted(twist)
        try:
            found = answered(
                question, time_limit_s=self._time_limit_s, start=self._plan
            )
        except SolverTimeoutError:
            return NO_PLAN_USD
        if isinstance(found, NoPlan) or not (found.is_sure or self._is_unsure):
            return NO_PLAN_USD
        return found.solution.cost_usd_per_month


def _known(knowledge: Knowledge, world: World) -> Knowledge:
    return replace(
        knowledge,
        profiles={
            name: _all_found(profiles, world)
            for name, profiles in knowledge.profiles.items()
        },
    )


def _all_found(profiles: Sequence[Profile], world: World) -> tuple[Profile, ...]:
    return tuple(
        as_found(p, world[key_of(p)]) if key_of(p) in world else p for p in profiles
    )


def _rebuilt(
    asked: tuple[Deployment, Catalog, Knowledge, tuple[Twist, ...]],
    plan: Solution | None,
    time_limit_s: float,
    is_unsure: bool,  # as it was pickled
) -> Costs:
    spec, catalog, knowledge, twists = asked
    base = ask(spec, catalog, knowledge, Capacities())
    for twist in twists:
        base = base.twisted(twist)
    return Costs(base, plan, time_limit_s=time_limit_s, is_unsure=is_unsure)
