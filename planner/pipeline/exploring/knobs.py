"""Every limit that can be relaxed, and how its smallest sufficient change is found.

Numbers are bisected (`planner.pipeline.exploring.dials`); whole numbers are found by doubling
and bisection, so one less is known not to do. What the budget or the carbon limit
would have to be is solved for: the least that a plan without it takes. Words are
tried one by one, from what asks least.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from planner.domain.placement import Objective
from planner.pipeline.asking.question import Question
from planner.pipeline.exploring.dials import Dial, dials
from planner.pipeline.exploring.knob import Found, Knob
from planner.pipeline.exploring.regions import region_knobs
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Changes, Trial
from planner.reference.catalog import Catalog
from planner.specs.sites import CloudSite, EdgeSite
from planner.specs.ways_out import Setting
from planner.units import GCO2E_PER_KGCO2E

# A latency promise stretched up to 50-fold is resolved to 50**(1/1024) = 0.4 %.
RESOLUTION_FRAC: Final = 1 / 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DialKnob:
    """A number that is bisected."""

    dial: Dial

    @property
    def field(self) -> str:
        """Its path in the document."""
        return self.dial.field

    @property
    def current(self) -> float:
        """What the document says."""
        return self.dial.current

    @property
    def unit(self) -> str:
        """What its value counts."""
        return self.dial.unit

    @property
    def most(self) -> float:
        """As far as it may be turned."""
        return self.dial.limit

    def ask_ratio(self, value: Setting) -> float:
        """How much a value asks."""
        return self.dial.ask_ratio(_number(value))

    def reaches(self, one: Setting, other: Setting) -> bool:
        """By the side that its limit lies on."""
        if self.dial.limit > self.current:
            return _number(one) >= _number(other)
        return _number(one) <= _number(other)

    def least(
        self, trials: Trials, others: Changes, *, start: Setting, coarse_frac: float
    ) -> Found | None:
        """By bisection between what fails and what suffices."""

        def suffices(value: float) -> bool:
            return trials.suffices({**others, self.field: value})

        if self.dial.is_whole:
            return self._whole(suffices, int(_number(start)))
        low, high = 0.0, self.dial.turn_frac(_number(start))
        while high - low > coarse_frac:
            middle = (low + high) / 2
            if suffices(self.dial.at(middle)):
                high = middle
            else:
                low = middle
        return Found(value=self.dial.at(high), not_enough=self.dial.at(low))

    def part_of(self, end: Setting, share_frac: float) -> float:
        """The value after that share of the way to the end."""
        return self.dial.at(share_frac * self.dial.turn_frac(_number(end)))

    def _whole(self, suffices: Callable[[float], bool], start: int) -> Found:
        sign = 1 if start > self.current else -1
        low, high, step = int(self.current), start, 1
        while abs(high - low) > step:
            if suffices(low + sign * step):
                high = low + sign * step
            else:
                low, step = low + sign * step, step * 2
        while abs(high - low) > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if suffices(middle) else (middle, high)
        return Found(value=high, not_enough=low)


@dataclass(frozen=True, slots=True, kw_only=True)
class SumKnob:
    """A limit on a sum: the least sum of any plan is what it would have to be.

    `step` is the digit that a person would write; the sum is rounded up to it.
    """

    field: str
    current: float
    unit: str
    objective: Objective
    step: float
    most: None = None

    def ask_ratio(self, value: Setting) -> float:
        """The factor by which it grows."""
        to = _number(value)
        if self.current <= 0:
            return to + 1
        return max(1.0, to / self.current)

    def reaches(self, one: Setting, other: Setting) -> bool:
        """The larger sum, and before all that there is no limit."""
        return one is None or (other is not None and _number(one) >= _number(other))

    def least(
        self,
        trials: Trials,
        others: Changes,
        *,
        start: Setting,  # noqa: ARG002  # what is solved for needs no start
        coarse_frac: float,  # noqa: ARG002  # nor a resolution
    ) -> Found | None:
        """Solved for, without the limit and with its sum as the first aim."""
        aims = {self.field: None, "policy.objective": self.objective.value}
        trial = trials.solve({**others, **aims})
        if trial is None:
            return None
        steps = math.ceil(self._sum(trial) / self.step - 1e-9)
        value = float(f"{steps * self.step:.12g}")
        if trials.solve({**others, self.field: value}) is None:
            # A sum of floats one digit off: the next written one has room.
            value = float(f"{(steps + 1) * self.step:.12g}")
        below = float(f"{(steps - 1) * self.step:.12g}")
        return Found(value=value, not_enough=max(self.current, below))

    def _sum(self, trial: Trial) -> float:
        if self.objective is Objective.COST:
            return trial.solution.cost_usd_per_month
        return trial.aims[0] / GCO2E_PER_KGCO2E


@dataclass(frozen=True, slots=True, kw_only=True)
class WordKnob:
    """Choices other than the current one, with what each asks, the least first."""

    field: str
    current: Setting
    unit: str
    choices: tuple[tuple[Setting, float], ...]

    @property
    def most(self) -> Setting:
        """The last choice."""
        return self.choices[-1][0]

    def ask_ratio(self, value: Setting) -> float:
        """As given with the choice."""
        return dict(self.choices).get(value, 1.0)

    def reaches(self, one: Setting, other: Setting) -> bool:
        """Of choices nobody knows but that each goes beyond the current one."""
        return other in (one, self.current)

    def least(
        self,
        trials: Trials,
        others: Changes,
        *,
        start: Setting,
        coarse_frac: float,  # noqa: ARG002  # words have no resolution
    ) -> Found | None:
        """The first choice that suffices."""
        before = self.current
        for value, _ in self.choices:
            if (
                value == start
                or trials.solve({**others, self.field: value}) is not None
            ):
                return Found(value=value, not_enough=before)
            before = value
        return None


def _number(value: Setting) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise AssertionError("numbers are turned to numbers")


def knobs(question: Question) -> Iterable[Knob]:
    """Every limit of the document that might stand in the way."""
    yield from _sums(question)
    for dial in dials(question):
        yield DialKnob(dial=dial)
    yield from _policy_words(question)
    yield from _residency(question)
    yield from region_knobs(question)
    for i, site in enumerate(question.spec.sites):
        if isinstance(site, CloudSite):
            yield from _cloud_words(i, site)
        elif isinstance(site, EdgeSite):
            yield from _access(i, site, question.catalog)


def _sums(question: Question) -> Iterable[Knob]:
    policy = question.spec.policy
    if policy.budget_usd_per_month is not None:
        yield SumKnob(
            field="policy.budget_usd_per_month",
            current=policy.budget_usd_per_month,
            unit="USD/month",
            objective=Objective.COST,
            step=0.01,
        )
    if policy.carbon_kgco2e_per_month is not None:
        yield SumKnob(
            field="policy.carbon_kgco2e_per_month",
            current=policy.carbon_kgco2e_per_month,
            unit="kgCO2e/month",
            objective=Objective.CARBON,
            step=0.001,
        )


def _policy_words(question: Question) -> Iterable[Knob]:
    policy = question.spec.policy
    if not policy.share_machines and len(question.workloads) > 1:
        yield WordKnob(
            field="policy.share_machines",
            current=False,
            unit="yes or no",
            choices=((True, 2.0),),
        )
    domains = policy.survive.loss_of if policy.survive else ()
    for domain in domains if len(domains) > 1 else ():
        fewer = tuple(d.value for d in domains if d is not domain)
        yield _list_knob("policy.survive.loss_of", [d.value for d in domains], fewer)


def _residency(question: Question) -> Iterable[Knob]:
    zones = sorted({p.zone for p in question.places if p.zone is not None})
    for i, w in enumerate(question.spec.workloads):
        for zone in zones if w.residency else ():
            if zone not in w.residency:
                wider = (*w.residency, zone)
                yield _list_knob(f"workloads.{i}.residency", w.residency, wider)


def _cloud_words(i: int, site: CloudSite) -> Iterable[Knob]:
    words = tuple(p.value for p in site.purchase)
    for purchase in ("on_demand", "spot"):
        if purchase not in words:
            yield _list_knob(f"sites.{i}.purchase", words, (*words, purchase))
    if site.instance_types is not None:
        yield WordKnob(
            field=f"sites.{i}.instance_types",
            current=site.instance_types,
            unit="list",
            choices=((None, 2.0),),
        )


def _list_knob(
    field: str, current: Iterable[str], changed: tuple[str, ...]
) -> WordKnob:
    """A list with one word more or less; it asks as much as its length changes."""
    words = tuple(current)
    ratio = len(changed) / len(words)
    return WordKnob(
        field=field,
        current=words,
        unit="list",
        choices=((changed, max(ratio, 1 / ratio)),),
    )


def _access(i: int, site: EdgeSite, catalog: Catalog) -> Iterable[Knob]:
    """Typical networks that are better both in time and in width."""
    if site.uplink is None or site.uplink.access is None:
        return
    now = catalog.access_network(site.uplink.access)
    better = [
        (n.name, max(now.rtt_s / n.rtt_s, n.up_bytes_per_s / now.up_bytes_per_s))
        for n in catalog.access_networks()
        if n.rtt_s <= now.rtt_s
        and n.up_bytes_per_s >= now.up_bytes_per_s
        and n.name != now.name
    ]
    if better:
        yield WordKnob(
            field=f"sites.{i}.uplink.access",
            current=now.name,
            unit="access network",
            choices=tuple(sorted(better, key=lambda choice: choice[1])),
        )
