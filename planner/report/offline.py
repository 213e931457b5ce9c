"""What still works when a site's uplink fails, as a table."""

from collections.abc import Iterable
from typing import Final

from planner.report.sentences import share
from planner.report.tables import Table, told_table
from planner.specs.assurance import PlanOffline
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument

# A solver's rates are floats; less than this is no difference.
LEAST_MORE_FRAC: Final = 1e-6


def offline_table(plan: PlanDocument) -> Table | None:
    """Every workload of every site with an uplink; None where no site has one."""
    if not plan.offline:
        return None
    return told_table(
        "When an uplink fails",
        {
            "Uplink of": [o.site for o in plan.offline],
            "Workload": [o.workload for o in plan.offline],
            ">Answered": [_answered(o) for o in plan.offline],
            ">Required": [share(o.required_frac) for o in plan.offline],
        },
        footnotes=tuple(_notes(plan)),
    )


def _answered(o: PlanOffline) -> str:
    return "nothing" if o.answered_frac == 0 else share(o.answered_frac)


def _takes_over(p: PlanPlacement) -> bool:
    """Whether it answers more while the uplink is down than otherwise."""
    return any(
        down > usual * (1 + LEAST_MORE_FRAC)
        for down, usual in zip(p.offline_rates_rps, p.rates_rps, strict=False)
    )


def _notes(plan: PlanDocument) -> Iterable[str]:
    yield (
        "Answered: the share of requests that the site's own machines answer within the "
        "promise until the uplink is back, in the hours when it is least."
    )
    if any(_takes_over(p) for p in plan.placements):
        yield (
            "Some of it is answered elsewhere as long as the uplink works: who sends the "
            "requests must turn to the site's own machines when it fails."
        )
    if any(o.required_frac is None and o.answered_frac < 1 for o in plan.offline):
        yield "To require more of a workload, give it offline_frac, from 0 to 1."
