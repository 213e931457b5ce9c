"""Our own: the JSON of `planner profile --json`, from another machine.

What was measured there as "local" is taken to be the device that is named here; other
devices keep their names. Failures are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, Profile
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading
from profilers.profiles import LOCAL

about = "planner profile --json of another machine"
runtime: Runtime | None = None

_PROFILE = TypeAdapter(BatchProfile)


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The file's profiles of that model, variant and device.

    Raises:
        SpecFileError: It is no such file, or has no such profile.
    """
    document = reading.document(path)
    if reading.at(path, document, "kind") != "profiles":
        raise reading.wrong(path, "'kind' is not 'profiles'")
    listed = reading.at(path, document, "profiles")
    if not isinstance(listed, Sequence):
        raise reading.wrong(path, "'profiles' is not a list")
    every = [_profile(path, i, item) for i, item in enumerate(listed)]
    names = {p.model for p in every}
    if about.model not in names and len(names) > 1:
        raise reading.wrong(
            path, f"no model '{about.model}'; it has {', '.join(sorted(names))}"
        )
    found = [
        _imported(path, p, about)
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


def _profile(path: Path, i: int, item: object) -> BatchProfile:
    if not isinstance(item, Mapping):
        raise reading.wrong(path, f"profiles.{i} is not an object")
    try:
        return _PROFILE.validate_python(dict(item))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise reading.wrong(path, f"profiles.{i}.{where}: {first['msg']}") from None


def _imported(path: Path, profile: BatchProfile, about: reading.About) -> BatchProfile:
    if profile.evidence.provenance is Provenance.PREDICTED:
        raise reading.wrong(path, "a predicted profile is no measurement")
    return replace(
        profile,
        model=about.model,
        device=about.device,
        evidence=Evidence(
            provenance=Provenance.IMPORTED,
            source=f"{profile.evidence.source}, {path.name}",
            as_of=min(profile.evidence.as_of, about.today),
            error_frac=profile.evidence.error_frac,
            note=profile.evidence.note,
        ),
        artifact_sha256=profile.artifact_sha256,
    )
