"""What is only called: routes of a proxy, templates of functions, and the guide."""

from pathlib import Path

import pytest
import yaml

from planner.errors import ManifestError
from planner.manifests import check_manifests, render, write_manifests
from planner.specs.placements import FunctionTerms, HostedTerms
from planner.specs.plan import PlanBlock, PlanDocument
from tests.support.chat_plans import chat_plan

HOSTED = HostedTerms(
    serves="llama-8b-instant",
    usd_per_million_prompt_tokens=0.1,
    usd_per_million_output_tokens=0.2,
    usd_per_request=1e-5,
    most_requests_per_min=60.5,
    most_tokens_per_min=None,
)
FUNCTION = FunctionTerms(
    runs_like="graviton3-4vcpu",
    memory_gib=1.5,
    billed_ms=90.0,
    usd_per_gib_s=1e-5,
    usd_per_million_requests=0.2,
    usd_per_request=1e-6,
    cold_start_ms=9000.0,
    cold_start_frac=0.1,
    most_concurrent=100,
)


def machine(share_frac=1.0):
    """The chat's first placement, on machines."""
    (first, *_) = chat_plan().placements
    return first.model_copy(update={"share_frac": share_frac})


def called(terms, *, provider="vendor", name="llama-8b-instant", share_frac=0.25):
    return machine().model_copy(
        update={
            "by_request": terms,
            "provider": provider,
            "site": "somewhere",
            "instance_type": name,
            "machines": 0,
            "replicas": 0,
            "spare_machines": 0,
            "machines_on": (0,),
            "rates_rps": (0.5,),
            "share_frac": share_frac,
        }
    )


def plan(*placements) -> PlanDocument:
    blocks = (PlanBlock(name="always", h_per_month=730.0),)
    return chat_plan().model_copy(update={"placements": placements, "blocks": blocks})


def test_a_proxy_splits_the_traffic_as_planned():
    files = render(plan(machine(0.75), called(HOSTED)), "by-request")

    config = yaml.safe_load(files["by-request/litellm.yaml"])
    routes = [d["litellm_params"] for d in config["model_list"]]
    assert [r["weight"] for r in routes] == [0.25, 0.75]
    assert routes[0]["model"] == "vendor/llama-8b-instant"
    assert routes[0]["api_key"] == "os.environ/VENDOR_API_KEY"
    # Half a request is none.
    assert routes[0]["rpm"] == 60
    assert routes[1]["api_base"].startswith("os.environ/")
    assert {d["model_name"] for d in config["model_list"]} == {"assistant"}


def test_nothing_is_written_where_nothing_is_called():
    assert render(chat_plan(), "by-request") == {}


def test_a_function_has_its_memory_limit_and_time():
    files = render(plan(called(FUNCTION, provider="aws", name="f")), "by-request")

    (resource,) = yaml.safe_load(files["by-request/sam-aws-somewhere.yaml"])[
        "Resources"
    ].values()
    properties = resource["Properties"]
    assert properties["MemorySize"] == 1536
    assert properties["ReservedConcurrentExecutions"] == 100
    assert properties["Timeout"] >= 4 * 9


def test_no_pod_and_no_container_is_made_for_what_is_called(tmp_path: Path):
    write_manifests(plan(called(HOSTED)), tmp_path)

    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {"README.md", "index.json", "by-request/litellm.yaml"}
    guide = (tmp_path / "README.md").read_text()
    assert "called and paid by request" in guide
    assert "| 0.5 | 0 |" in guide


def test_functions_elsewhere_are_told_to_have_no_template(tmp_path: Path):
    write_manifests(plan(called(FUNCTION, provider="gcp", name="f")), tmp_path)

    assert not list(tmp_path.rglob("sam-*"))
    guide = (tmp_path / "README.md").read_text()
    assert (
        "No template is written for functions outside AWS: f (gcp-somewhere)" in guide
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("weight: 0.25", "weight: 0.5", "share_frac"),
        ("model: vendor/llama-8b-instant", "model: vendor/llama-70b", "instance_type"),
        ("model_name: ", "model_name: other-", "workload"),
    ],
)
def test_a_route_that_was_edited_is_noticed(tmp_path: Path, old, new, words):
    asked = plan(called(HOSTED))
    write_manifests(asked, tmp_path)
    file = tmp_path / "by-request" / "litellm.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))

    with pytest.raises(ManifestError, match=words):
        check_manifests(asked, tmp_path)


def test_machines_and_terms_at_once_are_refused():
    both = called(HOSTED).model_copy(update={"machines": 1, "replicas": 1})

    with pytest.raises(ManifestError, match="either machines or terms"):
        render(plan(both), "by-request")
