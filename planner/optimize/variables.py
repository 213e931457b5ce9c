"""The sets and variables of the placement model (`planner.optimize.placement`)."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import Candidate, PlacementProblem
from planner.optimize.milp import Milp, Variable
from planner.units import H_PER_MONTH

Terms = list[tuple[float, Variable]]
At = tuple[str, int]  # a name and the number of an hour block


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Variables by the letters of the formulation, and the sets they range over."""

    milp: Milp
    problem: PlacementProblem
    columns: tuple[Candidate, ...]
    groups: Mapping[str, tuple[Candidate, ...]]
    offers: Mapping[str, Offer]
    groups_of: Mapping[str, tuple[str, ...]]
    n: Mapping[At, Variable]
    f: Mapping[At, Variable]
    own: Mapping[str, Variable]
    com: Mapping[str, Variable]
    paid: Mapping[At, Variable]
    y: dict[str, Variable] = field(default_factory=dict)

    def blocks(self) -> range:
        """Numbers of the hour blocks."""
        return range(len(self.problem.blocks))

    def on(self, offer: str, t: int) -> Terms:
        """Machines of an offer that are on in a block."""
        return [(1.0, self.n[g, t]) for g in self.groups_of[offer]]

    def resident(self, c: Candidate) -> Variable:
        """y[c]; made, with its `resident` rows, when a row first needs it."""
        if c.name not in self.y:
            y = self.milp.variable("y", upper=1, integer=True)
            self.y[c.name] = y
            for t in self.blocks():
                rate = self.problem.rate_rps[c.workload][t]
                row = [(1.0, self.f[c.name, t]), (-rate, y)]
                self.milp.require("resident", row, "<=", 0.0)
        return self.y[c.name]

    def cost(self) -> Terms:
        """USD per month of everything that is bought."""
        terms: Terms = []
        for t, block in enumerate(self.problem.blocks):
            for name, offer in self.offers.items():
                if offer.purchase is Purchase.OWNED:
                    continue
                hourly = block.h_per_month * offer.price_usd_per_h
                paid = self.paid.get((name, t))
                machines = self.on(name, t) if paid is None else [(1.0, paid)]
                terms += [(hourly * factor, v) for factor, v in machines]
            seconds = 3600.0 * block.h_per_month
            terms += [
                (seconds * c.usd_per_request, self.f[c.name, t])
                for c in self.columns
                if c.usd_per_request
            ]
        for name, kept in self.own.items():
            terms.append((H_PER_MONTH * self.offers[name].price_usd_per_h, kept))
        for m in self.problem.commitments:
            if m.name in self.com:
                terms.append((H_PER_MONTH * m.usd_per_h, self.com[m.name]))
        return terms

    def mean_latency(self) -> Terms:
        """Seconds, averaged over all requests of the month."""
        return self._per_request(lambda c: c.latency_s)

    def mean_quality_loss(self) -> Terms:
        """One less the quality, averaged over all requests of the month."""
        return self._per_request(lambda c: 1.0 - (c.quality_frac or 0.0))

    def mean_network(self) -> Terms:
        """Seconds on the way, averaged over all requests of the month."""
        return self._per_request(lambda c: c.network_s)

    def carbon(self) -> Terms:
        """Grams of CO2 equivalent per month of the machines that are on."""
        grams = self.problem.gco2e_per_machine_h
        return [
            (block.h_per_month * grams[name] * factor, v)
            for t, block in enumerate(self.problem.blocks)
            for name in self.offers
            for factor, v in self.on(name, t)
        ]

    def _per_request(self, figure: Callable[[Candidate], float]) -> Terms:
        hours = [b.h_per_month for b in self.problem.blocks]
        total = sum(
            h * rate
            for rates in self.problem.rate_rps.values()
            for h, rate in zip(hours, rates, strict=True)
        )
        return [
            (figure(c) * h / total, self.f[c.name, t])
            for c in self.columns
            for t, h in enumerate(hours)
        ]


def variables(problem: PlacementProblem, columns: Sequence[Candidate]) -> Model:
    """All variables that every plan has; the rows are `planner.optimize.rows`."""
    milp = Milp("placement")
    blocks = range(len(problem.blocks))
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for c in columns:
        groups[c.group].append(c)
    offers = {c.offer.name: c.offer for c in columns}
    groups_of: dict[str, list[str]] = defaultdict(list)
    for g, members in groups.items():
        groups_of[members[0].offer.name].append(g)
    committed = [m for m in problem.commitments if m.pays_for in offers]
    return Model(
        milp=milp,
        problem=problem,
        columns=tuple(columns),
        groups={g: tuple(members) for g, members in groups.items()},
        offers=offers,
        groups_of={o: tuple(names) for o, names in groups_of.items()},
        n={(g, t): milp.variable("n", integer=True) for g in groups for t in blocks},
        f={(c.name, t): milp.variable("f") for c in columns for t in blocks},
        own={
            o: milp.variable("own", upper=problem.stock.get(o), integer=True)
            for o, offer in offers.items()
            if offer.purchase is Purchase.OWNED
        },
        com={m.name: milp.variable("com", integer=True) for m in committed},
        paid={
            (m.pays_for, t): milp.variable("paid") for m in committed for t in blocks
        },
    )
