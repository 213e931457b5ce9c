"""A home of its own for every test; one shared by those that really measure."""

import pytest


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """Nothing of the user's own is read or written."""
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    """Calibration of the emulators takes a minute: measured once a session."""
    return tmp_path_factory.mktemp("shared-home")


@pytest.fixture
def measuring_home(home, monkeypatch, shared_home):
    """The home of tests that profile models."""
    monkeypatch.setenv("PLANNER_HOME", str(shared_home))
    return shared_home
