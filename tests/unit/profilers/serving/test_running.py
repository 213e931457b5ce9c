"""A config is ours or refused; Ray's settings are the user's where they set them."""

import os

import pytest

pytest.importorskip("ray.serve", reason="Ray Serve is not installed")

from planner.errors import SpecError, SpecFileError
from profilers.serving import running


@pytest.mark.parametrize(
    "text", ["applications: 5", "- a", "applications: [{name: a}]", "other: 1"]
)
def test_what_is_no_config_of_ray_serve_is_refused_by_name(tmp_path, text):
    file = tmp_path / "serve.yaml"
    file.write_text(text)

    with pytest.raises(SpecFileError, match=r"serve\.yaml"):
        running.read_config(file)


def test_an_application_of_another_server_is_refused_before_anything_starts():
    config = running.parse_config(
        {
            "applications": [
                {"name": "theirs", "route_prefix": "/", "import_path": "a.b:app"}
            ]
        },
        document="a test",
    )

    with pytest.raises(SpecError, match="'theirs' is not of this server"):
        running.bound(config.applications[0])


def test_a_setting_of_the_users_own_stays(monkeypatch):
    monkeypatch.setenv("RAY_SERVE_THROUGHPUT_OPTIMIZED", "0")
    # Set first, so that what start_lean sets is undone, too.
    monkeypatch.setenv("RAY_SERVE_ENABLE_DIRECT_INGRESS", "1")
    monkeypatch.delenv("RAY_SERVE_ENABLE_DIRECT_INGRESS")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    for name in ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    running.start_lean()

    assert os.environ["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "0"
    assert os.environ["RAY_SERVE_ENABLE_DIRECT_INGRESS"] == "0"
    assert os.environ["MALLOC_ARENA_MAX"] == "4"
    assert os.environ["MALLOC_MMAP_MAX_"] == "0"


@pytest.mark.parametrize("count", [2, None])
def test_without_a_proxy_nobody_would_choose_between_replicas(count):
    deployment = {"name": "ModelServer"} | ({"num_replicas": count} if count else {})
    config = running.parse_config(
        {
            "proxy_location": "Disabled",
            "applications": [
                {
                    "name": "ours",
                    "route_prefix": "/",
                    "import_path": running.IMPORT_PATH,
                    "deployments": [deployment],
                }
            ],
        },
        document="a test",
    )

    with pytest.raises(SpecError, match="set proxy_location: EveryNode for more"):
        running.deploy(config)
