"""The Dockerfile of the serving image: our server, and the user's model files.

The model's folder is a build context of its own (`--build-context model=FOLDER`), so
that nothing has to be copied beside the Dockerfile.
"""

from typing import Final

from planner.domain.variants import Precision, Runtime
from planner.manifests.engines import SERVING_CONFIG, SERVING_IMAGE, TURNS_DIRECTORY
from planner.manifests.layout import Layout
from planner.manifests.placed import Placed
from planner.manifests.pods import UID
from planner.specs.placements import PlanVariant
from planner.specs.serving import MODEL_DIRECTORY

PATH: Final = "serving-image/Dockerfile"
_BASE: Final = "python:3.11-slim-bookworm"
_TORCH_INDEX: Final = "https://download.pytorch.org/whl/cpu"
_TORCH: Final = frozenset({Runtime.TORCH, Runtime.TORCH_COMPILE})
_WEIGHT_ONLY: Final = frozenset({Precision.INT8_WEIGHT_ONLY, Precision.INT4})
_INT8: Final = frozenset(
    {Precision.INT8, Precision.INT8_STATIC, Precision.INT8_DYNAMIC}
)


def extras(source: str, variant: PlanVariant) -> frozenset[str]:
    """Of this package's extras, those that a model of this source and variant loads by."""
    found = {"serve"}
    if source in {"huggingface", "sklearn"}:
        found.add(source)
    if variant.runtime is Runtime.OPENVINO:
        found.add("openvino")
    is_compiled_int8 = (
        variant.runtime is Runtime.TORCH_COMPILE and variant.precision in _INT8
    )
    is_packed = variant.runtime in _TORCH and variant.precision in _WEIGHT_ONLY
    if is_compiled_int8 or is_packed:
        found.add("quantize")
    return frozenset(found)


def render(layout: Layout) -> dict[str, str]:
    """The Dockerfile, if our server serves anything of the plan."""
    served = [p for p in layout.placed if p.is_served_here]
    if not served:
        return {}
    version = layout.plan.planner_version
    needs = f"{MODEL_DIRECTORY}/requirements.txt"
    named = sorted(
        {e for p in served for e in extras(p.model.source, p.placement.variant)}
    )
    instructions = [
        f"FROM {_BASE}",
        "ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",
        *_compiler(served),
        f"RUN useradd --uid {UID} --no-create-home --shell /usr/sbin/nologin planner",
        # torch's own index has builds for processors alone, gigabytes smaller.
        "RUN --mount=type=bind,target=/context pip install --no-cache-dir \\",
        "    --find-links /context/wheels --extra-index-url " + _TORCH_INDEX + " \\",
        f'    "deployment-planner[{",".join(named)}]=={version}"',
        # A volume that is mounted here for the first time belongs to whom the folder does.
        f"RUN install -d -o {UID} -g {UID} -m 0700 {TURNS_DIRECTORY}",
        f"COPY --from=model . {MODEL_DIRECTORY}/",
        f"RUN if [ -f {needs} ]; then pip install --no-cache-dir -r {needs}; fi",
        f"USER {UID}:{UID}",
        f"WORKDIR {MODEL_DIRECTORY}",
        "EXPOSE 8000",
        # Metrics of Ray and of the server, for Prometheus.
        "EXPOSE 8080",
        f'ENTRYPOINT ["python", "-m", "profilers.serving", "{SERVING_CONFIG}"]',
    ]
    return {PATH: "\n".join(instructions) + "\n"}


def _compiler(served: list[Placed]) -> list[str]:
    """What torch.compile builds with when a replica starts."""
    if not any(p.placement.variant.runtime is Runtime.TORCH_COMPILE for p in served):
        return []
    return [
        "RUN apt-get update && apt-get install -y --no-install-recommends g++ \\",
        "    && rm -rf /var/lib/apt/lists/*",
    ]


def guide(layout: Layout) -> str:
    """The image's part of the README."""
    if not render(layout):
        return ""
    return "\n".join(
        [
            "## The serving image",
            "",
            "Your own models run in one image. Build it with the folder of your spec as",
            "the context `model`, for every processor architecture that the plan uses:",
            "",
            "    docker buildx build --build-context model=FOLDER_OF_YOUR_SPEC \\",
            "      --platform linux/amd64,linux/arm64 \\",
            f"      -t YOUR_REGISTRY/{SERVING_IMAGE}:{layout.tag} --push serving-image",
            "",
            "It installs `deployment-planner` in the version that planned. If your package",
            "index does not have it, put a wheel of your clone beside the Dockerfile first:",
            "`pip wheel --no-deps -w serving-image/wheels PATH_OF_THE_CLONE`. What your",
            "model's code imports goes into a `requirements.txt` in the spec's folder.",
            *_trusted(layout),
            "",
            "The image holds your model's code, so treat it as you treat the model. A replica",
            'answers `POST /` with `{"inputs": one example as nested lists}`, `GET',
            "/healthz`, and `GET /about` with the plan's decisions about it. The example's",
            "bare bytes (`Content-Type: application/octet-stream`, type and shape as `/about`",
            "says) cost it a quarter of what JSON costs.",
        ]
    )


def _trusted(layout: Layout) -> list[str]:
    """What is loaded although it can run code, on whose word."""
    if not any(p.model.trust for p in layout.placed):
        return []
    return [
        "",
        "Loading an exported program (`.pt2`) can run code, which your spec's `trust: true`",
        "allows: a replica loads the very file that was planned with, and no other.",
    ]
