"""A variant in a plan: which weights are zero is said where any are."""

import pytest

from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant
from planner.report.sentences import variant as told
from planner.specs.placements import PlanVariant


def pruned(pattern: SparsityPattern) -> Variant:
    return Variant(
        precision=Precision.FP32,
        runtime=Runtime.TORCH,
        sparsity_frac=0.5,
        sparsity_pattern=pattern,
    )


@pytest.mark.parametrize("pattern", SparsityPattern)
def test_a_pattern_is_written_and_read_back(pattern: SparsityPattern):
    stated = PlanVariant.of(pruned(pattern))

    again = PlanVariant.model_validate_json(stated.model_dump_json())

    assert stated.model_dump(mode="json")["sparsity_pattern"] == pattern.value
    assert again.variant() == pruned(pattern)


def test_two_patterns_of_one_share_are_two_variants_to_a_reader():
    words = {told(PlanVariant.of(pruned(p))) for p in SparsityPattern}

    assert words == {"fp32, 50 % sparse, on torch", "fp32, 2:4 sparse, on torch"}


def test_a_dense_variant_says_nothing_of_a_pattern():
    dense = Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME)

    stated = PlanVariant.of(dense)

    assert stated.model_dump(mode="json") == {
        "precision": "int8",
        "sparsity_frac": 0.0,
        "runtime": "onnxruntime",
    }
    assert stated.variant() == dense


def test_a_sparse_variant_without_a_pattern_is_read_as_unstructured():
    said = {"precision": "fp32", "sparsity_frac": 0.5, "runtime": "torch"}

    assert PlanVariant.model_validate(said).variant() == pruned(
        SparsityPattern.UNSTRUCTURED
    )
