"""What is optional, and how a user gets it."""

import importlib.util

from planner.errors import MissingExtraError


def is_installed(package: str) -> bool:
    """Whether a package is there, without importing it."""
    return importlib.util.find_spec(package) is not None


def require(package: str, extra: str, needed_for: str) -> None:
    """Refuse where a package is not there.

    Raises:
        MissingExtraError: It is not installed; with the extra that brings it.
    """
    if not is_installed(package):
        raise MissingExtraError(package, extra, needed_for)
