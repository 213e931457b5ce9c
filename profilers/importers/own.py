"""Our own: the JSON of `planner profile --json` or `--export`, from another machine.

What was measured there as "local" is taken to be the device that is named here, or that
the file's writer declared the machine to be; other devices keep their names. Failures are
left out, and so is what a server was found to cost there: it is another machine's.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, Profile, TokenRates
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading
from profilers.trials import LOCAL

about = "planner profile --json of another machine"
runtime: Runtime | None = None

_BATCHES = TypeAdapter(BatchProfile)
_RATES = TypeAdapter(TokenRates)
Own = BatchProfile | TokenRates


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The file's profiles of that model, variant and device.

    Raises:
        SpecFileError: It is no such file, or has no such profile.
    """
    every = _every(path, reading.document(path))
    names = {p.model for p in every}
    if about.model not in names and len(names) > 1:
        raise reading.wrong(
            path, f"no model '{about.model}'; it has {', '.join(sorted(names))}"
        )
    found = [
        _imported(path, p, model=about.model, device=about.device, today=about.today)
        for p in every
        if (len(names) == 1 or p.model == about.model)
        and p.variant == about.variant
        and p.device in {LOCAL, about.device}
    ]
    if not found:
        known = sorted({f"{p.variant} on {p.device}" for p in every})
        raise reading.wrong(
            path,
            f"no profile of {about.variant} on {about.device}; it has "
            f"{', '.join(known) or 'none'}",
        )
    return tuple(found)


def read_all(
    path: Path, *, device: str | None, model: str | None, today: dt.date
) -> tuple[Own, ...]:
    """Every profile of the file, each under its own model's name, or under `model`.

    `device` is what "local" was, where the file does not declare it.

    Raises:
        SpecFileError: It is no such file, nobody says which device "local" was, or it
            says so itself, and otherwise.
    """
    document = reading.document(path)
    every = _every(path, document)
    declared = document.get("declared_device") if isinstance(document, dict) else None
    if declared is not None and device not in {None, declared}:
        raise reading.wrong(
            path, f"its writer declared the machine a {declared}, not a {device}"
        )
    local = declared or device
    if local is None and any(p.device == LOCAL for p in every):
        raise reading.wrong(
            path, "it does not say which device measured; name it with --device"
        )
    names = {p.model for p in every}
    if model is not None and len(names) > 1:
        raise reading.wrong(
            path,
            f"it has {len(names)} models ({', '.join(sorted(names))}): leave --model out",
        )
    contents = document.get("model_sha256", {}) if isinstance(document, dict) else {}
    unlike = document.get("unlike", []) if isinstance(document, dict) else []
    return tuple(
        replace(
            _imported(
                path,
                p,
                model=model or p.model,
                device=str(local) if p.device == LOCAL else p.device,
                today=today,
                declared=p.device == LOCAL,
                unlike=tuple(map(str, unlike)) if p.device == LOCAL else (),
            ),
            model_sha256=contents.get(p.model),
        )
        for p in every
    )


def _every(path: Path, document: object) -> list[Own]:
    if reading.at(path, document, "kind") != "profiles":
        raise reading.wrong(path, "'kind' is not 'profiles'")
    listed = reading.at(path, document, "profiles")
    if not isinstance(listed, Sequence):
        raise reading.wrong(path, "'profiles' is not a list")
    return [_profile(path, i, item) for i, item in enumerate(listed)]


def _profile(path: Path, i: int, item: object) -> Own:
    if not isinstance(item, Mapping):
        raise reading.wrong(path, f"profiles.{i} is not an object")
    adapter: TypeAdapter[Own] = _BATCHES if "points" in item else _RATES  # type: ignore[assignment]  # one of the two
    try:
        return adapter.validate_python(dict(item))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise reading.wrong(path, f"profiles.{i}.{where}: {first['msg']}") from None


def _imported(
    path: Path,
    profile: Own,
    *,
    model: str,
    device: str,
    today: dt.date,
    declared: bool = False,
    unlike: Sequence[str] = (),
) -> Own:
    if profile.evidence.provenance is Provenance.PREDICTED:
        raise reading.wrong(path, "a predicted profile is no measurement")
    said = f", declared by its owner to be a {device}" if declared else ""
    evidence = Evidence(
        provenance=Provenance.EXPORTED,
        source=f"{profile.evidence.source}{said}, {path.name}",
        as_of=min(profile.evidence.as_of, today),
        error_frac=profile.evidence.error_frac,
        note="; ".join([profile.evidence.note, *unlike]),
    )
    if isinstance(profile, BatchProfile):
        profile = replace(profile, server=None)
    return replace(profile, model=model, device=device, evidence=evidence)
