"""Mélange's files are read as they stand, and answered at least as well."""

import datetime as dt
import itertools
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.placement import NoPlan, Solution
from planner.errors import SpecFileError, SpecMistakesError
from planner.importers.melange import bought, placement_problem, read_melange
from planner.optimize.placement import place

TODAY = dt.date(2026, 7, 1)
# The shape of the example that Mélange's README gives, with a second GPU.
EXAMPLE = {
    "gpu_info": {
        "A10G": {"cost": 1.01, "tputs": [[2, 1], [5, 2]]},
        "A100-80GB": {"cost": 3.67, "tputs": [[20, 2], [50, 20]]},
    },
    "workload_distribution": [[0.25, 0.125], [0.375, 0.25]],
    "total_request_rate": 30.0,
    "slice_factor": 1,
}


def written(folder, document):
    path = folder / "melange.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def answer(folder, document):
    return place(placement_problem(read_melange(written(folder, document), today=TODAY)))  # fmt: skip


def test_the_cheapest_mix_of_two_gpus(tmp_path):
    found = answer(tmp_path, EXAMPLE)

    # By hand: bucket (1, 2) takes 3.75 A10G at 1.01 or 1.875 A100 at 3.67, so A10G; the
    # others take 0.975 A100 in all. Any mix costs at least 0.975 · 3.67 + 3.75 · 1.01
    # = 7.37 an hour; of whole ones, 1 and 4 at 7.71 is the next above it.
    assert isinstance(found, Solution)
    assert {b.gpu: b.count for b in bought(found)} == {"A100-80GB": 1, "A10G": 4}
    assert found.cost_usd_per_month == pytest.approx(730 * 7.71)


def test_the_words_of_the_readme_mean_the_same(tmp_path):
    gpus = [{"name": name, **gpu} for name, gpu in EXAMPLE["gpu_info"].items()]
    renamed = {k: v for k, v in EXAMPLE.items() if k != "total_request_rate"}
    other = {**renamed, "gpu_info": gpus, "overall_rate": 30.0}

    one = read_melange(written(tmp_path, EXAMPLE), today=TODAY).document
    assert read_melange(written(tmp_path, other), today=TODAY).document == one


def test_a_bucket_that_no_gpu_serves_leaves_no_plan(tmp_path):
    gpus = {"A10G": {"cost": 1.01, "tputs": [[2, 1], [5, 0]]}}

    assert isinstance(answer(tmp_path, {**EXAMPLE, "gpu_info": gpus}), NoPlan)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"workload_distribution": [[0.5, 0.125], [0.375, 0.25]]}, "add up to 1.25"),
        ({"workload_distribution": [[0.5], [0.25, 0.25]]}, "different lengths"),
        ({"workload_distribution": [[1.0]]}, "another shape"),
        ({"total_request_rate": 0}, "total_request_rate"),
        ({"gpu_info": {}}, "gpu_info"),
        ({"rate": 3}, "unknown key"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong(tmp_path, change, says):
    with pytest.raises(SpecMistakesError, match=says):
        read_melange(written(tmp_path, {**EXAMPLE, **change}), today=TODAY)


def test_a_list_is_no_configuration(tmp_path):
    with pytest.raises(SpecFileError, match="one JSON object"):
        read_melange(written(tmp_path, [1, 2]), today=TODAY)


def cheapest_slices(document):
    """Mélange's own answer on a small problem, by trying every assignment of slices."""
    factor, rate = document["slice_factor"], document["total_request_rate"]
    gpus = list(document["gpu_info"].values())
    slices = [
        (i, j, share * rate / factor)
        for i, row in enumerate(document["workload_distribution"])
        for j, share in enumerate(row)
        for _ in range(factor)
    ]
    best = math.inf
    for chosen in itertools.product(range(len(gpus)), repeat=len(slices)):
        loads = [0.0] * len(gpus)
        for g, (i, j, rps) in zip(chosen, slices, strict=True):
            loads[g] += rps / gpus[g]["tputs"][i][j]
        counts = [math.ceil(load - 1e-9) for load in loads]
        best = min(best, sum(n * g["cost"] for n, g in zip(counts, gpus, strict=True)))
    return best


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_no_assignment_of_slices_is_cheaper(tmp_path_factory, data):
    rates = st.integers(1, 40).map(float)
    parts = [data.draw(st.integers(1, 8)) for _ in range(4)]
    document = {
        "gpu_info": {
            f"g{g}": {
                "cost": data.draw(st.integers(1, 40)) / 10,
                "tputs": [[data.draw(rates), data.draw(rates)] for _ in range(2)],
            }
            for g in range(data.draw(st.integers(1, 3)))
        },
        "workload_distribution": [
            [p / sum(parts) for p in parts[:2]],
            [p / sum(parts) for p in parts[2:]],
        ],
        "total_request_rate": data.draw(st.integers(1, 60)) * 1.0,
        "slice_factor": data.draw(st.integers(1, 2)),
    }

    found = answer(tmp_path_factory.mktemp("melange"), document)

    assert isinstance(found, Solution)
    assert found.cost_usd_per_month <= 730 * cheapest_slices(document) * (1 + 1e-6)
