"""Quantized, pruned and cached models on this CPU: python tests/bench/variants.py

One table of speed, memory and quality, with those that do not pay. The product measures:
each variant alone in a process of its own, one thread, by the usual sampling rule.
Some ten minutes in all; `--only MODEL` and `--runtime RUNTIME` measure a part.

    mlp     wide layers, trained on scikit-learn's digits; graded on a third of them.
            Pruned in one shot, without fine-tuning
    llama   a causal language model built from configuration, trained for some seconds
            on the bytes of scikit-learn's own descriptions of its data sets; graded on
            held-out pieces (token likelihood). Prefill and step apart; the KV cache is
            held against reading all tokens again, at the same precision

    +x %    the time is at most so much longer, with 90 % probability
    speed   time of fp32 on the same runtime over the variant's; `slower` or `faster`
            beyond the joint band of both, else the two are not told apart
    memory  the most that a replica held, the runtime's own code included
    flips   answers unlike fp32's: right to wrong, wrong to right, of so many
    pays    loses no more than ALLOWED_DROP_FRAC for all that the samples show, and is
            faster at a batch size, or else takes MEMORY_WORTH_FRAC less memory. What is
            pruned is held against the same precision with all its weights
"""

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from planner.domain.payoff import Payoff, Pays
from planner.domain.profiles import BatchProfile, Quality, ServicePoint, TokenRates
from planner.domain.profiling import (
    DENSE,
    FileFormat,
    ModelFile,
    ProfilingJob,
    ProfilingOutcome,
    Sparsity,
    TorchModel,
    UserModel,
)
from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant
from planner.reference.catalog import Catalog
from planner.units import BYTES_PER_MIB, milliseconds
from profilers.emulators.emulator import Emulators
from profilers.language.tokens import MAX_BATCH
from profilers.profiler import Profiling
from profilers.running.local import LocalExecutor
from profilers.store import ProfileStore
from profilers.trials import Measurement

ALLOWED_DROP_FRAC = 0.01
# Replicas with equal weights were seen 10 % apart (onnxruntime 1.32, 2026-11).
MEMORY_WORTH_FRAC = 0.15
BATCHES = {"mlp": (1, 16), "llama": (1, MAX_BATCH)}
RUNTIMES = (
    Runtime.TORCH,
    Runtime.TORCH_COMPILE,
    Runtime.ONNXRUNTIME,
    Runtime.OPENVINO,
)
PRECISIONS = (
    Precision.FP32,
    Precision.BF16,
    Precision.FP16,
    Precision.INT8_DYNAMIC,
    Precision.INT8_STATIC,
    Precision.INT8_WEIGHT_ONLY,
    Precision.INT4,
)
# What `int8` would be there.
INT8_ON = dict.fromkeys(RUNTIMES, Precision.INT8_DYNAMIC) | {
    Runtime.OPENVINO: Precision.INT8_STATIC
}
HALVES = (
    Sparsity(share_frac=0.5),
    Sparsity(share_frac=0.5, pattern=SparsityPattern.TWO_OF_FOUR),
)
CONTEXT_TOKENS, PIECE_BYTES, HELD_OUT = 128, 1000, 5
MODELS = """
from pathlib import Path

import numpy as np
import torch
from torch import nn

WIDE = 2048


def mlp():
    torch.manual_seed(0)
    sizes = [64, WIDE, WIDE, WIDE]
    body = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*body, nn.Linear(WIDE, 10))


def evaluation():
    with np.load(Path(__file__).with_name("held_out.npz")) as held_out:
        return torch.from_numpy(held_out["inputs"]), torch.from_numpy(held_out["labels"])
"""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def trained_mlp(folder: Path) -> TorchModel:
    from safetensors.torch import save_model
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    sys.path.insert(0, str(folder))
    import models

    inputs, labels = load_digits(return_X_y=True)
    split = train_test_split(
        (inputs / 16).astype("float32"), labels, test_size=1 / 3, random_state=0
    )
    np.savez(folder / "held_out.npz", inputs=split[1], labels=split[3])
    inputs, labels = map(torch.from_numpy, split[::2])
    module = models.mlp()
    learn = torch.optim.AdamW(module.parameters(), lr=3e-4)
    for _ in range(6):
        for rows in torch.randperm(len(inputs)).split(100):
            loss = torch.nn.functional.cross_entropy(module(inputs[rows]), labels[rows])
            learn.zero_grad()
            loss.backward()
            learn.step()
    save_model(module, folder / "mlp.safetensors")
    return TorchModel(
        name="mlp",
        directory=folder,
        factory="models:mlp",
        weights=folder / "mlp.safetensors",
        evaluation="models:evaluation",
    )


def pieces() -> list[bytes]:
    """scikit-learn's descriptions of its data sets, cut into documents."""
    from sklearn import datasets

    files = sorted((Path(datasets.__file__).parent / "descr").glob("*.rst"))
    text = b"\n".join(file.read_bytes() for file in files)
    ends = range(PIECE_BYTES, len(text), PIECE_BYTES)
    return [text[end - PIECE_BYTES : end] for end in ends]


def trained_llama(folder: Path) -> ModelFile:
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=256,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=2 * CONTEXT_TOKENS,
    )
    module = transformers.LlamaForCausalLM(config)
    cut = pieces()
    read = torch.tensor(
        list(b"".join(p for i, p in enumerate(cut) if i % HELD_OUT)), dtype=torch.long
    )
    learn = torch.optim.AdamW(module.parameters(), lr=1e-3)
    n_tokens = 96
    for _ in range(40):
        starts = torch.randint(0, len(read) - n_tokens, (8,)).tolist()
        batch = torch.stack([read[at : at + n_tokens] for at in starts])
        loss = module(batch, labels=batch).loss
        learn.zero_grad()
        loss.backward()
        learn.step()
    module.save_pretrained(folder / "llama")
    held_out = [json.dumps({"tokens": list(p)}) for p in cut[::HELD_OUT]]
    (folder / "held_out.jsonl").write_text("\n".join(held_out), encoding="utf-8")
    return ModelFile(
        name="llama",
        directory=folder,
        format=FileFormat.HUGGINGFACE,
        path=folder / "llama",
        context_tokens=(CONTEXT_TOKENS,),
        evaluation_text=folder / "held_out.jsonl",
    )


def job(model: UserModel, precisions, runtimes, sparsities=(DENSE,)) -> ProfilingJob:
    return ProfilingJob(
        model=model,
        precisions=precisions,
        runtimes=runtimes,
        devices=("local",),
        batches=BATCHES[model.name],
        sparsities=sparsities,
    )


def jobs_of(name: str, folder: Path, runtimes: Sequence[Runtime]) -> list[ProfilingJob]:
    if name == "mlp":
        model = trained_mlp(folder)
        pruned = [
            job(model, (Precision.FP32, INT8_ON[runtime]), (runtime,), HALVES)
            for runtime in runtimes
        ]
        return [job(model, PRECISIONS, runtimes), *pruned]
    model = trained_llama(folder)
    others = tuple(r for r in runtimes if r is not Runtime.TORCH)
    return [
        job(model, PRECISIONS, (Runtime.TORCH,)),
        job(model, (Precision.FP32,), others),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measured profile, what the store keeps of it, and what it is held against.

    By batch size: `against` fp32, and for what is pruned `dense`, the same precision.
    """

    profile: BatchProfile
    kept: Measurement
    against: Mapping[int, Payoff]
    dense: Mapping[int, Payoff] = field(default_factory=dict)
    cache_bytes: float | None = None


def measured(
    jobs: Sequence[ProfilingJob], folder: Path
) -> tuple[ProfilingOutcome, dict[tuple[str, str], Measurement]]:
    """What the product says, and the measurements behind it by model and words."""
    store = ProfileStore(folder / "profiles.sqlite3")
    emulator = Emulators(Catalog.shipped())
    outcome = Profiling(store, LocalExecutor(), emulator=emulator).profile(
        jobs,
        on_progress=lambda p: sys.stderr.write(f"{p.done}/{p.total} {p.what}\n"),
    )
    return outcome, {
        (s.model, s.what): s.result
        for s in store.listing()
        if isinstance(s.result, Measurement)
    }


def works(rates: TokenRates) -> tuple[BatchProfile, ...]:
    """Prefill, step with the cache and step without, as if each were a model."""

    def work(name: str, seconds: Mapping[int, float | None]) -> BatchProfile:
        return BatchProfile(
            model=f"{rates.model}: {name}",
            variant=rates.variant,
            device=rates.device,
            points=tuple(
                ServicePoint(batch=batch, p50_s=p50_s)
                for batch, p50_s in seconds.items()
                if p50_s is not None
            ),
            evidence=rates.evidence,
            memory_bytes=rates.memory_bytes,
            quality=rates.quality,
        )

    return (
        work(f"prefill of {CONTEXT_TOKENS}", {p.batch: p.prefill_s for p in rates.grid}),
        work("step with cache", {p.batch: p.step_s for p in rates.grid}),
        work("step without", {p.batch: p.uncached_step_s for p in rates.grid}),
    )  # fmt: skip


def rows_of(outcome: ProfilingOutcome, kept) -> list[Row]:
    """Every profile beside fp32's on the same runtime, then the cache beside none."""
    split = {
        (p.model, p.evidence.note): works(p) if isinstance(p, TokenRates) else (p,)
        for p in outcome.profiles
    }
    every = [(part, kept[key]) for key, parts in split.items() for part in parts]
    plain = {
        (part.model, part.variant.runtime, part.variant.precision): part
        for part, _ in every
        if not part.variant.sparsity_frac
    }

    def row(part: BatchProfile, measurement: Measurement) -> Row:
        where, precision = (part.model, part.variant.runtime), part.variant.precision
        return Row(
            profile=part,
            kept=measurement,
            against=beside(part, plain.get((*where, Precision.FP32))),
            dense=beside(part, plain.get((*where, precision)))
            if part.variant.sparsity_frac
            else {},
        )

    order = list(dict.fromkeys(part.model for part, _ in every))
    every.sort(key=lambda e: order.index(e[0].model))
    caches = [(*s[1:], kept[key]) for key, s in split.items() if len(s) > 1]
    return [row(*e) for e in every] + [cache_row(*c) for c in caches]


def beside(profile: BatchProfile, plain: BatchProfile | None) -> dict[int, Payoff]:
    """A profile against another, where there is one, at each batch size of both."""
    if plain is None or plain is profile:
        return {}
    times_s = {point.batch: point.p50_s for point in plain.points}
    return {
        point.batch: Payoff(
            profile=profile,
            plain=plain,
            times_ratio={point.batch: point.p50_s / times_s[point.batch]},
            memory_ratio=profile.memory_bytes / plain.memory_bytes,
        )
        for point in profile.points
        if point.batch in times_s
    }


def cache_row(cached: BatchProfile, uncached: BatchProfile, kept: Measurement) -> Row:
    """The step with the cache beside the one without, in the same variant."""
    named = replace(
        cached,
        model=f"{model_name(cached)}: cache against none",
        points=cached.points[:1],
        quality=None,
    )
    return Row(
        profile=named,
        kept=kept,
        against=beside(named, uncached),
        cache_bytes=kept.memory_parts.kv_bytes_per_token * CONTEXT_TOKENS,
    )


def model_name(profile: BatchProfile) -> str:
    """The name of the model, of which the profile may be a part of the work."""
    return profile.model.partition(":")[0]


def speed(found: Payoff | None) -> str:
    if found is None:
        return ""
    word = {Pays.YES: "faster", Pays.NO: "slower", Pays.UNTOLD: "no telling"}
    return f"{1 / found.time_ratio:.2f} x: {word[found.in_time]}"


def verdict(row: Row) -> str:
    """In what it pays, or why it does not."""
    found = row.dense or row.against
    if not found:
        return ""
    quality = row.profile.quality
    if quality and quality.drop and quality.drop.is_shown_beyond(ALLOWED_DROP_FRAC):
        return "does not pay: answers are lost"
    faster = [batch for batch, payoff in found.items() if payoff.in_time is Pays.YES]
    if faster:
        few = "" if len(faster) == len(found) else f" at batch {faster[0]} alone"
        return f"pays in time{few}"
    memory_ratio = next(iter(found.values())).memory_ratio
    if row.cache_bytes is None and memory_ratio <= 1 - MEMORY_WORTH_FRAC:
        costs = any(payoff.in_time is Pays.NO for payoff in found.values())
        return f"pays in memory{', and costs time' if costs else ' alone'}"
    return f"does not pay{': its zeros gain nothing' if row.dense else ''}"


def graded(quality: Quality | None) -> tuple[str, str]:
    if quality is None:
        return "", ""
    told = f"{quality.value_frac:.1%} [{quality.low_frac:.1%}, {quality.high_frac:.1%}]"
    drop = quality.drop
    if drop is None:
        return told, ""
    lost_won = f"{drop.n_right_to_wrong} lost, {drop.n_wrong_to_right} won"
    return told, f"{drop.n_flips} of {drop.n_samples} ({lost_won})"


def memory(row: Row) -> str:
    if row.cache_bytes is not None:
        return f"{row.cache_bytes / BYTES_PER_MIB:.2f} of cache"
    ratios = [p.memory_ratio for p in row.against.values() if p.memory_ratio]
    beside = f" ({ratios[0]:.2f} x)" if ratios else ""
    weights_bytes = row.kept.memory_parts.weights_bytes
    return (
        f"{row.kept.memory_bytes / BYTES_PER_MIB:.0f}{beside}, "
        f"{weights_bytes / BYTES_PER_MIB:.0f} of weights"
    )


def line(row: Row) -> str:
    profile = row.profile
    smallest, largest = BATCHES[model_name(profile)]
    p50_s = {p.batch: p.p50_s for p in profile.points}
    times = []
    for batch in (smallest, largest):
        shown = batch in p50_s and (
            f"{milliseconds(p50_s[batch]):.3f} +{profile.evidence.error_frac:.0%}"
        )
        times += [shown or "", speed(row.against.get(batch))]
    cells = [
        profile.model,
        without_runtime(profile.variant),
        profile.variant.runtime,
        *times,
        memory(row),
        f"{row.kept.artifact_bytes / BYTES_PER_MIB:.1f}",
        *graded(profile.quality),
        verdict(row),
    ]
    return f"| {' | '.join(cells)} |"


def without_runtime(variant: Variant) -> str:
    return str(variant).removesuffix(f" on {variant.runtime}")


def table(outcome: ProfilingOutcome, kept) -> None:
    largest = ", ".join(f"{name} {b[-1]}" for name, b in BATCHES.items())
    heads = [
        "model", "variant", "runtime", "p50 ms, batch 1", "speed",
        f"p50 ms, batch: {largest}", "speed", "memory MiB", "file MiB",
        "quality [95 %]", "flips", "pays?",
    ]  # fmt: skip
    say(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    rows = rows_of(outcome, kept)
    for row in rows:
        say(line(row))
    for refused in outcome.failures:
        how = refused.variant
        reason = " ".join(refused.reason.split()).replace("|", "/")
        said = [refused.model, without_runtime(how), how.runtime, f"none: {reason}"]
        say(f"| {' | '.join(said)} |{' |' * (len(heads) - len(said))}")
    words = Counter(word.split(":")[0] for row in rows if (word := verdict(row)))
    say(f"\n# {', '.join(f'{word}: {n}' for word, n in words.most_common())}")
    remarks = Counter(w.partition(": ")[2] for w in outcome.warnings)
    for remark, n in remarks.most_common():
        say(f"# {n} x {remark}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(BATCHES), help="one model")
    parser.add_argument("--runtime", choices=RUNTIMES, help="one runtime")
    chosen = parser.parse_args()
    runtimes = (Runtime(chosen.runtime),) if chosen.runtime else RUNTIMES
    began_s = time.perf_counter()
    say(f"# {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors")
    say(f"# load average before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="variants-") as directory:
        folder = Path(directory)
        (folder / "models.py").write_text(MODELS, encoding="utf-8")
        names = [name for name in BATCHES if chosen.only in (None, name)]
        jobs = [j for name in names for j in jobs_of(name, folder, runtimes)]
        say(f"# trained in {time.perf_counter() - began_s:.0f} s")
        table(*measured(jobs, folder))
    say(f"# {time.perf_counter() - began_s:.0f} s, load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
