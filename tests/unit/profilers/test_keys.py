"""A key says all that a figure depends on."""

from dataclasses import replace

from planner.domain.variants import Precision, Runtime
from profilers.keys import SHARE
from profilers.trials import Envelope, TrialKey
from tests.support.stored import TRIAL, key


def test_the_key_changes_with_all_that_a_figure_depends_on_and_with_nothing_else():
    renamed = replace(TRIAL, model=replace(TRIAL.model, name="other", weights=None))
    same = [
        key(),
        key(renamed),
        key(replace(TRIAL, timeout_s=1.0)),
        key(replace(TRIAL, curve=TrialKey("of which it tells a part"))),
    ]
    different = [
        key(identity="changed weights"),
        key(environment={"torch": "3"}),
        key(replace(TRIAL, batches=(1,))),
        key(replace(TRIAL, envelope=Envelope(threads=1, memory_bytes=2.0**31))),
        key(replace(TRIAL, envelope=Envelope(threads=2))),
        key(replace(TRIAL, variant=replace(TRIAL.variant, precision=Precision.BF16))),
        key(replace(TRIAL, variant=replace(TRIAL.variant, runtime=Runtime.TORCH))),
        key(replace(TRIAL, variant=replace(TRIAL.variant, sparsity_frac=0.5))),
    ]

    assert len(set(same)) == 1
    assert len({*same, *different}) == 1 + len(different)


def test_a_share_of_the_processors_counts_where_its_threads_could_use_it_up():
    one, two = (replace(TRIAL, envelope=Envelope(threads=n)) for n in (1, 2))
    here = {"torch": "2"}

    assert key(one, environment={**here, SHARE: "1.5"}) == key(one, environment=here)
    assert key(one, environment={**here, SHARE: "0.5"}) != key(one, environment=here)
    assert key(two, environment={**here, SHARE: "1.5"}) != key(two, environment=here)


def test_a_gpu_counts_for_what_runs_on_it():
    on_gpu = replace(TRIAL, variant=replace(TRIAL.variant, runtime=Runtime.TORCH_CUDA))
    here = {"torch": "2"}
    other = {**here, "accelerators": "NVIDIA L4", "driver": "595"}

    assert key(environment=other) == key(environment=here)
    assert key(on_gpu, environment=other) != key(on_gpu, environment=here)
