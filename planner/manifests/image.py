"""The Dockerfile of the serving image: our server, and the user's model files.

The model's folder is a build context of its own (`--build-context model=FOLDER`), so
that nothing has to be copied beside the Dockerfile.
"""

from typing import Final

from planner.manifests.engines import SERVING_CONFIG, SERVING_IMAGE, is_served_here
from planner.manifests.layout import Layout
from planner.manifests.pods import UID
from planner.specs.serving import MODEL_DIRECTORY

PATH: Final = "serving-image/Dockerfile"
_BASE: Final = "python:3.11-slim-bookworm"


def render(layout: Layout) -> dict[str, str]:
    """The Dockerfile, if our server serves anything of the plan."""
    if not any(is_served_here(p) for p in layout.placed):
        return {}
    version = layout.plan.planner_version
    instructions = [
        f"FROM {_BASE}",
        "ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",
        f'RUN pip install --no-cache-dir "deployment-planner[serve]=={version}"',
        f"RUN useradd --uid {UID} --no-create-home --shell /usr/sbin/nologin planner",
        f"COPY --from=model . {MODEL_DIRECTORY}/",
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
            "It holds your model's code, so treat it as you treat the model. A replica",
            'answers `POST /` with `{"inputs": one example as nested lists}`, `GET',
            "/healthz`, and `GET /about` with the plan's decisions about it.",
        ]
    )
