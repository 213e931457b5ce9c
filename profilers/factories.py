"""Find and call the functions that a user names as "module:callable".

The module is looked up under the user's directory first, and `sys.path` is as
before when the call returns. Modules of one directory are forgotten before the
next load, so that two models may both keep their code in a `model.py`.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from planner.errors import ModelLoadError
from profilers.foreign import told_as

# Names that an earlier load brought into `sys.modules` from a user's directory.
_brought_in: set[str] = set()


def call(
    factory: str | Callable[..., object], directory: Path, *arguments: object
) -> object:
    """What the user's function returns; most take no arguments.

    Raises:
        ModelLoadError: No such module or callable, or the code itself failed.
    """
    if not isinstance(factory, str):
        with told_as(ModelLoadError, f"calling {described(factory)}"):
            return factory(*arguments)
    module_name, _, name = factory.partition(":")
    with _importable(directory):
        found = _find(module_name, name, directory)
        with told_as(
            ModelLoadError,
            f"calling '{factory}' of {source_file(module_name, directory)}",
            way_out=f"it must run {_taking(arguments)}; try it in a Python shell",
        ):
            return found(*arguments)


def _taking(arguments: tuple[object, ...]) -> str:
    return "with the module alone" if arguments else "without arguments"


def described(factory: str | Callable[..., object]) -> str:
    """The factory's name for a message."""
    if isinstance(factory, str):
        return f"'{factory}'"
    return f"the live factory '{getattr(factory, '__qualname__', repr(factory))}'"


def source_file(module_name: str, directory: Path) -> Path:
    """Where a module of the user's directory is written.

    Raises:
        ModelLoadError: There is no such file.
    """
    stem = directory.joinpath(*module_name.split("."))
    for path in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    raise ModelLoadError(
        f"the factory's module '{module_name}' is not in {directory}: "
        f"put a file {module_name.replace('.', '/')}.py there, or correct the name"
    )


def _find(module_name: str, name: str, directory: Path) -> Callable[..., object]:
    path = source_file(module_name, directory)
    with told_as(
        ModelLoadError,
        f"importing {path}",
        way_out="the file must import on its own; check its packages",
    ):
        module = importlib.import_module(module_name)
    if Path(str(module.__file__)).resolve() != path.resolve():
        raise ModelLoadError(
            f"the name '{module_name}' already belongs to {module.__file__}: "
            f"rename {path} and the factory with it"
        )
    found = getattr(module, name, None)
    if not callable(found):
        raise ModelLoadError(
            f"{path} has no function '{name}': define it, or correct the factory"
        )
    return found  # type: ignore[no-any-return]  # what it returns is checked by callers


@contextmanager
def _importable(directory: Path) -> Iterator[None]:
    root = directory.resolve()
    for name in _brought_in:
        sys.modules.pop(name, None)
    _brought_in.clear()
    before = set(sys.modules)
    path_before = list(sys.path)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path_before
        _brought_in.update(
            name
            for name in set(sys.modules) - before
            if _lies_under(getattr(sys.modules[name], "__file__", None), root)
        )


def _lies_under(file: str | None, root: Path) -> bool:
    return file is not None and Path(file).resolve().is_relative_to(root)
