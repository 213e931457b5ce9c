"""A language model of the user's own: `planner serve` streams it, `planner verify` passes it."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from planner.cli.app import main
from planner.domain.variants import Precision, Runtime, Variant
from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanModel, PlanSlo
from planner.specs.serving import served_model
from profilers.models import load_model
from profilers.variants import export_variant
from tests.support import networks
from tests.support.chat_plans import chat_plan
from tests.support.listening import planner_serving

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PROMPT_TOKENS, OUTPUT_TOKENS = 48, 16
PROMPT = [1_000 + 7 * i for i in range(PROMPT_TOKENS)]
MODEL = PlanModel(
    name="talker",
    source="huggingface",
    file="talker",
    sequence_tokens=64,
    context_tokens=(32,),
)


def profiled_sha256(folder: Path) -> str:
    """The digest of what profiling makes of the model."""
    model = served_model(MODEL, directory=str(folder)).user_model()
    (folder / "profiled").mkdir()
    variant = Variant(precision=Precision.FP32, runtime=Runtime.TORCH)
    return export_variant(load_model(model), variant, folder / "profiled").sha256


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec's folder: a model, and a plan that runs it on torch."""
    folder = tmp_path_factory.mktemp("spec")
    networks.talker(folder / "talker")
    plan = chat_plan()
    placement = plan.placements[0].model_copy(
        update={
            "model": "talker",
            "variant": PlanVariant(
                precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
            ),
            "machines": 1,
            "replicas": 1,
            "max_batch": 1,
            "max_wait_ms": 0.0,
            "threads": 1,
            "share_frac": 1.0,
            "artifact_sha256": profiled_sha256(folder),
        }
    )
    # A promise that a busy machine of two processors keeps: this is no test of speed.
    workload = plan.workloads[0].model_copy(
        update={
            "model": "talker",
            "prompt_tokens": PROMPT_TOKENS,
            "output_tokens": OUTPUT_TOKENS,
            "slo": PlanSlo(percentile=90.0, ttft_ms=5000.0, tpot_ms=1000.0),
        }
    )
    plan = plan.model_copy(
        update={
            "placements": (placement,),
            "workloads": (workload,),
            "models": (MODEL,),
        }
    )
    (folder / "plan.json").write_text(plan.model_dump_json(by_alias=True))
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    with planner_serving(folder) as (url, _):
        yield url


def complete(url: str, **fields: Any) -> bytes:
    body = {
        "model": "talker",
        "prompt": PROMPT,
        "max_tokens": OUTPUT_TOKENS,
        "temperature": 0,
        "ignore_eos": True,
    } | fields
    request = urllib.request.Request(
        f"{url}v1/completions", data=json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def expected(folder: Path) -> str:
    """What transformers' own greedy generation writes, as token ids."""
    inner = transformers.LlamaForCausalLM.from_pretrained(folder / "talker").eval()
    with torch.inference_mode():
        whole = inner.generate(
            torch.tensor([PROMPT]),
            do_sample=False,
            max_new_tokens=OUTPUT_TOKENS,
            eos_token_id=None,
        )
    return "".join(f" {token}" for token in whole[0, PROMPT_TOKENS:].tolist())


def test_the_text_is_that_of_greedy_generation_whole_or_streamed(
    served: str, folder: Path
):
    whole = json.loads(complete(served))
    lines = complete(served, stream=True, stream_options={"include_usage": True}).split(
        b"\n\n"
    )

    assert whole["choices"][0]["text"] == expected(folder)
    assert whole["usage"]["total_tokens"] == PROMPT_TOKENS + OUTPUT_TOKENS
    *events, done, rest = lines
    told = [json.loads(e.removeprefix(b"data: ")) for e in events]
    parts = [e["choices"][0]["text"] for e in told if e["choices"]]
    assert (done, rest) == (b"data: [DONE]", b"")
    assert len([p for p in parts if p]) == OUTPUT_TOKENS
    assert "".join(parts) == expected(folder)
    assert told[-2]["choices"][0]["finish_reason"] == "length"
    assert told[-1]["usage"]["completion_tokens"] == OUTPUT_TOKENS


def test_it_says_that_it_runs_the_very_artefact_that_was_profiled(
    served: str, folder: Path
):
    told = about(served)
    (placement,) = json.loads((folder / "plan.json").read_text())["placements"]

    assert told["is_as_profiled"] is True
    assert told["artifact_sha256"] == placement["artifact_sha256"]


def test_a_refusal_is_told_in_openais_shape(served: str):
    with pytest.raises(urllib.error.HTTPError) as refused:
        complete(served, prompt=[12_000])

    assert refused.value.code == 400
    assert "12000" in json.load(refused.value)["error"]["message"]


def test_verify_sends_the_plans_tokens_and_finds_the_promise_kept(
    served: str, folder: Path, capsys
):
    code = main(
        ["verify", str(folder), "--url", served, "--workload", "assistant", "--rate", "15", "--seconds", "8", "--json"]
    )  # fmt: skip

    captured = capsys.readouterr()
    found = json.loads(captured.out)
    checks = {c["subject"]: c for c in found["checks"]}
    assert (code, found["finding"]) == (0, "pass"), captured.out
    assert checks["what runs there"]["finding"] == "pass"
    assert "the plan's model, variant" in checks["what runs there"]["sentence"]
    assert not any("artefact" in note for note in found["notes"])
    assert checks["p90 of time to first token"]["observed"]["value"] > 0
    assert checks["p90 of time per token"]["observed"]["value"] > 0


def test_who_leaves_does_not_keep_the_others_waiting_for_an_answer_nobody_reads(
    served: str,
):
    host, port = served.removeprefix("http://").rstrip("/").split(":")
    body = json.dumps(
        {
            "model": "talker", "prompt": PROMPT, "max_tokens": 200,
            "temperature": 0, "ignore_eos": True, "stream": True,
        }
    ).encode()  # fmt: skip
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(20):
        with socket.create_connection((host, int(port))) as leaving:
            leaving.sendall(head.encode() + body)
            leaving.recv(64)

    # All twenty would write 4,000 tokens first; what was left has no more to write.
    before = about(served)["n_written_tokens"]
    complete(served, max_tokens=1)

    assert about(served)["n_written_tokens"] - before < 200


def about(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}about", timeout=60) as answer:
        return json.load(answer)
