"""What a machine that is to take part was found to be, as a table and as plain data."""

from dataclasses import asdict

from planner.domain.joining import Joining
from planner.report.sentences import latency
from planner.report.tables import Table, table
from planner.units import BYTES_PER_GIB, milliseconds


def joining_table(joining: Joining) -> Table:
    """What was found, a line each."""
    found = joining.found
    return table(
        f"This machine, as a {joining.device}",
        ["What", "Found"],
        [
            ("Processor", f"{found.processor}, {found.architecture}"),
            ("Cores", str(found.cores)),
            ("Memory", f"{found.memory_bytes / BYTES_PER_GIB:.1f} GiB"),
            ("Accelerators", ", ".join(found.accelerators) or "none"),
            ("Python", found.python_version),
            ("Ray", found.ray_version or "not installed"),
            ("torch", found.torch_version or "not installed"),
            ("Memory limit, tried", found.memory_limit),
            ("Processor limit, tried", found.cpu_quota),
            ("512 × 512 matrix product", latency(milliseconds(found.matrix_s))),
        ],
        footnotes=[
            f"That it is a {joining.device} is your word; profiles measured here say so."
        ]
        if not joining.refusals
        else [],
    )


def joining_data(joining: Joining) -> dict[str, object]:
    """Plain data, as `planner device join --json` prints it."""
    return {"kind": "joining", "version": 1, **asdict(joining)}
