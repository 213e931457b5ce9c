"""What models ask of devices and how fast processors are, where it is stated."""

from collections.abc import Mapping
from functools import cache

from planner.domain.operations import Operations
from planner.reference.tables import citations, count, rows


@cache
def operations() -> Mapping[str, Operations]:
    """Parameters, multiply-accumulates and cache sizes, by model."""
    return {
        row["model"]: Operations(
            model=row["model"],
            parameters=int(row["parameters"]),
            source=str(citations()[row["source"]]),
            macs=count(row["macs"]),
            layers=count(row["layers"]),
            kv_values_per_token=count(row["kv_values_per_token"]),
        )
        for row in rows("operations.csv")
    }


@cache
def cpu_speeds() -> Mapping[str, tuple[float, str]]:
    """Images/s that all vCPUs together find objects in, one by one, and the source."""
    return {
        row["device"]: (float(row["images_per_s"]), str(citations()[row["source"]]))
        for row in rows("cpu_speeds.csv")
    }
