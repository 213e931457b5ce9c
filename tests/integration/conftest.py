"""One Ray runtime for all tests of a file: starting one takes seconds."""

import logging

import pytest

from tests.support.profiling import SUPPORT


@pytest.fixture(scope="module")
def ray_runtime():
    """Two processors' worth of Ray on loopback."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    environment = pytest.MonkeyPatch()
    environment.setenv("RAY_AUTH_MODE", "disabled")
    # Nodes of a cluster import from places of their own.
    environment.setenv("PYTHONPATH", SUPPORT)
    environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=128 * 1024**2,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    yield ray
    ray.shutdown()
    environment.undo()
