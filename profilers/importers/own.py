"""Our own: the JSON of `planner profile --json` or `--export`, from another machine.

What was measured there as "local" is taken to be the device that is named here, or that
the file's writer declared the machine to be; other devices keep their names. Failures are
left out, and so is what a server was found to cost there: it is another machine's.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from planner.domain.evidence import Evidence, Provenance
from planner.domain.joining import Machine
from planner.domain.profiles import BatchProfile, Profile, TokenRates
from planner.domain.variants import Runtime
from planner.reference.devices import device as device_of
from planner.reference.devices import is_device
from planner.reference.joining import contradictions, mismatches
from profilers.importers import _reading as reading
from profilers.trials import LOCAL

about = "planner profile --json of another machine"
runtime: Runtime | None = None
asks_batch = False

Part = TypeVar("Part")
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What the file says of all its profiles."""

    declared_device: str | None = None
    unlike: tuple[str, ...] = ()
    model_sha256: Mapping[str, str | None] = field(default_factory=dict)
    machine: Machine | None = None


_HEAD = TypeAdapter(_Head)
_BATCHES = TypeAdapter(BatchProfile)
_RATES = TypeAdapter(TokenRates)
Own = BatchProfile | TokenRates


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The file's profiles of that model, variant and device.

    Raises:
        SpecFileError: It is no such file, or has no such profile.
    """
    document = reading.document(path)
    every = _every(path, document)
    head = _head(path, document)
    is_local = any(p.device == LOCAL for p in every)
    unlike = _unlike(path, head, about.device) if is_local else ()
    names = {p.model for p in every}
    if about.model not in names and len(names) > 1:
        raise reading.wrong(
            path, f"no model '{about.model}'; it has {', '.join(sorted(names))}"
        )
    found = [
        _imported(
            path,
            p,
            model=about.model,
            device=about.device,
            today=about.today,
            unlike=unlike if p.device == LOCAL else (),
        )
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
    head = _head(path, document)
    is_local = any(p.device == LOCAL for p in every)
    if device is not None and every and not is_local:
        raise reading.wrong(
            path,
            f"it names the devices itself ({', '.join(sorted({p.device for p in every}))}"
            "): leave --device out",
        )
    local = device or head.declared_device
    if local is None and is_local:
        raise reading.wrong(
            path, "it does not say which device measured; name it with --device"
        )
    unlike = _unlike(path, head, local)
    names = {p.model for p in every}
    if model is not None and len(names) > 1:
        raise reading.wrong(
            path,
            f"it has {len(names)} models ({', '.join(sorted(names))}): leave --model out",
        )
    return tuple(
        replace(
            _imported(
                path,
                p,
                model=model or p.model,
                device=str(local) if p.device == LOCAL else p.device,
                today=today,
                declared=p.device == LOCAL,
                unlike=unlike if p.device == LOCAL else (),
            ),
            model_sha256=head.model_sha256.get(p.model),
        )
        for p in every
    )


def _unlike(path: Path, head: _Head, local: str | None) -> tuple[str, ...]:
    """In what the machine that measured is not like the device that "local" is to be.

    Raises:
        SpecFileError: Its writer declared it to be another, or it is another.
    """
    if head.declared_device is not None and local != head.declared_device:
        raise reading.wrong(
            path,
            f"its writer declared the machine a {head.declared_device}, not a {local}",
        )
    if head.declared_device is not None or head.machine is None:
        return head.unlike
    if local is None or not is_device(local):
        return head.unlike
    device = device_of(local)
    if said := contradictions(device, head.machine):
        raise reading.wrong(path, f"the machine that measured: {'; '.join(said)}")
    return (*head.unlike, *mismatches(device, head.machine))


def _every(path: Path, document: object) -> list[Own]:
    if reading.at(path, document, "kind") != "profiles":
        raise reading.wrong(path, "'kind' is not 'profiles'")
    version = reading.at(path, document, "version")
    if version != VERSION:
        raise reading.wrong(
            path,
            f"version {version!r}, this planner reads {VERSION}: export it again with "
            "the version of planner that is installed here",
        )
    listed = reading.at(path, document, "profiles")
    if not isinstance(listed, Sequence):
        raise reading.wrong(path, "'profiles' is not a list")
    return [_profile(path, i, item) for i, item in enumerate(listed)]


def _profile(path: Path, i: int, item: object) -> Own:
    if not isinstance(item, Mapping):
        raise reading.wrong(path, f"profiles.{i} is not an object")
    adapter: TypeAdapter[Own] = _BATCHES if "points" in item else _RATES  # type: ignore[assignment]  # one of the two
    return _validated(path, adapter, item, f"profiles.{i}.")


def _head(path: Path, document: object) -> _Head:
    fields = document if isinstance(document, Mapping) else {}
    return _validated(path, _HEAD, fields, "")


def _validated(
    path: Path, adapter: TypeAdapter[Part], item: Mapping[object, object], place: str
) -> Part:
    try:
        return adapter.validate_python(dict(item))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise reading.wrong(path, f"{place}{where}: {first['msg']}") from None


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
    known = profile.evidence.provenance
    evidence = Evidence(
        # What was emulated there was not timed on that device, wherever it is read.
        provenance=Provenance.EXPORTED if known is Provenance.MEASURED else known,
        source=f"{profile.evidence.source}{said}, {path.name}",
        as_of=min(profile.evidence.as_of, today),
        error_frac=profile.evidence.error_frac,
        note="; ".join(n for n in (profile.evidence.note, *unlike) if n),
    )
    if isinstance(profile, BatchProfile):
        profile = replace(profile, server=None)
    return replace(profile, model=model, device=device, evidence=evidence)
