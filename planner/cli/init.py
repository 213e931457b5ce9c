"""`planner init`: a few plain questions become a document."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from planner.errors import SpecFileError
from planner.files import write_text
from planner.pipeline.asking.references import check_references
from planner.specs.load import parse_spec
from planner.wiring.facts import catalog

HEADER = """\
# One question to the planner. Every number carries its unit in its name.
# planner check {file}      names every mistake
# planner recommend {file}  says where to run it, and writes the files
"""


def init(
    file: Annotated[Path, typer.Argument(help="The document to write.")] = Path(
        "spec.yaml"
    ),
    *,
    name: Annotated[str, typer.Option(prompt="A name for the deployment")],
    model: Annotated[
        str,
        typer.Option(
            prompt="A published model (planner catalog profiles) or module:factory"
        ),
    ],
    rate_rps: Annotated[float, typer.Option(prompt="Requests per second")],
    latency_ms: Annotated[
        float, typer.Option(prompt="95 % of requests answered within (ms)")
    ],
    region: Annotated[
        str, typer.Option(prompt="AWS region near your users")
    ] = "us-east-1",
    budget_usd_per_month: Annotated[
        float, typer.Option(prompt="Budget in USD per month")
    ] = 500.0,
) -> None:
    """Ask a few plain questions and write a document."""
    if file.exists():
        raise SpecFileError("exists already; name another file", str(file))
    is_own = ":" in model
    own = {"kind": "torch", "factory": model}
    data = _document(
        name=name,
        source=own if is_own else {"kind": "reference", "name": model},
        rate_rps=rate_rps,
        latency_ms=latency_ms,
        region=region,
        budget_usd_per_month=budget_usd_per_month,
    )
    check_references(parse_spec(data, document=str(file)), catalog())
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    write_text(file, HEADER.format(file=file) + text)
    typer.echo(f"written: {file}; next: planner recommend {file}")


def _document(
    *,
    name: str,
    source: dict[str, str],
    rate_rps: float,
    latency_ms: float,
    region: str,
    budget_usd_per_month: float,
) -> dict[str, object]:
    return {
        "kind": "deployment",
        "version": 1,
        "name": name,
        "models": [{"name": "model", "source": source}],
        "workloads": [
            {
                "name": "requests",
                "model": "model",
                "origin": region,
                "traffic": {"kind": "constant", "rate_rps": rate_rps},
                "payload": {"request_kib": 100, "response_kib": 2},
                "slo": {"percentile": 95, "latency_ms": latency_ms},
            }
        ],
        "sites": [
            {
                "kind": "cloud",
                "provider": "aws",
                "regions": [region],
                "purchase": ["on_demand", "spot"],
            }
        ],
        "policy": {"budget_usd_per_month": budget_usd_per_month},
    }
