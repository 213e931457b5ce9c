"""A checked document with one field changed: what `--set` and relaxations do."""

import json
from collections.abc import Mapping

import yaml

from planner.errors import Mistake, SpecMistakesError
from planner.specs.deployment import Deployment
from planner.specs.load import nearest, parse_spec


def with_values(spec: Deployment, changes: Mapping[str, object]) -> Deployment:
    """The document with each dotted path set to its value, checked anew.

    Raises:
        SpecMistakesError: A path that leads nowhere, or a value that does not fit.

    Example:
        ``with_values(spec, {"workloads.0.slo.latency_ms": 80})``
    """
    data = json.loads(spec.model_dump_json(exclude_unset=True))
    for path, value in changes.items():
        _set(data, path, value)
    return parse_spec(data, document=spec.name)


def parse_assignment(text: str) -> tuple[str, object]:
    """`path=value` of the command line; the value is read as YAML.

    Raises:
        SpecMistakesError: No equals sign, or a value that is not YAML.

    Example:
        >>> parse_assignment("workloads.0.slo.latency_ms=80")
        ('workloads.0.slo.latency_ms', 80)
    """
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise _mistake(text, "not of the form path=value", "name a field and its value")
    try:
        return path.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise _mistake(path, f"value {value!r} is not YAML", "quote it") from None


def _set(data: object, path: str, value: object) -> None:
    *parents, last = path.split(".")
    place = data
    for part in parents:
        place = _child(place, part, path)
    if isinstance(place, dict):
        place[last] = value
    elif isinstance(place, list) and last.isdecimal() and int(last) < len(place):
        place[int(last)] = value
    else:
        raise _nowhere(place, last, path)


def _child(place: object, part: str, path: str) -> object:
    if isinstance(place, dict):
        # A section that the document leaves to its defaults can still be set into.
        return place.setdefault(part, {})
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return place[int(part)]
    raise _nowhere(place, part, path)


def _nowhere(place: object, part: str, path: str) -> SpecMistakesError:
    if isinstance(place, list):
        return _mistake(
            path, f"no item '{part}'", f"items are numbered 0 to {len(place) - 1}"
        )
    near = nearest(part, [str(k) for k in place]) if isinstance(place, dict) else []
    return _mistake(path, f"'{part}' leads nowhere", f"near: {', '.join(near)}")


def _mistake(path: str, problem: str, way_out: str) -> SpecMistakesError:
    mistake = Mistake(path=path, problem=problem, way_out=way_out)
    return SpecMistakesError("--set", (mistake,))
