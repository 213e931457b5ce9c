"""`planner predict`: what to expect of a model on a device, measured there or not."""

import json as json_text
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, watching
from planner.cli.documents import deployment
from planner.domain.predictions import Foresight
from planner.domain.profiles import BatchProfile, Profile
from planner.domain.profiling import HERE
from planner.domain.variants import Precision, Runtime
from planner.errors import OutsideProfileError, SpecError, UnknownReferenceError
from planner.pipeline.asking.atlas import Atlas
from planner.pipeline.asking.batches import of_batch
from planner.pipeline.asking.foresight import foresee, in_precision, on_runtime
from planner.pipeline.asking.knowledge import learn
from planner.pipeline.asking.loops import closed_loops
from planner.pipeline.asking.references import check_references
from planner.ports import Observer
from planner.reference.catalog import Catalog
from planner.reference.tables import nearest
from planner.report.loops import loop_data, loops_table
from planner.report.prediction import foresight_data, foresight_table
from planner.wiring import measuring
from planner.wiring.facts import catalog
from planner.wiring.measuring import Executor

_DOCUMENTS = {".yaml", ".yml", ".json"}


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A published model's name, or a deployment document."
        ),
    ],
    *,
    device: Annotated[
        list[str],
        typer.Option("--device", help="A device of the catalogue. Repeatable."),
    ],
    precision: Annotated[Precision | None, typer.Option("--precision")] = None,
    runtime: Annotated[Runtime | None, typer.Option("--runtime")] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch",
            min=1,
            help="Batches of this size alone, measured or on the line between two that were.",
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="PROVIDER|'PROVIDER INSTANCE'",
            help="Where a GPU is rented: first tokens wait for its processor, too.",
        ),
    ] = None,
    clients: Annotated[
        int | None,
        typer.Option(
            "--clients",
            min=1,
            help="Also what so many clients see that each wait for their answer.",
        ),
    ] = None,
    json: arguments.Json = False,
    executor: arguments.ExecutorOption = "local",
    address: arguments.Address = None,
) -> None:
    """Say how fast a model is on a device: measured there, or predicted with its interval."""
    arguments.check_address(address, executor)
    facts = catalog()
    wanted = [facts.device(name) for name in device]
    for name in device:
        _check_host(host, name, facts)
    with watching(quiet=json) as observer:
        known, references = _profiles(model, facts, executor, address, observer)
    atlas = Atlas.of(facts, references)
    answers = [
        on_runtime(
            foresee(
                name,
                in_precision(profiles, precision),
                d,
                atlas=atlas,
                catalog=facts,
                hosts=(host,),
            ),
            runtime,
        )
        for name, profiles in known.items()
        for d in wanted
    ]
    shown = [a if batch is None else of_batch(a, batch) for a in answers]
    _check(shown)
    if json:
        documents = [
            foresight_data(s) | _loops(a, clients)
            for s, a in zip(shown, answers, strict=True)
        ]
        whole = documents[0] if len(documents) == 1 else documents
        typer.echo(json_text.dumps(whole, indent=2, ensure_ascii=False))
        return
    for told, answer in zip(shown, answers, strict=True):
        show(foresight_table(told))
        if clients is not None:
            loops, reasons = closed_loops(answer, clients)
            title = f"{answer.model} on {answer.device}, {clients:,} clients"
            show(loops_table(title, loops, reasons))


def _loops(answer: Foresight, clients: int | None) -> dict[str, object]:
    """The part of the document that `--clients` adds."""
    if clients is None:
        return {}
    loops, reasons = closed_loops(answer, clients)
    return {
        "closed_loops": [loop_data(loop) for loop in loops],
        "closed_loop_refusals": list(reasons),
    }


def _profiles(
    model: str,
    facts: Catalog,
    executor: Executor,
    address: str | None,
    observer: Observer,
) -> tuple[dict[str, tuple[Profile, ...]], Sequence[BatchProfile]]:
    """By model: published profiles, or those of a document's models, measuring its own.

    Beside them, published models as they were timed on this machine.
    """
    if not _is_document(model):
        if address is not None:
            raise SpecError(
                f"--address is where a document's own models are measured, and {model} is "
                "a published one: leave it out"
            )
        return {model: facts.profiles(model)}, ()
    document, models = deployment(Path(model), None)
    check_references(document, facts)
    profiler = (
        measuring.profiler(facts, executor=executor, address=address)
        if models
        else None
    )
    learned = learn(
        document,
        facts,
        models,
        profiler,
        on_progress=observer.profiling,
        foresees=True,
    )
    here = [p for p in learned.here if p.device == HERE]
    profiles = {
        name: (*known, *(p for p in here if p.model == name))
        for name, known in learned.profiles.items()
    }
    return profiles, learned.references


def _is_document(model: str) -> bool:
    """Whether that is a path, be it to a file or to none; no model's name looks like one."""
    path = Path(model)
    return path.is_file() or path.suffix in _DOCUMENTS or path.name != model


def _check_host(host: str | None, device: str, facts: Catalog) -> None:
    known = facts.hosts(device)
    if host is not None and not known:
        raise SpecError(
            f"--host {host}: nobody measured a host of {device}, so none changes what is "
            "predicted of it; leave out --host"
        )
    if host is not None and host not in known:
        near = nearest(host, known) or known[:3]
        raise UnknownReferenceError(f"host of {device}", host, near)


def _check(answers: list[Foresight]) -> None:
    """Refuse, where nothing at all can be said."""
    if any(a.measured or a.predictions for a in answers):
        return
    reasons = [r for a in answers for r in a.refusals]
    raise OutsideProfileError("; ".join(dict.fromkeys(reasons)))
