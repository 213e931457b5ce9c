"""What is paid by request: nothing runs, but somebody must call it, as planned.

Hosted models get one LiteLLM proxy config (`simple-shuffle`: by weights); where a
workload is split, its machines stand in it too, at an address of the user's. Functions
on AWS get a SAM template each region; its image is the user's to build. Rates that
change with the hours cannot be told to either: the guide tells them.
"""

import hashlib
import math
from dataclasses import replace
from typing import Any, Final

from planner.manifests.documents import litellm, sam
from planner.manifests.layout import Layout
from planner.manifests.names import variable
from planner.manifests.placed import MIB_PER_GIB, Placed
from planner.manifests.said import Said, noted, planned, read_said
from planner.manifests.target import Files, Target
from planner.manifests.yaml_text import dump, parse
from planner.specs.placements import FunctionTerms, HostedTerms

PROXY: Final = "by-request/litellm.yaml"
# Functions are given this many times their slowest planned time before they are cut.
TIMEOUT_FACTOR: Final = 4
LEAST_TIMEOUT_S: Final = 3
MOST_TIMEOUT_S: Final = 900
MS_PER_S: Final = 1000


def _hosted(layout: Layout) -> list[Placed]:
    return [p for p in layout.called if isinstance(p.placement.by_request, HostedTerms)]


def _functions(layout: Layout) -> dict[str, list[tuple[Placed, FunctionTerms]]]:
    """Functions that a template can be written for, by its path."""
    found: dict[str, list[tuple[Placed, FunctionTerms]]] = {}
    for p in layout.called:
        terms = p.placement.by_request
        if isinstance(terms, FunctionTerms) and p.placement.provider == "aws":
            path = f"by-request/sam-{p.place}.yaml"
            found.setdefault(path, []).append((p, terms))
    return found


def _beside(layout: Layout) -> list[Placed]:
    """Machines that serve a part of a workload whose rest is sent to a hosted model."""
    split = {p.placement.workload for p in _hosted(layout)}
    return [p for p in layout.placed if p.placement.workload in split]


def _render(layout: Layout) -> Files:
    files = {}
    proxied = [*_hosted(layout), *_beside(layout)]
    if _hosted(layout):
        config = litellm.ProxyConfig(
            model_list=[_deployment(p) for p in proxied],
            router_settings=litellm.RouterSettings(),
        )
        files[PROXY] = dump(config)
    for path, functions in _functions(layout).items():
        files[path] = dump(_template(layout, functions))
    return files


def _deployment(p: Placed) -> litellm.Deployment:
    placement, terms = p.placement, p.placement.by_request
    if isinstance(terms, HostedTerms):
        whom = f"{placement.provider}/{terms.serves}"
        limits = (terms.most_requests_per_min, terms.most_tokens_per_min)
        base = None
        key = variable(placement.provider, "API_KEY")
    else:
        # Our engines speak OpenAI's protocol.
        whom, limits = f"openai/{placement.model}", (None, None)
        base = f"os.environ/{variable(_id(p), 'URL')}"
        key = variable(_id(p), "API_KEY")
    rpm, tpm = (None if most is None else math.floor(most) for most in limits)
    return litellm.Deployment(
        model_name=placement.workload,
        litellm_params=litellm.Parameters(
            model=whom,
            api_base=base,
            api_key=f"os.environ/{key}",
            rpm=rpm,
            tpm=tpm,
            weight=placement.share_frac,
        ),
        model_info=litellm.ModelInfo(id=_id(p), metadata=noted(p)),
    )


def _id(p: Placed) -> str:
    return f"{p.place}-{p.name}"


def _template(
    layout: Layout, functions: list[tuple[Placed, FunctionTerms]]
) -> sam.Template:
    return sam.Template(
        description=f"{layout.plan.name}: what is paid by request (plan {layout.tag})",
        parameters={
            f"{_logical(p)}Image": sam.Parameter(
                description=f"The image of {p.placement.model}, in this region's ECR"
            )
            for p, _ in functions
        },
        resources={_logical(p): _function(p, terms) for p, terms in functions},
    )


def _logical(p: Placed) -> str:
    """CloudFormation's names are letters and digits; the digest keeps them apart."""
    words = "".join(part.capitalize() for part in p.name.split("-"))
    return f"{words}X{hashlib.sha256(p.name.encode()).hexdigest()[:6]}"


def _function(p: Placed, terms: FunctionTerms) -> sam.Function:
    slowest_s = (p.placement.predicted.p99_ms or 0.0) + terms.cold_start_ms
    timeout_s = math.ceil(TIMEOUT_FACTOR * slowest_s / MS_PER_S)
    return sam.Function(
        metadata=noted(p),
        properties=sam.FunctionProperties(
            image_uri=sam.Reference(ref=f"{_logical(p)}Image"),
            memory_size=_memory_mib(terms),
            timeout=min(max(timeout_s, LEAST_TIMEOUT_S), MOST_TIMEOUT_S),
            reserved_concurrent_executions=terms.most_concurrent,
        ),
    )


def _memory_mib(terms: FunctionTerms) -> int:
    return round(terms.memory_gib * MIB_PER_GIB)


def _expected(layout: Layout) -> list[Said]:
    proxied = [*_hosted(layout), *_beside(layout)] if _hosted(layout) else []
    found = [_named(p, PROXY, _id(p)) for p in proxied]
    for path, functions in _functions(layout).items():
        found += [_named(p, path, _logical(p)) for p, _ in functions]
    return found


def _named(p: Placed, path: str, name: str) -> Said:
    return replace(planned(p, path=path), name=name)


def _read_back(files: Files) -> list[Said]:
    said: list[Said] = []
    for path, text in files.items():
        if path == PROXY:
            for d in parse(litellm.ProxyConfig, text, path=path).model_list:
                acted: dict[str, Any] = {
                    "workload": d.model_name,
                    "share_frac": d.litellm_params.weight,
                }
                if d.litellm_params.api_base is None:
                    acted["instance_type"] = d.litellm_params.model.partition("/")[2]
                info = d.model_info
                said += read_said(info.metadata, acted, path=path, name=info.id)
        else:
            template = parse(sam.Template, text, path=path)
            for name, function in template.resources.items():
                said += read_said(function.metadata, {}, path=path, name=name)
    return said


def _faults(files: Files) -> list[str]:
    found = []
    for path, text in files.items():
        if path == PROXY:
            continue
        template = parse(sam.Template, text, path=path)
        for name, function in template.resources.items():
            image = function.properties.image_uri.ref
            if image not in template.parameters:
                found.append(f"{path}: {name}: no parameter {image}")
    return found


def _guide(layout: Layout) -> str:
    if not layout.called:
        return ""
    lines = [
        "## Paid by request",
        "",
        "Nothing of yours runs for these: they are called, and billed for each request.",
        "What is planned to go where, in requests/s:",
        "",
        "| workload | called | hours (UTC) | by request | on machines |",
        "|---|---|---|---|---|",
    ]
    lines += [line for p in layout.called for line in _hours(layout, p)]
    if _hosted(layout):
        lines += [
            "",
            f"Hosted models: `{PROXY}` is a config of the LiteLLM proxy, which asks for each",
            "workload's name as the model's. Set the keys (and the addresses of your own",
            f"machines) that it names, then `litellm --config {PROXY}`. Its weights are the",
            "month's shares: where the table changes with the hours, change them too.",
            "The vendor's prefix is the plan's provider: see that LiteLLM knows it so.",
        ]
    for path in _functions(layout):
        lines += [
            "",
            f"Functions: `sam deploy --guided --template-file {path}`. The images are",
            "yours to build: a handler of AWS Lambda's runtime interface around the model.",
        ]
    others = [p for p in layout.called if _is_elsewhere(p)]
    if others:
        names = ", ".join(f"{p.placement.instance_type} ({p.place})" for p in others)
        lines += ["", f"No template is written for functions outside AWS: {names}."]
    return "\n".join(lines)


def _is_elsewhere(p: Placed) -> bool:
    is_function = isinstance(p.placement.by_request, FunctionTerms)
    return is_function and p.placement.provider != "aws"


def _hours(layout: Layout, p: Placed) -> list[str]:
    mine = [q for q in layout.placed if q.placement.workload == p.placement.workload]
    rows = []
    for t, block in enumerate(layout.plan.blocks):
        called = p.placement.rates_rps[t]
        elsewhere = sum(q.placement.rates_rps[t] for q in mine)
        if called or elsewhere:
            rows.append(
                f"| {p.name} | {p.placement.instance_type} at {p.place} | {block.name} | "
                f"{called:.4g} | {elsewhere:.4g} |"
            )
    return rows


TARGET = Target(
    name="by-request",
    render=_render,
    expected=_expected,
    read_back=_read_back,
    faults=_faults,
    guide=_guide,
)
