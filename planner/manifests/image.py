"""The Dockerfile of the serving image: our server, and the user's model files.

The model's folder is a build context of its own (`--build-context model=FOLDER`), so
that nothing has to be copied beside the Dockerfile.
"""

from typing import Final

from planner.manifests.engines import SERVING_CONFIG, SERVING_IMAGE, TURNS_DIRECTORY
from planner.manifests.layout import Layout
from planner.manifests.pods import UID
from planner.specs.serving import MODEL_DIRECTORY

PATH: Final = "serving-image/Dockerfile"
_BASE: Final = "python:3.11-slim-bookworm"
_TORCH_INDEX: Final = "https://download.pytorch.org/whl/cpu"


def render(layout: Layout) -> dict[str, str]:
    """The Dockerfile, if our server serves anything of the plan."""
    if not any(p.is_served_here for p in layout.placed):
        return {}
    version = layout.plan.planner_version
    needs = f"{MODEL_DIRECTORY}/requirements.txt"
    instructions = [
        f"FROM {_BASE}",
        "ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",
        f"RUN useradd --uid {UID} --no-create-home --shell /usr/sbin/nologin planner",
        # torch's own index has builds for processors alone, gigabytes smaller.
        "RUN --mount=type=bind,target=/context pip install --no-cache-dir \\",
        "    --find-links /context/wheels --extra-index-url " + _TORCH_INDEX + " \\",
        f'    "deployment-planner[serve]=={version}"',
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
            "",
            "The image holds your model's code, so treat it as you treat the model. A replica",
            'answers `POST /` with `{"inputs": one example as nested lists}`, `GET',
            "/healthz`, and `GET /about` with the plan's decisions about it. The example's",
            "bare bytes (`Content-Type: application/octet-stream`, type and shape as `/about`",
            "says) cost it a quarter of what JSON costs.",
        ]
    )
