"""Which profile an offer gets, where several differ by the host that they are for."""

from dataclasses import replace
from functools import cache

from planner.domain.evidence import Provenance
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import learn
from planner.pipeline.asking.options import beside
from planner.pipeline.asking.question import ask
from planner.ports import Unobserved
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from tests.support.questions import document

CATALOG = Catalog.shipped()
# Published single threads, operations/s: 1,805.9 and 1,946.1; of the last none is known.
SLOW, FAST, STRANGE = "g4dn.xlarge", "g4dn.12xlarge", "Standard_NC4as_T4_v3"


@cache
def asked():
    """A small language model on a GPU that nobody loaded, rented in three ways."""
    base = document().model_dump(mode="json", exclude_unset=True)
    base["models"][0]["source"]["name"] = "smollm2-135m"
    base["workloads"][0] |= {
        "origin": "us-east-1",
        "payload": {"prompt_tokens": 100, "output_tokens": 100},
        "slo": {"percentile": 95, "ttft_ms": 2000, "tpot_ms": 100},
        "quality": None,
    }
    base["sites"] = [
        {"kind": "cloud", "provider": "aws", "regions": ["us-east-1"],
         "instance_types": [SLOW, FAST], "purchase": ["on_demand"]},
        {"kind": "cloud", "provider": "azure", "regions": ["eastus"],
         "instance_types": [STRANGE], "purchase": ["on_demand"]},
    ]  # fmt: skip
    base["policy"] = {"predict_unmeasured": True}
    spec = parse_spec(base, document="doc")
    known = learn(spec, CATALOG, {}, None, on_progress=Unobserved().profiling)
    return ask(spec, CATALOG, known, Capacities())


def first_loads():
    """TTFT and TPOT of the first load, and the host, by instance type."""
    found = {}
    for o in asked().behind.values():
        point = o.profile.points[0]
        told = (point.ttft_p50_s, point.tpot_p50_s, o.profile.host)
        key = (o.profile.prompt_tokens, o.profile.output_tokens)
        found.setdefault(o.place.offer.instance_type, {})[key] = told
    return found


def test_each_offer_is_predicted_beside_its_own_instance_type_or_beside_any():
    hosts = {
        name: {host for _, _, host in told.values()}
        for name, told in first_loads().items()
    }

    assert hosts == {SLOW: {f"aws {SLOW}"}, FAST: {f"aws {FAST}"}, STRANGE: {None}}


def test_a_faster_host_has_sooner_first_tokens_and_the_same_ones_after():
    slow, fast = first_loads()[SLOW], first_loads()[FAST]

    assert slow.keys() == fast.keys() != set()
    for shape, (ttft_s, tpot_s, _) in slow.items():
        assert fast[shape][0] < ttft_s
        assert fast[shape][1] == tpot_s


def test_where_the_host_is_known_the_times_are_surer_and_say_beside_which():
    by_host = {
        p.host: p.evidence
        for p in asked().knowledge.profiles["m"]
        if p.evidence.provenance is Provenance.PREDICTED
    }

    assert set(by_host) == {f"aws {SLOW}", f"aws {FAST}", None}
    assert by_host[f"aws {SLOW}"].error_frac < by_host[None].error_frac
    assert f"beside aws {SLOW}: PassMark" in by_host[f"aws {SLOW}"].source
    assert "beside" not in by_host[None].source


def test_a_provider_is_nearer_than_anywhere_and_other_hosts_are_none_of_its():
    offer = next(o.place.offer for o in asked().behind.values())
    (curve, *_) = asked().knowledge.profiles["m"]
    anywhere, provider, own, other = (
        replace(curve, host=h)
        for h in (
            None,
            offer.provider,
            f"{offer.provider} {offer.instance_type}",
            "gcp",
        )
    )

    assert beside([anywhere, other], offer) == [anywhere]
    assert beside([anywhere, provider, other], offer) == [provider]
    assert beside([provider, own, anywhere], offer) == [own]
    # Another shape of request is another matter.
    longer = replace(anywhere, output_tokens=curve.output_tokens + 1)
    assert beside([own, longer], offer) == [own, longer]
