"""Who reads what other programs, or this one elsewhere, have measured."""

from pathlib import Path
from typing import TYPE_CHECKING

from planner.wiring.facts import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.domain.profiles import Profile
    from planner.domain.variants import Variant
    from profilers.importers import About, Importer


def importers() -> "Mapping[str, Importer]":
    """Who reads other programs' measurements, by the format's name."""
    from profilers.importers import FORMATS  # noqa: PLC0415  # few commands import

    return FORMATS


def about_import(
    *,
    model: str,
    variant: "Variant",
    device: str,
    device_count: int,
    batch: int | None,
) -> "About":
    """What a file of another program does not say of itself, as of today."""
    from profilers.importers import About  # noqa: PLC0415  # few commands import

    return About(
        model=model,
        variant=variant,
        device=device,
        device_count=device_count,
        batch=batch,
        today=utc_now().date(),
    )


def exported_profiles(
    file: Path, *, device: str | None, model: str | None
) -> "tuple[Profile, ...]":
    """What `planner profile --export` wrote elsewhere.

    Raises:
        SpecFileError: It is no such file, or nobody says which device measured.
    """
    from profilers.importers import own  # noqa: PLC0415  # few commands import

    return own.read_all(file, device=device, model=model, today=utc_now().date())
