"""The version, in one place: of the installed distribution."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("deployment-planner")
    except PackageNotFoundError:
        # Run from a source tree that was never installed.
        return "0.0.0+source"


VERSION: Final = _installed()
