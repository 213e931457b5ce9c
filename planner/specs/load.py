"""From a file to a checked document: every mistake at once, never a traceback."""

import datetime as dt
import difflib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from planner.errors import Mistake, SpecFileError, SpecMistakesError
from planner.specs.base import Spec
from planner.specs.by_request import HostedApi, Serverless
from planner.specs.deployment import Deployment
from planner.units import BYTES_PER_MIB

MAX_DOCUMENT_BYTES: Final = 4 * BYTES_PER_MIB
# A document of ours nests six deep and repeats nothing: aliases only serve bombs.
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 40
DOCUMENT_KINDS: Final = {"deployment", "plan", "simulation", "explanation", "front"}
# Words of `kind` fields: pydantic puts the chosen one into the place of a mistake.
KINDS: Final = frozenset(
    {"reference", "torch", "edge", "cloud", "constant", "hourly", "trace"}
    | {"hosted", "hosted_api", "serverless"}
    | {"diurnal", "weekly", "bursty", "launch"}
)

AnySpec = TypeVar("AnySpec", bound=Spec)


class _Refused(yaml.YAMLError):
    """Something YAML allows and a document of ours may not hold."""


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases, duplicate keys, or endless nesting."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._n_nodes = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML has no types
            mark = event.start_mark
            raise _Refused(f"line {mark.line + 1}: aliases (*name) are not accepted")
        self._n_nodes += 1
        self._depth += 1
        if self._n_nodes > MAX_NODES or self._depth > MAX_DEPTH:
            raise _Refused("the document is too deep or too large")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Any, Any]:
        seen = Counter(k.value for k, _ in node.value if isinstance(k.value, str))
        twice = [key for key, count in seen.items() if count > 1]
        if twice:
            line = node.start_mark.line + 1
            raise _Refused(f"line {line}: key '{twice[0]}' is given twice")
        return super().construct_mapping(node, deep=deep)


def load_spec(path: str | Path) -> Deployment:
    """The deployment document at `path`, checked.

    Raises:
        SpecFileError: Missing, empty, too large, not text, or not YAML.
        SpecMistakesError: All mistakes of the document.
    """
    file = Path(path)
    return parse_spec(read_document(file), document=str(path))


def read_document(file: Path) -> object:
    """The plain data in a YAML or JSON file.

    Raises:
        SpecFileError: Missing, empty, too large, not text, or not YAML.
    """
    text = _text(file)
    try:
        # ruff cannot see that _Loader is a SafeLoader.
        data = yaml.load(text, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        sentence = " ".join(str(error).split()) or "not YAML"
        raise SpecFileError(f"not readable as YAML: {sentence}", str(file)) from None
    if data is None:
        raise SpecFileError(
            "the file is empty; start from examples/storefront/spec.yaml", str(file)
        )
    return data


def _text(file: Path) -> str:
    try:
        size = file.stat().st_size
        if file.is_dir():
            raise SpecFileError("this is a folder; name the document in it", str(file))
        if size > MAX_DOCUMENT_BYTES:
            raise SpecFileError(
                f"{size / BYTES_PER_MIB:.1f} MiB is too large for a document "
                f"(limit {MAX_DOCUMENT_BYTES // BYTES_PER_MIB} MiB)",
                str(file),
            )
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecFileError("no such file", str(file)) from None
    except UnicodeDecodeError:
        raise SpecFileError("not a text file in UTF-8", str(file)) from None
    except OSError as error:
        raise SpecFileError(f"cannot be read: {error.strerror}", str(file)) from None
    except ValueError as error:
        raise SpecFileError(f"not a usable path: {error}", repr(str(file))) from None


def parse_spec(data: object, *, document: str) -> Deployment:
    """Plain data as a checked deployment.

    Raises:
        SpecMistakesError: All mistakes of the document.
    """
    spec = parse_document(data, Deployment, document=document)
    mistakes = tuple(_cross_references(spec))
    if mistakes:
        raise SpecMistakesError(document, mistakes)
    return spec


def parse_document(data: object, kind: type[AnySpec], *, document: str) -> AnySpec:
    """Plain data as a document of that kind, each field checked.

    Raises:
        SpecMistakesError: All mistakes of its fields.
    """
    if not isinstance(data, Mapping):
        mistake = Mistake(
            path="(document)",
            problem=f"expected keys and values, found {type(data).__name__}",
            way_out=f"start with 'kind: {_kind_word(kind)}'",
        )
        raise SpecMistakesError(document, (mistake,))
    if data.get("kind") in DOCUMENT_KINDS and "kind" in kind.model_fields:
        _require_kind(str(data["kind"]), _kind_word(kind), document)
    try:
        # JSON mode: lists become tuples and words become enums, nothing else bends.
        text = json.dumps(data, allow_nan=True, default=_date)
        return kind.model_validate_json(text)
    except ValidationError as error:
        found = tuple(_mistake(e) for e in _telling(error))
        raise SpecMistakesError(document, found) from None
    except (TypeError, ValueError) as error:
        mistake = Mistake(path="(document)", problem=f"not plain data: {error}")
        raise SpecMistakesError(document, (mistake,)) from None


def _date(value: object) -> str:
    """YAML reads 2026-11-24 as a date."""
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"holds {type(value).__name__}")


def _require_kind(found: str, wanted: str, document: str) -> None:
    """A document of another kind is one mistake, not one for each of its fields."""
    if found != wanted:
        mistake = Mistake(
            path="kind",
            problem=f"this is a document of kind '{found}'",
            way_out=f"give one of kind '{wanted}'",
        )
        raise SpecMistakesError(document, (mistake,))


def _kind_word(kind: type[Spec]) -> str:
    return str(get_args(kind.model_fields["kind"].annotation)[0])


def dotted(location: Iterable[str | int]) -> str:
    """A path in a document, as `--set` and messages write it.

    Example:
        >>> dotted(["workloads", 0, "slo", "latency_ms"])
        'workloads.0.slo.latency_ms'
    """
    return ".".join(str(part) for part in location) or "(document)"


def _telling(error: ValidationError) -> list[ErrorDetails]:
    """Errors without the 'too few items' that follow from a mistake in an item."""
    all_errors = error.errors(include_url=False)
    places = [e["loc"] for e in all_errors]
    return [
        e
        for e in all_errors
        if e["type"] != "too_short"
        or not any(p != e["loc"] and p[: len(e["loc"])] == e["loc"] for p in places)
    ]


def _mistake(error: ErrorDetails) -> Mistake:
    location = [p for p in error["loc"] if p not in KINDS]
    value = error.get("input")
    problem = error["msg"].removeprefix("Value error, ")
    if isinstance(value, str | int | float) and error["type"] != "extra_forbidden":
        problem = f"{problem}; found {str(value)[:60]!r}"
    way_out = ""
    if error["type"] == "extra_forbidden" and location:
        problem = "unknown key"
        near = nearest(str(location[-1]), _all_keys())
        way_out = f"did you mean {' or '.join(near)}?" if near else "remove it"
    return Mistake(path=dotted(location), problem=problem, way_out=way_out)


def _all_keys() -> list[str]:
    def walk(spec: type[Spec]) -> Iterable[str]:
        for child in spec.__subclasses__():
            yield from child.model_fields
            yield from walk(child)

    return sorted(set(walk(Spec)))


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """Up to three known names that look like `name`."""
    return difflib.get_close_matches(name, known, n=3, cutoff=0.5)


def _cross_references(spec: Deployment) -> Iterable[Mistake]:
    yield from _duplicates("models", [m.name for m in spec.models])
    yield from _duplicates("workloads", [w.name for w in spec.workloads])
    places = [s.name for s in spec.edge_sites()]
    places += [s.name for s in spec.hosted_apis()]
    yield from _duplicates("sites", [*places, *spec.regions()])
    models = [m.name for m in spec.models]
    origins = [s.name for s in spec.edge_sites()]
    origins += spec.regions()
    yield from _paid_by_request(spec, models)
    for i, w in enumerate(spec.workloads):
        if w.model not in models:
            yield _unknown(f"workloads.{i}.model", "model", w.model, models)
        if w.origin not in origins:
            yield _unknown(f"workloads.{i}.origin", "origin", w.origin, origins)
        elif w.offline_frac > 0:
            yield from _not_offline(f"workloads.{i}.offline_frac", spec, w.origin)
        if w.traffic.rise_frac is not None and spec.policy.demand_rises is None:
            yield Mistake(
                path=f"workloads.{i}.traffic.rise_frac",
                problem="nothing says how many workloads rise at once",
                way_out="give policy.demand_rises: {most_at_once: 1, rise_frac: 0}",
            )


def _not_offline(path: str, spec: Deployment, origin: str) -> Iterable[Mistake]:
    site = next((s for s in spec.edge_sites() if s.name == origin), None)
    if site is None:
        yield Mistake(
            path=path,
            problem=f"'{origin}' is a cloud region: no uplink leads out of it",
            way_out="leave it out, or let the workload begin at an edge site",
        )
    elif not any(d.stock for d in site.devices):
        yield Mistake(
            path=path,
            problem=f"site '{origin}' has no devices that could answer offline",
            way_out="give the site devices, or leave offline_frac out",
        )


def _paid_by_request(spec: Deployment, models: Sequence[str]) -> Iterable[Mistake]:
    """What is named within sites of hosted models and of functions, and by models."""
    for i, site in enumerate(spec.sites):
        if isinstance(site, HostedApi):
            for j, hosted in enumerate(site.models):
                if hosted.model not in models:
                    path = f"sites.{i}.models.{j}.model"
                    yield _unknown(path, "model", hosted.model, models)
            yield from _duplicates(f"sites.{i}.models", [m.serves for m in site.models])
        elif isinstance(site, Serverless):
            names = [f.name for f in site.functions]
            yield from _duplicates(f"sites.{i}.functions", names)
    served = {m.model for s in spec.hosted_apis() for m in s.models}
    for i, model in enumerate(spec.models):
        if model.source.kind == "hosted" and model.name not in served:
            yield Mistake(
                path=f"models.{i}.source",
                problem=f"no site of kind hosted_api serves '{model.name}'",
                way_out=f"name it under such a site's models, with model: {model.name}",
            )


def _unknown(path: str, what: str, name: str, known: Sequence[str]) -> Mistake:
    near = nearest(name, known) or list(known[:5])
    return Mistake(
        path=path,
        problem=f"unknown {what} '{name}'",
        way_out=f"known: {', '.join(near)}" if near else "",
    )


def _duplicates(where: str, names: Sequence[str]) -> Iterable[Mistake]:
    for name, count in Counter(names).items():
        if count > 1:
            yield Mistake(
                path=where,
                problem=f"name '{name}' is used {count} times",
                way_out="give each its own name",
            )
