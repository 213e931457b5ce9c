"""Prompt and answer of a causal model apart; its cache; its experts."""

import datetime as dt
import json
import time
from itertools import count

import pytest
import torch

from planner.domain.profiles import TokenRates
from planner.domain.profiling import FileFormat, ModelFile
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfilingError
from profilers.language import experts, tokens
from profilers.measuring.measure import SamplingRule
from profilers.models import load_model
from profilers.profiles import measured_profile
from profilers.trials import Envelope, Trial
from profilers.variants import export_variant
from tests.support import networks

pytestmark = pytest.mark.slow

QUICK = SamplingRule(
    min_samples=6, max_point_s=0.05, min_window_s=0.0, warm_up_s=0.0, n_retries=0
)
NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


def of(folder, contexts=(8, 32), **more):
    return ModelFile(
        name="net",
        directory=folder.parent,
        format=FileFormat.HUGGINGFACE,
        path=folder,
        sequence_tokens=16,
        context_tokens=contexts,
        **more,
    )


def measured(
    folder,
    precision=Precision.FP32,
    evaluation_text=None,
    clock=time.perf_counter,
    **envelope,
):
    trial = Trial(
        model=of(folder, evaluation_text=evaluation_text),
        variant=Variant(precision=precision, runtime=Runtime.TORCH),
        envelope=Envelope(**envelope),
        batches=(2, 16),
    )
    model = load_model(trial.model)
    artifact = export_variant(model, trial.variant, folder)
    found = tokens.measured(
        trial,
        model,
        artifact,
        0.0,
        clock=clock,
        now=lambda: NOW,
        rule=QUICK,
    )
    return trial, found


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return networks.decoder(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture(scope="module")
def grid(llama):
    return measured(llama)


def test_every_batch_that_is_not_too_large_meets_every_context(grid):
    _, found = grid

    assert [(p.batch, p.context_tokens) for p in found.tokens] == [
        (1, 8),
        (1, 32),
        (2, 8),
        (2, 32),
    ]
    assert all(p.prefill_s > 0 and p.step_s > 0 for p in found.tokens)
    assert [p.uncached_step_s is None for p in found.tokens] == [
        False,
        False,
        True,
        True,
    ]


def test_the_cache_of_a_token_has_the_size_that_the_configuration_gives(grid):
    _, found = grid

    assert found.memory_parts.kv_bytes_per_token == networks.DECODER_KV_BYTES


def test_half_the_precision_is_half_the_cache(llama):
    _, found = measured(llama, Precision.BF16)

    assert found.memory_parts.kv_bytes_per_token == networks.DECODER_KV_BYTES / 2


def test_a_step_sees_the_context_and_leaves_the_cache_as_it_was(llama):
    model = load_model(of(llama))
    inner = model.module.inner
    with torch.inference_mode():
        place = tokens._place(2, 8, model.example, inner)
        next_words = place.prompts[:, -1:]
        cached = inner(next_words, cache=place.cache, use_cache=True).logits
        place.cache.crop(-1)
        tokens._step(inner, place)
        again = inner(next_words, cache=place.cache, use_cache=True).logits
        whole = inner(torch.cat([place.prompts, next_words], dim=1)).logits[:, -1:]

    torch.testing.assert_close(cached, whole)
    torch.testing.assert_close(again, whole)


def test_it_becomes_two_token_rates_of_the_slowest_context(grid):
    trial, found = grid

    profile = measured_profile(found, trial)

    assert isinstance(profile, TokenRates)
    alone = [p for p in found.tokens if p.batch == 1]
    assert profile.output_tokens_per_s == min(1 / p.step_s for p in alone)
    assert profile.prompt_tokens_per_s == min(
        p.context_tokens / p.prefill_s for p in alone
    )
    assert profile.grid == found.tokens
    assert profile.artifact_sha256 == found.artifact_sha256


def test_a_precision_is_graded_on_the_users_documents_beside_fp32(llama, tmp_path):
    random = torch.Generator().manual_seed(1)
    texts = torch.randint(0, 64, (10, 24), generator=random).tolist()
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(json.dumps({"tokens": t}) for t in texts))

    given, packed = (
        measured(llama, precision=p, evaluation_text=path)[1]
        for p in (Precision.FP32, Precision.INT4)
    )

    assert given.quality.metric == "token_likelihood"
    assert given.quality.n_samples == 10 * 23
    assert given.quality.drop.n_flips == 0
    assert given.quality.drop.high_frac == 0
    assert packed.quality.drop.n_flips > 0
    assert packed.quality.drop.drop_frac == pytest.approx(
        1 - packed.quality.value_frac / given.quality.value_frac
    )
    assert not any("not graded" in w for w in packed.warnings)


def test_without_documents_it_is_said_that_nothing_is_graded(grid):
    found = grid[1]

    assert found.quality is None
    assert any("evaluation_text" in w for w in found.warnings)


@pytest.mark.parametrize("runtime", [Runtime.OPENVINO, Runtime.TORCH_COMPILE])
def test_what_has_no_cache_to_hold_is_refused(llama, tmp_path, runtime):
    variant = Variant(precision=Precision.INT8_STATIC, runtime=runtime)

    with pytest.raises(
        ProfilingError, match=rf"on torch alone, .*{runtime} is not offered"
    ):
        export_variant(load_model(of(llama)), variant, tmp_path)


def test_static_int8_advises_only_what_a_language_model_can_take(llama):
    with pytest.raises(ProfilingError, match="int8-dynamic needs no tracing") as told:
        measured(llama, Precision.INT8_STATIC)

    assert not any(runtime in str(told.value) for runtime in ("onnx", "openvino"))


def test_replicas_of_a_language_model_are_measured_one_by_one(llama):
    with pytest.raises(ProfilingError, match="one replica at a time"):
        measured(llama, replicas=2)


def test_experts_are_counted_held_and_weighed(tmp_path):
    model = load_model(of(networks.mixture(tmp_path / "mixtral")))
    inner = model.module.inner
    with torch.inference_mode():
        use = experts.use_of(inner, model.example)

    of_experts = 2 * networks.N_EXPERTS * networks.EXPERT_PARAMETERS
    assert use.total_parameters == sum(p.numel() for p in inner.parameters())
    assert use.active_parameters == use.total_parameters - 3 * of_experts // 4
    assert use.experts_bytes == 4 * of_experts
    assert 1 <= use.imbalance_ratio <= networks.N_EXPERTS / networks.N_CHOSEN
    assert 0 < use.touched_frac <= 1


def test_a_router_that_sends_everything_to_one_expert_is_seen(tmp_path):
    model = load_model(of(networks.mixture(tmp_path / "mixtral")))
    inner = model.module.inner
    with torch.inference_mode():
        for layer in inner.model.layers:
            layer.mlp.gate.weight.zero_()
        use = experts.use_of(inner, model.example)

    assert use.imbalance_ratio == networks.N_EXPERTS / networks.N_CHOSEN
    assert use.touched_frac == networks.N_CHOSEN / networks.N_EXPERTS


def test_a_model_without_experts_has_none_to_use(llama):
    model = load_model(of(llama))

    with torch.inference_mode():
        assert experts.use_of(model.module.inner, model.example) is None


def test_a_language_model_is_kept_busy_first_where_that_is_asked(llama):
    asked = {soak_s: count(step=0.01) for soak_s in (0.0, 5.0)}

    for soak_s, clock in asked.items():
        measured(llama, clock=clock.__next__, soak_s=soak_s)

    least_s, soaked_s = map(next, asked.values())
    assert least_s < 5.0 < soaked_s
