"""`planner import`: other programs' measurements, kept beside the published ones."""

import json as json_text
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from planner.cli import arguments
from planner.cli.console import show, tell
from planner.domain.evidence import Evidence, Provenance
from planner.domain.placement import Solution
from planner.domain.profiles import Profile, content_sha256
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import SpecError, SpecFileError, UnknownReferenceError
from planner.importers.melange import bought, placement_problem, read_melange
from planner.optimize.placement import place
from planner.reference.devices import is_device
from planner.reference.imported import check_name, in_the_way, keep
from planner.reference.integrity import check_profiles
from planner.report.catalog import profiles_table
from planner.report.melange import melange_data, melange_table
from planner.report.prediction import profile_data
from planner.wiring.facts import catalog, utc_now
from planner.wiring.home import imported_path
from planner.wiring.importing import about_import, exported_profiles, importers

Model = Annotated[
    str | None, typer.Option("--model", help="The name that specs will call it by.")
]
Device = Annotated[
    str | None, typer.Option("--device", help="What it ran on, in the catalogue.")
]
Sparsity = Annotated[
    float | None,
    typer.Option("--sparsity", min=0, max=0.99, help="Share of zero weights."),
]
Batch = Annotated[
    int | None, typer.Option("--batch", min=1, help="Where the file does not say it.")
]
DeviceCount = Annotated[
    int | None,
    typer.Option("--device-count", min=1, help="How many of the device it used."),
]


def importing(
    form: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help="Which program wrote it; 'list' lists."),
    ],
    file: Annotated[Path | None, typer.Argument(metavar="FILE")] = None,
    *,
    model: Model = None,
    device: Device = None,
    precision: Annotated[Precision | None, typer.Option("--precision")] = None,
    runtime: Annotated[Runtime | None, typer.Option("--runtime")] = None,
    sparsity: Sparsity = None,
    batch: Batch = None,
    device_count: DeviceCount = None,
    json: arguments.Json = False,
) -> None:
    """Take in what another program measured, or solve the problem it states."""
    formats = importers()
    of_a_variant = {
        "--precision": precision,
        "--runtime": runtime,
        "--sparsity": sparsity,
        "--batch": batch,
        "--device-count": device_count,
    }
    of_a_file = {"--model": model, "--device": device, **of_a_variant}
    if form == "list":
        _refuse(form, {"FILE": file, **of_a_file})
        _list(json=json)
        return
    if form == "melange":
        _refuse(form, of_a_file)
        _solve_melange(file, json=json)
        return
    if form == "profiles":
        _refuse(form, of_a_variant)
        _take_exported(file, device=device, model=model, json=json)
        return
    if form not in formats:
        known = (*formats, "profiles", "melange", "list")
        raise UnknownReferenceError("format", form, known)
    _refuse(form, {} if formats[form].asks_batch else {"--batch": batch})
    engine = runtime or formats[form].runtime
    if not (file and model and device and precision and engine):
        raise SpecError(
            f"planner import {form} FILE needs --model, --device and --precision"
            + ("" if formats[form].runtime else ", and --runtime")
        )
    check_name(model)
    about = about_import(
        model=model,
        variant=Variant(
            precision=precision, runtime=engine, sparsity_frac=sparsity or 0.0
        ),
        device=catalog().device(device).name,
        device_count=device_count or 1,
        batch=batch,
    )
    found = formats[form].read(file, about)
    _check(file, found)
    lost = in_the_way(imported_path(), model, found)
    kept = keep(imported_path(), model, found)
    _tell_lost(lost)
    _tell(found, kept, model, json=json)


def _refuse(form: str, given: Mapping[str, object]) -> None:
    """Raise where something was given that the format has no use for."""
    idle = [name for name, value in given.items() if value is not None]
    if idle:
        raise SpecError(
            f"planner import {form} has no use for {', '.join(idle)}: leave it out"
        )


def _list(*, json: bool) -> None:
    """What can be imported."""
    known = {
        **{name: reader.about for name, reader in importers().items()},
        "profiles": "all of planner profile --export, from another machine",
        "melange": "a problem of Mélange's: solved, not kept",
    }
    if json:
        document = {"kind": "formats", "version": 1, "formats": known}
        typer.echo(json_text.dumps(document, indent=2, ensure_ascii=False))
        return
    for name, about in known.items():
        typer.echo(f"{name:15} {about}")


def _solve_melange(file: Path | None, *, json: bool) -> None:
    """Which of the file's GPUs to buy, and how many of each."""
    if file is None:
        raise SpecError("planner import melange FILE needs the file")
    read = read_melange(file, today=utc_now().date())
    answer = place(placement_problem(read))
    if not isinstance(answer, Solution):
        buckets = "a bucket of requests that none of its GPUs can serve"
        why = f"no purchase serves it all: it has {buckets}"
        document = {"kind": "melange-answer", "version": 1, "reasons": [why]}
        typer.echo(
            json_text.dumps(document, indent=2, ensure_ascii=False)
            if json
            else f"{file}: {why}"
        )
        raise typer.Exit(1)
    if json:
        document = melange_data(bought(answer), answer.certificate)
        typer.echo(json_text.dumps(document, indent=2, ensure_ascii=False))
        return
    show(melange_table(bought(answer), answer.certificate))


def _take_exported(
    file: Path | None, *, device: str | None, model: str | None, json: bool
) -> None:
    """Keep every profile of the file; specs find them by the name of their model."""
    if file is None:
        raise SpecError("planner import profiles FILE needs the file")
    found = exported_profiles(file, device=device, model=model)
    if not found:
        raise SpecFileError("it holds no profile, so nothing is kept", str(file))
    for p in found:
        check_name(p.model)
        catalog().device(p.device)
    _check(file, found)
    by_model: dict[str, list[Profile]] = {}
    for p in found:
        by_model.setdefault(p.model, []).append(p)
    lost = [p for n, ps in by_model.items() for p in in_the_way(imported_path(), n, ps)]
    kept = {name: keep(imported_path(), name, ps) for name, ps in by_model.items()}  # fmt: skip
    _tell_lost(lost)
    if json:
        _tell(found, imported_path(), "", json=True)
        return
    _show(found)
    for name, path in kept.items():
        tell(f"kept in {path}; {_taken_in_by(name, by_model[name])}")


def _taken_in_by(name: str, profiles: Sequence[Profile]) -> str:
    """Which source of a spec takes them in."""
    if all(content_sha256(p) for p in profiles):
        return f"a spec's own model '{name}' takes them in, if it is the same"
    return (
        "the file does not say of which content the model was, so a spec's own model "
        f"'{name}' cannot take them in: source: {{kind: reference, name: {name}}} does"
    )


def _check(file: Path, profiles: Sequence[Profile]) -> None:
    """Nothing is kept that breaks the catalogue's own rules."""
    broken = check_profiles(profiles, is_device=is_device, today=utc_now().date())
    if broken:
        raise SpecFileError("; ".join(broken), str(file))


def _tell_lost(lost: Sequence[Profile]) -> None:
    """Profiles of one variant on one device do not stand beside each other."""
    if lost:
        whose = ", ".join(
            dict.fromkeys(f"{p.model} {p.variant} on {p.device}" for p in lost)
        )
        sources = "; ".join(dict.fromkeys(p.evidence.source for p in lost))
        typer.echo(
            f"planner: this replaces what was kept of {whose} (from {sources}); under "
            "another --model name both are kept",
            err=True,
        )


def _tell(found: Sequence[Profile], kept: Path, model: str, *, json: bool) -> None:
    if json:
        document = {
            "kind": "imported",
            "version": 1,
            "path": str(kept),
            "profiles": [profile_data(p) for p in found],
        }
        typer.echo(json_text.dumps(document, indent=2, ensure_ascii=False))
        return
    _show(found)
    tell(f"kept in {kept}; in a spec: source: {{kind: reference, name: {model}}}")


def _show(found: Sequence[Profile]) -> None:
    """What they did, and what is to be known of them."""
    show(profiles_table(found))
    for note in dict.fromkeys(_caution(p.evidence) for p in found):
        if note:
            tell(f"Mind: {note}")


def _caution(evidence: Evidence) -> str:
    """What is to be known of a figure; of ours, what stands behind the trial's own words."""
    if evidence.provenance is Provenance.IMPORTED:
        return evidence.note
    return evidence.note.partition("; ")[2]
