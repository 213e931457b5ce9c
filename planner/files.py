"""Files are written whole or not at all."""

import tempfile
from pathlib import Path

from planner.errors import SpecFileError


def write_text(
    path: Path, text: str, *, otherwise: str = "choose another place"
) -> Path:
    """Write UTF-8 text atomically, making the folders it needs; gives the path back.

    `otherwise` is the way out that an error names.

    Raises:
        SpecFileError: The place cannot be written.
    """
    # A name put in the place of a device or a pipe would take it from everybody.
    if path.exists() and not path.is_file():
        raise SpecFileError(
            f"cannot be written: it is there, and no file; {otherwise}", str(path)
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".", delete=False
        ) as draft:
            draft.write(text)
        # A temporary file is the user's alone; a document is for whoever may read here.
        Path(draft.name).chmod(0o644)
        Path(draft.name).replace(path)
    except OSError as error:
        raise SpecFileError(
            f"cannot be written: {error.strerror}; {otherwise}",
            str(path),
        ) from None
    return path
