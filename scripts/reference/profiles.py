"""What tables of published profiles share: columns, notes, spreads, accuracies."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from scripts.reference.tables import Cell, Tables

VARIANT_COLUMNS: Final = ("device", "device_count", "runtime", "precision")
QUALITY_COLUMNS: Final = (
    "quality_metric",
    "quality_frac",
    "quality_low_frac",
    "quality_high_frac",
    "quality_samples",
    "quality_source",
)
EVIDENCE_COLUMNS: Final = ("error_frac", "note", "source", "detail", "measured_on")
BATCH_COLUMNS: Final = (
    *VARIANT_COLUMNS,
    "batch",
    "p50_ms",
    "mean_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    *EVIDENCE_COLUMNS,
    *QUALITY_COLUMNS,
)
CURVE_COLUMNS: Final = (
    *VARIANT_COLUMNS,
    "prompt_tokens",
    "output_tokens",
    "concurrency",
    "rate_rps",
    *(
        f"{what}_{p}_ms"
        for what in ("ttft", "tpot", "e2e")
        for p in ("p50", "p95", "p99")
    ),
    "output_tokens_per_s",
    *EVIDENCE_COLUMNS,
    *QUALITY_COLUMNS,
)
TOKEN_COLUMNS: Final = (
    *VARIANT_COLUMNS,
    "prompt_tokens_per_s",
    "output_tokens_per_s",
    "memory_bytes",
    *EVIDENCE_COLUMNS,
    *QUALITY_COLUMNS,
)

# The band's own definition: the truth is at most so much above with 90 % probability.
BAND_QUANTILE_FRAC: Final = 0.9
# Nobody's figure is taken to be closer than this, however well repeats agree.
LEAST_ERROR_FRAC: Final = 0.03
Z_95: Final = statistics.NormalDist().inv_cdf(0.975)

NOTES: Final = {
    "repeats": "error: spread between repeated runs of this device, runtime and "
    "precision in other rounds or on other machines (software versions included)",
    "repeats-device": "error: spread between repeated runs of this device with its "
    "other runtimes and precisions",
    "repeats-others": "error: median spread between repeated runs over the devices, "
    "runtimes and precisions that were run twice",
    "submitters": "error: spread between submitters of the same accelerator; the middle "
    "one of the newest round is used; batch 8 is a MultiStream query",
    "mean-only": "only the mean is published and taken as the median; error: median "
    "spread of repeated runs in the MLPerf open edge sweep",
    "nvidia": "latency of a whole batch, one request in flight; where no median is "
    "published the mean is taken; error: median spread of repeated runs in the MLPerf "
    "open edge sweep",
    "vllm": "error: spread between instances with the same accelerators; time in the "
    "engine, without network",
    "instances": "error: spread between instance types of the same device",
    "instances-others": "one instance type only; error: median spread over devices with "
    "several",
    "tokens-device": "error: median spread between instance types of the same device "
    "in llama-bench",
    "prompt-bound": "prompt rate not published: taken as the generation rate, which it "
    "cannot be below, since a prompt's tokens share each pass over the weights; error: "
    "median spread between instance types of the same device in llama-bench",
}


@dataclass(slots=True, kw_only=True)
class Published:
    """Profiles collected by kind and model, then written one file a model."""

    batches: dict[str, list[dict[str, Cell]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    curves: dict[str, list[dict[str, Cell]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    tokens: dict[tuple[str, bool], list[dict[str, Cell]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def devices(self) -> set[str]:
        """Every device that some profile names."""
        groups = (*self.batches.values(), *self.curves.values(), *self.tokens.values())
        return {str(row["device"]) for rows in groups for row in rows}

    def models(self) -> dict[str, tuple[set[str], set[str], set[str]]]:
        """Model names with their quality metrics, their sources and their devices."""
        found: dict[str, tuple[set[str], set[str], set[str]]] = {}
        named = [
            *self.batches.items(),
            *self.curves.items(),
            *((model, rows) for (model, _), rows in self.tokens.items()),
        ]
        for model, rows in named:
            metrics, sources, devices = found.setdefault(model, (set(), set(), set()))
            metrics.update(
                str(r["quality_metric"]) for r in rows if r["quality_metric"]
            )
            sources.update(str(r["source"]) for r in rows)
            devices.update(str(r["device"]) for r in rows)
        return found

    def add_to(self, tables: Tables) -> None:
        """All files; what Spare Cores measured goes beside its licence."""
        for model, rows in sorted(self.batches.items()):
            tables.add(f"batches/{model}.csv", BATCH_COLUMNS, _ordered(rows))
        for model, rows in sorted(self.curves.items()):
            path = f"curves/{model}.csv"
            tables.add(path, CURVE_COLUMNS, rows, share_alike=True)
        for (model, share_alike), rows in sorted(self.tokens.items()):
            path, ordered = f"tokens/{model}.csv", _ordered(rows)
            tables.add(path, TOKEN_COLUMNS, ordered, share_alike=share_alike)


def _ordered(rows: Iterable[dict[str, Cell]]) -> list[dict[str, Cell]]:
    return sorted(
        rows,
        key=lambda r: (
            *(str(r[c]) for c in VARIANT_COLUMNS),
            int(str(r.get("batch", 0))),
        ),
    )


def add_notes(tables: Tables) -> None:
    """`notes.csv`: what a profile's error band was derived from."""
    rows = [{"key": key, "note": note} for key, note in NOTES.items()]
    tables.add("notes.csv", ("key", "note"), rows)


def error_frac(log_ratios: Sequence[float]) -> float:
    """The error band that repeats show, from log ratios of each to the figure shipped.

    Exp of their 90 % quantile, less 1.
    """
    ranked = sorted(log_ratios)
    quantile = ranked[min(len(ranked) - 1, int(BAND_QUANTILE_FRAC * len(ranked)))]
    return max(LEAST_ERROR_FRAC, round(math.expm1(quantile), 3))


def accuracy(
    metric: str, percent: float, source: str, samples: int | None = None
) -> dict[str, Cell]:
    """Quality cells, with Wilson's 95 % interval where the sample size is known."""
    share = percent / 100
    cells: dict[str, Cell] = {
        "quality_metric": metric,
        "quality_frac": share,
        "quality_source": source,
    }
    if samples:
        centre = (share + Z_95**2 / (2 * samples)) / (1 + Z_95**2 / samples)
        half = (
            Z_95
            / (1 + Z_95**2 / samples)
            * math.sqrt(share * (1 - share) / samples + (Z_95 / (2 * samples)) ** 2)
        )
        cells |= {
            "quality_low_frac": centre - half,
            "quality_high_frac": centre + half,
            "quality_samples": samples,
        }
    return cells


NO_QUALITY: Final[dict[str, Cell]] = {"quality_metric": ""}
