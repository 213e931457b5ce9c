"""From the nearest measured size of the same generation of processors (`planner.perf.sizes`)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from planner.domain.hardware import Device
from planner.domain.predictions import Prediction
from planner.domain.profiles import BatchProfile
from planner.domain.variants import Runtime
from planner.perf.sizes import Size, factor, factor_sigma, is_comparable
from planner.pipeline.asking.atlas import Setting, setting_of
from planner.pipeline.asking.unmeasured.rows import (
    Answer,
    server_elsewhere,
    stretched,
)
from planner.reference.catalog import Catalog
from planner.reference.devices import CPU_NAME

# TFLite takes one thread unless told otherwise, and the sweep does not say.
MAY_USE_ONE_THREAD: Final = frozenset({Runtime.TFLITE})


def from_sizes(
    profiles: Sequence[BatchProfile], device: Device, catalog: Catalog
) -> list[Answer]:
    """One prediction a setting, from the nearest measured size of the generation."""
    generation, there = _sized(device.name, catalog)
    if there is None:
        return []
    nearest: dict[Setting, tuple[BatchProfile, Size]] = {}
    for source in profiles:
        name, here = _sized(source.device, catalog)
        if here is None or source.device == device.name or name != generation:
            continue
        if not is_comparable(here, there):
            continue
        key = replace(setting_of(source), device=device.name)
        known = nearest.get(key)
        if known is None or _apart(here, there) < _apart(known[1], there):
            nearest[key] = (source, here)
    return [_told_by_size(s, here, there, device) for s, here in nearest.values()]


def _sized(device: str, catalog: Catalog) -> tuple[str, Size | None]:
    match, speed = CPU_NAME.fullmatch(device), catalog.images_per_s(device)
    if match is None or speed is None:
        return device, None
    return match["generation"], Size(vcpus=int(match["vcpus"]), images_per_s=speed[0])


def _apart(here: Size, there: Size) -> float:
    return abs(math.log(here.vcpus / there.vcpus))


def _told_by_size(
    source: BatchProfile, here: Size, there: Size, device: Device
) -> Prediction:
    all_cores = source.variant.runtime not in MAY_USE_ONE_THREAD
    change = factor(here, there, uses_all_cores=all_cores)
    threads = (
        "one thread alone"
        if not all_cores
        else f"{there.vcpus} instead of {here.vcpus} vCPUs"
    )
    # A large batch divides over cores as long matrix products do, a small one as an
    # image does: the factor's two ends hold both.
    return stretched(
        source,
        device,
        change=change,
        sigma=factor_sigma(change),
        # A request takes the server one thread, and that is the same here and there.
        server=server_elsewhere(source, ratio=1.0, sigma=0.0),
        rested_s=source.rested_s,
        stated_by=device.source,
        why=f"by published image rates of both sizes ({here.images_per_s:.4g} and "
        f"{there.images_per_s:.4g} images/s), and by {threads}",
    )
