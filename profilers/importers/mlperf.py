"""MLPerf Inference: `mlperf_log_summary.txt` of a SingleStream or MultiStream run.

Server and Offline runs state latencies with their queue, or of the whole run, which
are no service times.
"""

import re
from pathlib import Path

from planner.domain.profiles import BatchProfile, Profile, ServicePoint
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading

about = "mlperf_log_summary.txt of a SingleStream or MultiStream run"
runtime: Runtime | None = None
asks_batch = False

_NS_PER_S = 1e9
_ERRORS = re.compile(r"^\d+ ERRORS? encountered", re.MULTILINE)
_DETAIL = ":::MLLOG"
_LINE = re.compile(r"\s*(?P<key>[^:]+?)\s*:\s*(?P<value>.+?)\s*")


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The profile of the log's one run.

    Raises:
        SpecFileError: It is no such log, or the run was not valid.
    """
    said = _said(path)
    scenario = str(reading.at(path, said, "Scenario"))
    batch = _batch(path, scenario, said)
    if said.get("Mode") != "PerformanceOnly" or said.get("Result is") != "VALID":
        raise reading.wrong(
            path, "not a valid performance run: Mode or 'Result is' say otherwise"
        )

    def seconds(key: str) -> float:
        stated = reading.at(path, said, f"{key} latency (ns)")
        return reading.number(path, stated, key) / _NS_PER_S

    point = ServicePoint(
        batch=batch,
        p50_s=seconds("50.00 percentile"),
        mean_s=seconds("Mean"),
        p90_s=seconds("90.00 percentile"),
        p95_s=seconds("95.00 percentile"),
        p99_s=seconds("99.00 percentile"),
    )
    tool = f"MLPerf {scenario}, {said.get('SUT name', 'unnamed system')}"
    return (
        BatchProfile(
            model=about.model,
            variant=about.variant,
            device=about.device,
            device_count=about.device_count,
            points=(point,),
            evidence=reading.evidence(
                path,
                about,
                tool,
                note="result not verified by MLCommons Association",
            ),
        ),
    )


def _said(path: Path) -> dict[str, str]:
    text = reading.text(path)
    if text.startswith(_DETAIL):
        raise reading.wrong(
            path, "the detailed log; give mlperf_log_summary.txt, which lies beside it"
        )
    matches = [m for line in text.splitlines() if (m := _LINE.fullmatch(line))]
    if sum(m["key"] == "Scenario" for m in matches) > 1:
        raise reading.wrong(path, "several runs in one file; give the file of one run")
    if _ERRORS.search(text):
        raise reading.wrong(
            path, "the load generator met errors: see mlperf_log_detail.txt, run again"
        )
    return {m["key"]: m["value"] for m in matches}


def _batch(path: Path, scenario: str, said: dict[str, str]) -> int:
    if scenario == "SingleStream":
        return 1
    if scenario == "MultiStream":
        stated = reading.at(path, said, "samples_per_query")
        return reading.count(path, stated, "samples_per_query")
    raise reading.wrong(
        path,
        f"a {scenario} run states no service time; import a SingleStream or "
        "MultiStream run",
    )
