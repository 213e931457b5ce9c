"""Under which key a result is stored: a hash of everything that it depends on.

A trial's: the model's content, variant, envelope, batch sizes, processor and runtime
versions. What a deployment was seen to do has that of the model's content, variant,
threads and the device that it ran on; what a request costs a server, that of the content
of the model whose requests they are, and of the server and where it ran.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter

from planner.domain.variants import Runtime, SparsityPattern, Variant
from profilers.encoding import canonical
from profilers.trials import LOCAL, Envelope, Trial, TrialKey

# What is counted on an evaluation set; a store that knows less of one measures it again.
GRADING_VERSION = 2

# Of the processors, where a container has not all of them: in an environment.
SHARE: Final = "processor_share"
# What nothing but a GPU's engine depends on: in an environment, too.
OF_GPUS: Final = ("accelerators", "driver")

_ENVELOPES = TypeAdapter(Envelope)


def trial_key(
    trial: Trial, *, identity: str, environment: Mapping[str, str]
) -> TrialKey:
    """The content hash of all that the trial's result depends on.

    `identity` is the content of the model; its name is not part of the key.
    """
    content: dict[str, object] = {
        "model": identity,
        "variant": _variant_content(trial.variant),
        "envelope": _envelope_content(trial.envelope),
        "batches": list(trial.batches),
        "environment": _felt(environment, trial),
    }
    if trial.fewer_points:
        content["fewer_points"] = True
    if trial.device != LOCAL:
        content["device"] = trial.device
    if trial.model.evaluation is not None:
        content["grading"] = GRADING_VERSION
    return TrialKey(hashlib.sha256(canonical(content).encode()).hexdigest())


def deployed_key(
    *, identity: str, variant: Variant, device: str, threads: int
) -> TrialKey:
    """The content hash of which deployment was measured.

    `identity` is the content of the model; its name is not part of the key.
    """
    content = {
        "deployed": identity,
        "variant": _variant_content(variant),
        "device": device,
        "threads": threads,
    }
    return TrialKey(hashlib.sha256(canonical(content).encode()).hexdigest())


def server_key(
    *, identity: str, server: str, environment: Mapping[str, str]
) -> TrialKey:
    """The content hash of which server's cost was measured, where, for whose requests.

    `identity` is the content of the model whose input the requests have.
    """
    content = {
        "served": identity,
        "server": server,
        "environment": dict(environment),
    }
    return TrialKey(hashlib.sha256(canonical(content).encode()).hexdigest())


def layers_key(*, identity: str, environment: Mapping[str, str]) -> TrialKey:
    """The content hash of whose layers were looked at, and with what."""
    content = {"layers": identity, "environment": dict(environment)}
    return TrialKey(hashlib.sha256(canonical(content).encode()).hexdigest())


def server_seen_key(*, identity: str, device: str) -> TrialKey:
    """The content hash of which deployment's server was seen, for whose requests."""
    content = {"served there": identity, "device": device}
    return TrialKey(hashlib.sha256(canonical(content).encode()).hexdigest())


def _felt(environment: Mapping[str, str], trial: Trial) -> dict[str, str]:
    """Without GPUs that it does not run on, and a share that its threads cannot use up."""
    n_threads = trial.envelope.threads * trial.envelope.replicas
    unfelt = {SHARE} if float(environment.get(SHARE, n_threads)) >= n_threads else set()
    if trial.variant.runtime is not Runtime.TORCH_CUDA:
        unfelt.update(OF_GPUS)
    return {k: v for k, v in environment.items() if k not in unfelt}


def _variant_content(variant: Variant) -> list[object]:
    """The pattern is named where it is not the usual one: older keys stay what they were."""
    content: list[object] = [variant.precision, variant.runtime, variant.sparsity_frac]
    if variant.sparsity_pattern is not SparsityPattern.UNSTRUCTURED:
        content.append(variant.sparsity_pattern)
    return content


def _envelope_content(envelope: Envelope) -> dict[str, object]:
    content: dict[str, object] = _ENVELOPES.dump_python(envelope, mode="json")
    # As before there could be others.
    usual = {"replicas": 1, "soak_s": 0.0, "heat_speed_frac": None}
    for name, value in usual.items():
        if content[name] == value:
            del content[name]
    return content
