"""The answer to a Mélange problem: GPUs by kind, and what was proved of it."""

from collections.abc import Sequence
from typing import Protocol

from planner.domain.placement import Certificate
from planner.report.sentences import share, usd
from planner.report.tables import Table, table


class Bought(Protocol):
    """GPUs of one kind in the answer."""

    @property
    def gpu(self) -> str:
        """Its name in the file."""
        ...

    @property
    def count(self) -> int:
        """How many."""
        ...

    @property
    def usd_per_h(self) -> float:
        """What they cost together."""
        ...

    @property
    def busy_frac(self) -> float:
        """How much of their time is used."""
        ...


def melange_table(purchases: Sequence[Bought], proof: Certificate) -> Table:
    """What to buy, dearest first."""
    total = sum(b.usd_per_h for b in purchases)
    return table(
        "What to buy",
        ["GPU", ">Count", ">Busy", ">USD/h"],
        [
            (b.gpu, f"{b.count:,}", share(b.busy_frac), usd(b.usd_per_h))
            for b in purchases
        ],
        total=("Total", "", "", usd(total)),
        footnotes=[
            (
                f"{proof.solver}: {proof.verdict}, gap {share(proof.gap_frac)}, in "
                f"{proof.solve_s:.2g} s. Shares of a bucket are continuous: never dearer than "
                "slices."
            )
        ],
    )


def melange_data(purchases: Sequence[Bought], proof: Certificate) -> dict[str, object]:
    """The same as plain data."""
    return {
        "kind": "melange-answer",
        "version": 1,
        "usd_per_h": sum(b.usd_per_h for b in purchases),
        "gpus": [
            {
                "gpu": b.gpu,
                "count": b.count,
                "usd_per_h": b.usd_per_h,
                "busy_frac": b.busy_frac,
            }
            for b in purchases
        ],
        "certificate": {
            "solver": proof.solver,
            "verdict": proof.verdict.value,
            "gap_frac": proof.gap_frac,
            "solve_s": proof.solve_s,
        },
    }
