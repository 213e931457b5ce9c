"""What is to be expected of a model on a device, by every way there is.

A figure that was measured or published for the device is never predicted over. Of two
predictions for one setting the one with the narrower band counts. Where no way leads
to the device, each says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from planner.domain.evidence import Provenance
from planner.domain.hardware import Device
from planner.domain.predictions import Foresight, Prediction, Refused
from planner.domain.profiles import BatchProfile, LoadCurve, Profile, TokenRates
from planner.domain.profiling import HERE
from planner.domain.variants import Precision, Runtime
from planner.pipeline.asking.atlas import Atlas
from planner.pipeline.asking.unmeasured.curves import from_curves
from planner.pipeline.asking.unmeasured.loads import HALVES
from planner.pipeline.asking.unmeasured.models import TIMING_REFERENCES, from_models
from planner.pipeline.asking.unmeasured.peaks import from_peaks
from planner.pipeline.asking.unmeasured.relatives import from_relatives
from planner.pipeline.asking.unmeasured.rows import Answer, usable
from planner.pipeline.asking.unmeasured.sizes import from_sizes
from planner.reference.catalog import Catalog


def foresee(
    model: str,
    profiles: Sequence[Profile],
    device: Device,
    *,
    atlas: Atlas,
    catalog: Catalog,
    hosts: Sequence[str | None] = (None,),
) -> Foresight:
    """Everything that can be said of one model on one device, from its profiles.

    `hosts` are instance types or providers that the device is rented from; None: any.
    """
    own = [
        p
        for p in profiles
        if p.device == device.name and p.evidence.provenance is not Provenance.PREDICTED
    ]
    answers = _answers(profiles, device, atlas, catalog, hosts)
    predicted = [a for a in answers if isinstance(a, Prediction)]
    told = {p.variant.precision for p in (*own, *(p.profile for p in predicted))}
    refused = [
        a.reason for a in answers if isinstance(a, Refused) and a.precision not in told
    ]
    if not own and not answers:
        refused = [_nowhere(model, profiles, device)]
    return Foresight(
        model=model,
        device=device.name,
        measured=tuple(own),
        predictions=_best(predicted, own),
        refusals=tuple(dict.fromkeys(refused)),
    )


def _nowhere(model: str, profiles: Sequence[Profile], device: Device) -> str:
    if profiles and all(isinstance(p, TokenRates) for p in profiles):
        return (
            f"{model}: what is known are token rates of single requests on other "
            f"devices, which are not carried over to {device.name}; measure it there"
        )
    way_in = "" if profiles else f", or {TIMING_REFERENCES}"
    return (
        f"{model}: no profile on another device, published or yours, leads to "
        f"{device.name}; measure it there, or import a measurement with planner import"
        f"{way_in}"
    )


def predicted_profiles(
    profiles: Sequence[Profile],
    hosts: Mapping[str, Sequence[str | None]],
    catalog: Catalog,
    references: Sequence[BatchProfile] = (),
) -> tuple[Profile, ...]:
    """Predicted profiles of a model, by its known ones, for devices that have none.

    `hosts` are those of each device on offer, `references` published models as they were
    timed on this machine. A device with any profile of the model is left alone.
    """
    measured = {p.device for p in profiles}
    missing = [catalog.device(name) for name in hosts if name not in measured]
    if not missing or not profiles:
        return ()
    atlas = Atlas.of(catalog, references)
    return tuple(
        prediction.profile
        for device in missing
        for prediction in foresee(
            profiles[0].model,
            profiles,
            device,
            atlas=atlas,
            catalog=catalog,
            hosts=hosts[device.name],
        ).predictions
    )


def in_precision(
    profiles: Iterable[Profile], precision: Precision | None
) -> tuple[Profile, ...]:
    """The profiles of that precision, which alone lead to others of it; None: of any."""
    return tuple(p for p in profiles if precision in (None, p.variant.precision))


def on_runtime(found: Foresight, runtime: Runtime | None) -> Foresight:
    """What of it holds on that runtime, whichever it was learned from; None: on any."""
    if runtime is None:
        return found
    measured = tuple(p for p in found.measured if p.variant.runtime is runtime)
    predictions = tuple(
        p for p in found.predictions if p.profile.variant.runtime is runtime
    )
    refusals = found.refusals
    if not measured and not predictions:
        every = (*found.measured, *(p.profile for p in found.predictions))
        others = dict.fromkeys(p.variant.runtime for p in every)
        if others:
            reason = (
                f"{found.model} on {found.device}: nothing leads to a time on {runtime} "
                f"there; what is known or predicted is on {', '.join(others)}: choose "
                "that, or leave out --runtime"
            )
            refusals = (reason,)
    return replace(found, measured=measured, predictions=predictions, refusals=refusals)


def _answers(
    profiles: Sequence[Profile],
    device: Device,
    atlas: Atlas,
    catalog: Catalog,
    hosts: Sequence[str | None],
) -> list[Answer]:
    batches = usable(profiles)
    # Of this machine nobody states the cores or the peaks.
    elsewhere = [p for p in batches if p.device != HERE]
    curves = [p for p in profiles if isinstance(p, LoadCurve)]
    return [
        *from_models(batches, device, atlas),
        *from_sizes(elsewhere, device, catalog),
        *from_relatives(elsewhere, device),
        *from_peaks(elsewhere, device, atlas, catalog),
        *from_curves(curves, device, atlas, catalog, hosts=hosts),
    ]


def _best(
    predicted: Iterable[Prediction], own: Sequence[Profile]
) -> tuple[Prediction, ...]:
    taken = {_setting(p) for p in own}
    best: dict[object, Prediction] = {}
    for prediction in predicted:
        key = _setting(prediction.profile)
        known = best.get(key)
        if key not in taken and (known is None or _band(prediction) < _band(known)):
            best[key] = prediction
    return tuple(best.values())


def _setting(profile: Profile) -> object:
    """What two profiles of one model and device compete in."""
    if isinstance(profile, BatchProfile):
        return profile.variant
    if isinstance(profile, LoadCurve):
        variant = profile.variant
        is_half = variant.precision in HALVES
        return (
            # To a prediction both halves are the same two bytes a number.
            replace(variant, precision=Precision.BF16) if is_half else variant,
            profile.prompt_tokens,
            profile.output_tokens,
            profile.device_count,
            profile.host,
        )
    return profile.variant, profile.device_count


def _band(prediction: Prediction) -> float:
    return prediction.profile.evidence.error_frac
