"""`planner simulate`: replay traffic against a plan."""

import math
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, tell, watching
from planner.errors import SpecError
from planner.files import write_text
from planner.pipeline.asking.own_models import own_models_in
from planner.pipeline.asking.traces import traces_at_hand
from planner.pipeline.exploring.explain import spec_of
from planner.pipeline.rehearsing.replay import replay
from planner.pipeline.rehearsing.replay_traffic import Wish
from planner.pipeline.rehearsing.staging import Conditions
from planner.plan import Plan, load_plan
from planner.report.simulation import notes, simulation_tables, timeline_svg, verdict
from planner.simulate.scenario import Outage, Routing
from planner.specs.plan import PlanDocument
from planner.specs.shapes import Shape
from planner.specs.simulation import SimulationDocument
from planner.specs.traces import Trace, read_traces
from planner.units import seconds
from planner.wiring import recommending
from planner.wiring.facts import catalog


def simulate(
    plan: arguments.PlanFile,
    *,
    trace: Annotated[
        list[str] | None,
        typer.Option(
            "--trace",
            metavar="[WORKLOAD=]FILE",
            help="Requests as CSV or Parquet: timestamp_s, or minute and requests; of "
            "several workloads with a column workload. Repeatable.",
        ),
    ] = None,
    shape: Annotated[
        Shape | None,
        typer.Option("--shape", help="A ready week instead of the document's traffic."),
    ] = None,
    scale: Annotated[
        float, typer.Option("--scale", min=1e-6, help="So many times the requests.")
    ] = 1.0,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="The same seed, the same run.")
    ] = 1,
    routing: Annotated[
        Routing,
        typer.Option("--routing", help="How requests are spread over replicas."),
    ] = Routing.SHARE,
    cautious: Annotated[
        bool,
        typer.Option(
            "--cautious/--as-measured",
            help="Profiles at the plan's confidence, spares idle; or as they state.",
        ),
    ] = False,
    autoscale: Annotated[
        bool, typer.Option("--autoscale", help="Machines follow the arrivals.")
    ] = False,
    cold_start_s: Annotated[
        float,
        typer.Option("--cold-start", min=0, help="Seconds from booted to serving."),
    ] = 60.0,
    interruptions: Annotated[
        bool, typer.Option("--interruptions", help="Spot machines are taken away.")
    ] = False,
    outage: Annotated[
        list[str] | None,
        typer.Option(
            "--outage",
            metavar="SITE:FROM-UNTIL",
            help="Seconds in which a site's uplink is out. Repeatable.",
        ),
    ] = None,
    fail_uplink: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-uplink",
            metavar="SITE",
            help="This site's uplink is out all the time. Repeatable.",
        ),
    ] = None,
    rise: Annotated[
        list[str] | None,
        typer.Option(
            "--rise",
            metavar="WORKLOAD",
            help="It asks for as much more as policy.demand_rises allows. Repeatable.",
        ),
    ] = None,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", min=0, help="Requests that wait longer give up."),
    ] = float("inf"),
    jitter_ms: Annotated[
        float,
        typer.Option(
            "--jitter",
            min=0,
            help="Milliseconds that come and go on every way, on average, beyond the "
            "plan's round trip. Of 5,675 pairs of cities half have 0.4 or less, nine in "
            "ten 8.6 (WonderNetwork, 2018).",
        ),
    ] = 0.0,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--spec-dir",
            help="The folder of the document, where its own models and traces lie; "
            "default: the plan's folder, the one above it, or this one.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where simulation.json and timeline.svg go."),
    ] = None,
    json: arguments.Json = False,
) -> None:
    """Say what users would see of a plan under traffic; exit 1 where a promise breaks."""
    answer = load_plan(plan)
    if not isinstance(answer, Plan):
        raise SpecError(f"{plan}: this answer is 'infeasible'; there is nothing to try")
    document = answer.document
    spec, folders = spec_of(document), arguments.model_folders(directory, plan)
    own = {} if shape else traces_at_hand(spec, folders)
    given = _traces(trace, document, at_hand=own)
    wish = Wish(traces=own | given, shape=shape, scale_ratio=scale)
    conditions = Conditions(
        confidence_frac=document.policy.confidence_frac if cautious else 0.5,
        are_spares_idle=cautious,
        routing=routing,
        autoscales=autoscale,
        cold_start_s=cold_start_s,
        are_interrupted=interruptions,
        outages=(
            *(_outage(text) for text in outage or ()),
            *(Outage(line=s, from_s=0.0, until_s=math.inf) for s in fail_uplink or ()),
        ),
        timeout_s=timeout_s,
        jitter_s=seconds(jitter_ms),
    )
    models = own_models_in(
        spec, folders, way_out="name the document's folder with --spec-dir"
    )
    with (
        watching(quiet=json) as observer,
        recommending.world(
            catalog(), models, executor="local", observer=observer
        ) as world,
    ):
        seen = replay(
            document,
            world,
            wish=wish,
            conditions=conditions,
            seed=seed,
            rising=rise or (),
        )
    _tell(seen, out, json=json)
    if not all(w.is_kept for w in seen.workloads):
        raise typer.Exit(1)


def _tell(seen: SimulationDocument, out: Path | None, *, json: bool) -> None:
    text = seen.model_dump_json(by_alias=True, indent=2) + "\n"
    if json:
        typer.echo(text, nl=False)
    else:
        for table in simulation_tables(seen):
            show(table)
        for line in (verdict(seen), *notes(seen)):
            tell(line)
    if out is not None:
        write_text(out / "simulation.json", text)
        write_text(out / "timeline.svg", timeline_svg(seen))
        if not json:
            typer.echo(f"written: {out}/simulation.json, timeline.svg")


def _traces(
    texts: list[str] | None, plan: PlanDocument, *, at_hand: Collection[str]
) -> dict[str, Trace]:
    """What each workload sends: a file of its own before its part of a shared one.

    Of workloads `at_hand` the document's own traces are here.
    """
    own: dict[str, Trace] = {}
    shared: dict[str, Trace] = {}
    names = [w.name for w in plan.workloads]
    for text in texts or ():
        name, equals, file = text.partition("=")
        # A path may hold an equals sign of its own.
        is_named = bool(equals) and (name in names or not Path(text).exists())
        if is_named and name not in names:
            raise SpecError(
                f"--trace {text}: the plan has no workload {name}; it has: "
                f"{', '.join(names)}"
            )
        if is_named and name in own:
            raise SpecError(f"--trace {text}: {name} has a trace already: give one")
        if is_named:
            own[name] = read_traces(Path(file)).of(name)
        else:
            shared |= _shared(text, names)
    missing = [n for n in names if n not in shared | own and n not in at_hand]
    if shared and missing:
        raise SpecError(
            f"--trace: no requests of {', '.join(missing)} are given; add a --trace "
            f"{missing[0]}=FILE, or name those that the file is for, as in --trace "
            f"{next(iter(shared))}=FILE: the others then send at the plan's rates"
        )
    return shared | own


def _shared(file: str, names: list[str]) -> dict[str, Trace]:
    """What each workload sends by a file that was given for none of them."""
    read = read_traces(Path(file))
    if not read.workloads:
        if len(names) > 1:
            raise SpecError(
                f"--trace {file}: the plan has several workloads, and the file does not "
                f"tell them apart: write --trace {names[0]}={file}, one of: "
                f"{', '.join(names)}, or give the file a column workload"
            )
        return {names[0]: read.of(names[0])}
    unknown = [n for n in read.workloads if n not in names]
    if unknown:
        raise SpecError(
            f"--trace {file}: the plan has no workload {', '.join(unknown[:5])}; it "
            f"has: {', '.join(names)}. To take one workload's requests out of the file, "
            f"write --trace {names[0]}={file}"
        )
    return dict(read.traces)


def _outage(text: str) -> Outage:
    site, _, times = text.rpartition(":")
    start, _, end = times.partition("-")
    try:
        outage = Outage(line=site, from_s=float(start), until_s=float(end))
    except ValueError:
        outage = Outage(line="", from_s=0.0, until_s=0.0)
    if not site or not outage.from_s < outage.until_s:
        raise SpecError(
            f"--outage {text}: not of the form SITE:FROM-UNTIL in seconds, as in "
            "berlin-store:600-1200"
        )
    return outage
