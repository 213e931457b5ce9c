"""Where the user's own profiles, prices and imports are kept, across projects."""

import os
from pathlib import Path
from typing import Final

HOME_VARIABLE: Final = "PLANNER_HOME"


def home() -> Path:
    """The folder of all that is the user's own.

    `$PLANNER_HOME`, else `$XDG_DATA_HOME/deployment-planner`, else
    `~/.local/share/deployment-planner`.
    """
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "deployment-planner"


def store_path() -> Path:
    """The database of the user's own profiles."""
    return home() / "profiles.sqlite3"


def snapshot_path(provider: str) -> Path:
    """The user's own price snapshot of a provider."""
    return home() / "prices" / f"{provider}.json"


def imported_path() -> Path:
    """The folder of the profiles that the user imported."""
    return home() / "imported"
