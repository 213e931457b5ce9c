"""A running deployment, loaded and judged as its plan says, and what is kept of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from planner.errors import ManifestError, ModelLoadError
from planner.manifests.placed import OWN
from planner.wiring.extras import require
from planner.wiring.facts import utc_now
from planner.wiring.home import store_path
from planner.wiring.ways import emulated_way

if TYPE_CHECKING:
    from planner.domain.profiling import UserModel
    from planner.simulate.arrays import Floats
    from planner.specs.placements import PlanPlacement
    from planner.specs.plan import PlanDocument
    from profilers.verifying.arrivals import Timed
    from profilers.verifying.verify import Tried

# One of the plan's hours, all of them, or neither.
Hours = int | Literal["all"] | None


def try_out(
    plan: "PlanDocument",
    url: str,
    workload: str,
    *,
    site: str | None,
    length_s: float,
    rate_rps: float | None,
    hours: Hours = None,
    trace: Path | None = None,
    timeout_s: float | None,
    inputs: Path | None,
    served_model: str | None = None,
    emulates_network: bool = False,
    then_alone: bool = False,
    folders: Sequence[Path],
    on_stage: Callable[[str], None],
) -> "Tried":
    """Load a running deployment as the plan says, and judge it.

    Raises:
        SpecError: Arguments that do not fit the plan.
        ProfilingError: Nothing is there that could be measured.
        MissingExtraError: aiohttp is not installed.
    """
    require("aiohttp", "verify", "planner verify")
    from profilers.verifying.promise import promise_of  # noqa: PLC0415  # aiohttp
    from profilers.verifying.traffic import Traffic  # noqa: PLC0415
    from profilers.verifying.verify import verify  # noqa: PLC0415

    placement = promise_of(plan, workload, site=site).placement
    return verify(
        plan,
        url,
        workload,
        traffic=Traffic(
            length_s=length_s,
            rate_rps=rate_rps,
            timed=_timed(plan, placement, length_s=length_s, hours=hours, trace=trace),
            timeout_s=timeout_s,
            inputs=inputs,
            served_model=served_model,
            served_names=_served_names(plan, placement),
            model=_model_at_hand(plan, workload, folders),
            then_alone=then_alone,
        ),
        site=site,
        way=emulated_way(plan, placement) if emulates_network else None,
        now=utc_now,
        on_stage=on_stage,
    )


def _timed(
    plan: "PlanDocument",
    placement: "PlanPlacement",
    *,
    length_s: float,
    hours: Hours,
    trace: Path | None,
) -> "Timed | None":
    """Instants to send at; None: a steady stream."""
    from planner.pipeline.rehearsing import load_traffic  # noqa: PLC0415  # numpy
    from planner.specs.traces import read_trace  # noqa: PLC0415
    from profilers.verifying.arrivals import Timed  # noqa: PLC0415

    if trace is not None:
        found = load_traffic.trace_load(
            placement, read_trace(trace, placement.workload), length_s=length_s, seed=0
        )
    elif hours == "all":
        found = load_traffic.all_hours_load(plan, placement, length_s=length_s, seed=0)
    elif hours is not None:
        found = load_traffic.hour_load(
            plan, placement, hour=hours, length_s=length_s, seed=0
        )
    else:
        return None
    sent = found.arrivals
    return Timed(
        due_s=sent.at_s,
        length_s=sent.span_s,
        words=found.words,
        prompt_tokens=_whole(sent.prompt_tokens),
        output_tokens=_whole(sent.output_tokens),
    )


def _whole(counts: "Floats | None") -> list[int] | None:
    return None if counts is None else [max(round(c), 1) for c in counts.tolist()]


def _served_names(plan: "PlanDocument", placement: "PlanPlacement") -> tuple[str, ...]:
    """What the plan's manifests call the model of a placement where they serve it."""
    from planner.manifests.layout import lay_out  # noqa: PLC0415

    try:
        placed = lay_out(plan).placed
    except ManifestError:
        # A plan that cannot be written out was not deployed from its manifests.
        return ()
    return tuple(p.name for p in placed if p.placement == placement)


def keeping(
    plan: "PlanDocument",
    url: str,
    workload: str,
    *,
    site: str | None,
    folders: Sequence[Path],
    device: str | None,
) -> Callable[["Tried"], str]:
    """What will keep a verification as a profile and say what it kept.

    Raises:
        SpecError: The device must be named.
        ModelLoadError: The model's files, under whose content it is kept, are not here.
        MissingExtraError: aiohttp is not installed.
    """
    require("aiohttp", "verify", "planner verify")
    from profilers.store import ProfileStore  # noqa: PLC0415  # a plugin
    from profilers.verifying.keeping import device_of, keep  # noqa: PLC0415  # a plugin
    from profilers.verifying.promise import promise_of  # noqa: PLC0415  # a plugin

    planned = promise_of(plan, workload, site=site).placement.device
    runs_on = device_of(url, planned, named=device)
    model = _model_at_hand(plan, workload, folders)
    if model is None:
        raise ModelLoadError(
            "nothing could be stored: a profile is kept under its model's content, and "
            "the files are not here; name the spec's folder with --models"
        )
    kept = ProfileStore(store_path())
    return lambda tried: keep(tried, kept, model=model, device=runs_on)


def _model_at_hand(
    plan: "PlanDocument", workload: str, folders: Sequence[Path]
) -> "UserModel | None":
    """The workload's own model; None where it is a published one or its files elsewhere.

    Raises:
        ModelLoadError: The one folder that was named does not hold it.
    """
    from profilers.serving.folder import model_folder, user_model  # noqa: PLC0415  # a plugin

    names = {w.model for w in plan.workloads if w.name == workload}
    own = [m for m in plan.models if m.name in names and m.source in OWN]
    if not own:
        return None
    try:
        return user_model(own[0], model_folder(own[0], folders))
    except ModelLoadError:
        if len(folders) == 1:
            raise
        return None
