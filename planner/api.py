"""The planner in Python: a document, a path, or a live torch module and a few numbers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from planner.domain.profiling import TorchModel, UserModel
from planner.errors import SpecError
from planner.pipeline.asking.own_models import own_models
from planner.pipeline.asking.traces import with_traces
from planner.pipeline.informing.study import Study
from planner.pipeline.recommend import DEFAULT_TIME_LIMIT_S
from planner.pipeline.recommend import recommend as decide
from planner.plan import Infeasible, Plan, answer_of
from planner.ports import Observer
from planner.specs.deployment import Deployment
from planner.specs.load import load_spec, parse_spec
from planner.specs.traces import Trace
from planner.wiring import recommending
from planner.wiring.facts import catalog
from planner.wiring.measuring import Executor

DEFAULT_REGIONS: Final = ("us-east-1",)


def recommend(
    spec: str | Path | Deployment | None = None,
    *,
    model: object | None = None,
    example_inputs: object | None = None,
    evaluation: Callable[[], object] | None = None,
    rate_rps: float | None = None,
    latency_p95_ms: float | None = None,
    budget_usd_per_month: float | None = None,
    minimum_accuracy_frac: float | None = None,
    request_kib: float = 0.0,
    response_kib: float = 0.0,
    regions: Sequence[str] = DEFAULT_REGIONS,
    executor: Executor = "local",
    address: str | None = None,
    workers: int | None = None,
    observer: Observer | None = None,
    time_limit_s: float = DEFAULT_TIME_LIMIT_S,
    simulate: bool = True,
    fewer_points: bool = False,
    profile_budget_usd: float | None = None,
    profile_months: float | None = None,
    as_device: str | None = None,
) -> Plan | Infeasible:
    """Where a deployment should run, as a plan or as the reasons why nothing fits.

    Either `spec` (a path or a checked document), or a live torch module as
    `model` with `example_inputs` (a tensor of shape (n, …)), `rate_rps` and
    `latency_p95_ms`; its requests then come from the first of the AWS
    `regions`, which are also where it may run. `evaluation` gives
    `(inputs, labels)` and is needed for `minimum_accuracy_frac`. What can be solved
    at once is, in `workers` processes, or on the Ray cluster at `address`.

    With `fewer_points` the model is timed only at the batch sizes that the plan hangs on
    (`answer.document.points`). With a `profile_budget_usd` it is weighed which measurements
    could change the answer, and which are worth their price within `profile_months` (1)
    (`answer.document.measuring`), or, where nothing fits, which could lead to a plan
    (`answer.document.fitting`). Nothing is rented; `as_device` declares which device of
    the catalogue this machine is, so that what is worth measuring on it is measured.

    Raises:
        SpecError: Arguments that do not belong together, or a wrong document.
        UnknownReferenceError: No such device as `as_device` in the catalogue.
        ProfilingError: The model cannot be measured here at all.
        SolverError: No verdict within `time_limit_s` seconds a solve.
    """
    if (spec is None) == (model is None):
        raise SpecError("recommend() takes either a spec or model=…, not both")
    traces: Mapping[str, Trace] = {}
    models: dict[str, UserModel]
    if model is not None:
        live = _live_document(
            model=model,
            rate_rps=rate_rps,
            latency_p95_ms=latency_p95_ms,
            budget_usd_per_month=budget_usd_per_month,
            minimum_accuracy_frac=minimum_accuracy_frac,
            request_kib=request_kib,
            response_kib=response_kib,
            regions=regions,
        )
        models = {"model": _live_model(model, example_inputs, evaluation)}
        document = live
    else:
        document, models, traces = _from_file(spec)
    facts = catalog()
    study = Study.asked(
        facts,
        budget_usd=profile_budget_usd,
        months=profile_months,
        as_device=as_device,
    )
    with recommending.world(
        facts,
        models,
        traces=traces,
        executor=executor,
        address=address,
        workers=workers,
        observer=observer,
        time_limit_s=time_limit_s,
        simulates=simulate,
        study=study,
        fewer_points=fewer_points,
    ) as world:
        return answer_of(decide(document, world))


def _from_file(
    spec: str | Path | Deployment | None,
) -> tuple[Deployment, dict[str, UserModel], Mapping[str, Trace]]:
    if spec is None:
        raise AssertionError("the caller saw to it that one of the two is given")
    if isinstance(spec, Deployment):
        document, folder = spec, Path.cwd()
    else:
        document, folder = load_spec(spec), Path(spec).resolve().parent
    read = with_traces(document, folder)
    return read.spec, own_models(read.spec, folder), read.traces


class _Constant:
    """A factory that gives one live object; a class, so that it crosses processes."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __call__(self) -> Any:  # noqa: ANN401  # whatever the user passed
        return self._value


def _live_model(
    model: object,
    example_inputs: object | None,
    evaluation: Callable[[], object] | None,
) -> TorchModel:
    if example_inputs is None and evaluation is None:
        raise SpecError("recommend(model=…) needs example_inputs=… or evaluation=…")
    if not callable(model):
        raise SpecError(
            f"recommend(model=…) takes a torch module, not {type(model).__name__}; a file "
            "or a folder is named in a spec"
        )
    return TorchModel(
        name="model",
        directory=Path.cwd(),
        factory=_Constant(model),
        evaluation=evaluation,
        inputs=None if example_inputs is None else _Constant(example_inputs),
    )


def _live_document(
    *,
    model: object,
    rate_rps: float | None,
    latency_p95_ms: float | None,
    budget_usd_per_month: float | None,
    minimum_accuracy_frac: float | None,
    request_kib: float,
    response_kib: float,
    regions: Sequence[str],
) -> Deployment:
    if rate_rps is None or latency_p95_ms is None:
        raise SpecError("recommend(model=…) needs rate_rps=… and latency_p95_ms=…")
    floor = {"minimum_frac": minimum_accuracy_frac}
    data = {
        "kind": "deployment",
        "version": 1,
        "name": type(model).__name__.lower(),
        "models": [
            {"name": "model", "source": {"kind": "torch", "factory": "live:model"}}
        ],
        "workloads": [
            {
                "name": "requests",
                "model": "model",
                "origin": regions[0] if regions else "",
                "traffic": {"kind": "constant", "rate_rps": rate_rps},
                "payload": {"request_kib": request_kib, "response_kib": response_kib},
                "slo": {"percentile": 95, "latency_ms": latency_p95_ms},
                "quality": None if minimum_accuracy_frac is None else floor,
            }
        ],
        "sites": [
            {
                "kind": "cloud",
                "provider": "aws",
                "regions": list(regions),
                "purchase": ["on_demand", "spot"],
            }
        ],
        "policy": {"budget_usd_per_month": budget_usd_per_month},
    }
    return parse_spec(data, document="recommend()")
