"""How far off closed loops are predicted, on Triton's published tables.

    PLANNER_FACTS=FOLDER python tests/bench/triton_tables.py

FOLDER holds nvidia_triton_concurrency.csv: perf_analyzer's tables in the READMEs of
NVIDIA/DeepLearningExamples. Each online table (8 to 256 clients, dynamic batching,
two instances) has an offline one of the same model, device, precision and backend:
one client, batches of many sizes.

Known, by rule: the whole offline table, and of the online one the rows with at most
LOW of its highest number of clients. Everything else is held back and predicted.

    median, p90   of |predicted / published - 1|
    p50 .. mean   latency; mean is the published average
    answers/s     N / mean latency, which a closed loop cannot escape (Little)
    as printed    inferences/s of the table: perf_analyzer counts requests that both
                  begin and end within its window W, so it misses the N that are on
                  their way when the window opens: printed = answers/s - N / W. W is the
                  median of what the known rows say of it, over all tables

How the rule was chosen: some 100 variants of `planner.perf.closed` were once compared
on all held-back rows, so figures of all rows are somewhat optimistic. Since then
variants are compared on half of the tables (`is_chosen_on`: models and devices like the
squares of a chessboard) and the other half is reported
beside it. That one is not quite blind: residuals of all tables were seen before the split.

The published rows scatter themselves: `a line` is the error that remains after a
straight line in N through all rows of a table, the held-back ones included.
"""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from planner.perf.closed import (
    ClosedObservation,
    Server,
    calibrated,
    predict_closed,
)
from planner.perf.service import STRATA, spread_apart
from scripts.reference.tables import Facts

FACTS = "PLANNER_FACTS"
TABLE = "nvidia_triton_concurrency.csv"
LOW_FRAC = 0.1
COMPUTE = ("compute_input_ms", "compute_infer_ms", "compute_output_ms")
OUTSIDE = ("client_send_ms", "network_ms", "client_recv_ms")
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
# Preferred batch sizes of these runs (triton/runner/config_*.yaml beside the tables):
# the batcher sends a batch as soon as it has the smaller one.
PREFERRED = {"Forecasting/TFT": 512}
COLUMNS = ("p50", "p95", "p99", "mean", "answers/s", "as printed")
DEVICES = ("V100-32GB", "A100-80GB", "T4")


@dataclass(frozen=True)
class Row:
    """One row of a table, in seconds."""

    batch: int
    clients: int
    printed_rps: float
    in_service_s: float
    waiting_s: float
    outside_s: float
    mean_s: float
    quantile_s: dict[str, float]

    @classmethod
    def of(cls, fact) -> "Row":
        def seconds(*names: str) -> float:
            return sum(float(fact[n]) for n in names) / 1e3

        batch = int(float(fact["batch"]))
        return cls(
            batch=batch,
            clients=int(float(fact["concurrency"])),
            printed_rps=float(fact["inferences_per_s"]) / batch,
            in_service_s=seconds(*COMPUTE),
            waiting_s=seconds("queue_ms"),
            outside_s=seconds(*OUTSIDE),
            mean_s=seconds("avg_ms"),
            quantile_s={name: seconds(f"{name}_ms") for name in PERCENTILES},
        )

    def observation(self) -> ClosedObservation:
        return ClosedObservation(
            clients=self.clients,
            waiting_s=self.waiting_s,
            in_service_s=self.in_service_s,
            outside_s=self.outside_s,
        )


@dataclass(frozen=True)
class Table:
    """An online table and the offline one that belongs to it."""

    model: str
    device: str
    precision: str
    backend: str
    instances: int
    max_batch: int
    offline: tuple[Row, ...]
    online: tuple[Row, ...]

    @property
    def known(self) -> tuple[Row, ...]:
        most = LOW_FRAC * self.online[-1].clients
        return tuple(r for r in self.online if r.clients <= most)

    def server(self) -> Server:
        """Batches alone from the offline table; the rest from the known online rows."""
        size = self.online[0].batch
        per_request = np.arange(1, self.max_batch // size + 1)
        alone_s = np.interp(
            per_request * size,
            [r.batch for r in self.offline],
            [r.in_service_s for r in self.offline],
        )
        knots_s = spread_apart(np.repeat(alone_s[:, None], STRATA.size, axis=1))
        batches = Server(knots_s=knots_s, instances=self.instances)
        return calibrated(batches, [r.observation() for r in self.known])


@dataclass(frozen=True)
class Held:
    """A held-back row: predicted over published, by column."""

    table: Table
    clients: int
    ratios: tuple[float, ...]


def tables(facts: Facts) -> list[Table]:
    offline, online = defaultdict(list), defaultdict(list)
    for fact in facts.rows(TABLE):
        # The offline table of one client is the one with the parts of its latency.
        if fact["concurrency"]:
            where = offline if fact["batching"] == "static" else online
            where[_key(fact)].append(fact)
    return [_table(rows, offline[key]) for key, rows in online.items()]


def _key(fact) -> tuple[str, ...]:
    run = re.sub(r"^O(ff|n)line scenario > O(ff|n)line: ", "", fact["section"])
    return fact["model"], run, fact["precision"]


def _table(online, offline) -> Table:
    first = online[0]
    model = first["model"].split("/", 1)[1].replace("/triton", "")
    most = int(first["max_batch"])
    return Table(
        model=model,
        device=first["device"],
        precision=first["precision"],
        backend=f"{first['backend']} {first['backend_accelerator']}".strip(" -"),
        instances=int(first["instances"]),
        max_batch=min(most, PREFERRED.get(model, most)),
        offline=tuple(Row.of(f) for f in offline),
        online=tuple(Row.of(f) for f in online),
    )


def window_s(published: list[Table]) -> float:
    """perf_analyzer's window, as the known rows have it."""
    missed = [
        (row.clients / row.mean_s - row.printed_rps) / row.clients
        for table in published
        for row in table.known
    ]
    return float(1 / np.median(missed))


def is_chosen_on(table: Table, published: list[Table]) -> bool:
    """Whether variants of the rule may be compared on this table."""
    models = sorted({t.model for t in published})
    return (models.index(table.model) + DEVICES.index(table.device)) % 2 == 0


def held_back(table: Table, window_s: float) -> Iterable[Held]:
    server = table.server()
    for row in table.online[len(table.known) :]:
        told = predict_closed(server, row.clients)
        seen_rps = row.clients / row.mean_s
        yield Held(
            table,
            row.clients,
            (
                *(
                    told.quantile_s(frac) / row.quantile_s[name]
                    for name, frac in PERCENTILES.items()
                ),
                told.mean_s / row.mean_s,
                told.rate_rps / seen_rps,
                (told.rate_rps - row.clients / window_s) / row.printed_rps,
            ),
        )


def scatter(table: Table) -> list[tuple[float, ...]]:
    """What a line through all rows of a table leaves, of the rows held back."""
    clients = np.array([r.clients for r in table.online], dtype=float)
    left = []
    for published in (
        *([r.quantile_s[name] for r in table.online] for name in PERCENTILES),
        [r.mean_s for r in table.online],
    ):
        seen = np.array(published)
        terms = np.stack([np.ones_like(clients), clients], axis=1)
        fit = np.linalg.lstsq(terms / seen[:, None], np.ones_like(seen), rcond=None)[0]
        left.append(terms @ fit / seen)
    return [tuple(row) for row in np.array(left).T[len(table.known) :]]


def line(name: str, ratios: list[tuple[float, ...]]) -> str:
    off = np.abs(np.array(ratios) - 1)
    middle, most = np.median(off, axis=0), np.quantile(off, 0.9, axis=0)
    cells = (f"{m:7.1%}{p:7.1%}" for m, p in zip(middle, most, strict=True))
    return f"{name:48}{len(ratios):6}{''.join(cells)}\n"


GROUPS: dict[str, Callable[[Held], str]] = {
    "clients": lambda h: f"{h.clients // 64 * 64:3} to {h.clients // 64 * 64 + 63}",
    "model": lambda h: h.table.model,
    "device": lambda h: h.table.device,
    "precision": lambda h: h.table.precision,
    "backend": lambda h: h.table.backend,
}


def main() -> int:
    folder = os.environ.get(FACTS)
    if folder is None or not (Path(folder) / TABLE).is_file():
        sys.stdout.write(f"skipped: {FACTS} names no folder with {TABLE}\n")
        return 0
    published = tables(Facts(folder=Path(folder)))
    window = window_s(published)
    held = [h for t in published for h in held_back(t, window)]
    known = sum(len(t.known) for t in published)
    sys.stdout.write(
        f"{len(published)} online tables; known are their offline tables and {known} "
        f"online rows (up to {max(r.clients for t in published for r in t.known)} "
        f"clients); {len(held)} rows held back; perf_analyzer's window {window:.2f} s\n\n"
        f"{'median and p90 of the error':54}"
        + "".join(f"{c:>14}" for c in COLUMNS)
        + "\n"
    )
    sys.stdout.write(line("all", [h.ratios for h in held]))
    for name, chosen in (("half to choose on", True), ("the other half", False)):
        mine = [h for h in held if is_chosen_on(h.table, published) is chosen]
        sys.stdout.write(line(name, [h.ratios for h in mine]))
    sys.stdout.write(
        line("a line through all", [r for t in published for r in scatter(t)])
    )
    for by, group in GROUPS.items():
        groups: dict[str, list[Held]] = defaultdict(list)
        for h in held:
            groups[group(h)].append(h)
        for name in sorted(groups):
            sys.stdout.write(line(f"{by}: {name}", [h.ratios for h in groups[name]]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
