"""llama.cpp: the JSON of `llama-bench -o json`, or `-o jsonl`.

A test of a prompt alone gives the reading rate, one of generation alone the writing
rate. Of several lengths those nearest to the usual 512 and 128 count. All tests are of
one model in one setting; its type ends in its precision.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from planner.domain.profiles import Profile, TokenRates
from planner.domain.variants import Precision, Runtime
from profilers.importers import _reading as reading

about = "llama-bench -o json or jsonl, a prompt test and a generation test"
runtime: Runtime | None = Runtime.LLAMA_CPP
asks_batch = False

_USUAL_PROMPT, _USUAL_OUTPUT = 512, 128
# What tests of one setting differ in: their lengths, and what came out.
_OF_A_TEST = {"n_prompt", "n_gen", "n_depth", "test_time"}
_CAME_OUT = ("avg_", "stddev_", "samples_")

_PRECISIONS = {
    "all F32": Precision.FP32,
    "F16": Precision.FP16,
    "BF16": Precision.BF16,
    "Q8_0": Precision.Q8_0,
    "Q6_K": Precision.Q6_K,
    "Q5_K - Medium": Precision.Q5_K_M,
    "Q4_K - Medium": Precision.Q4_K_M,
    "Q3_K - Medium": Precision.Q3_K_M,
    "Q2_K - Medium": Precision.Q2_K,
}

Test = Mapping[str, object]


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The token rates of the file.

    Raises:
        SpecFileError: It is no such file, lacks one of the two tests, or has tests of
            several models or settings.
    """
    tests = reading.documents(path)
    if not isinstance(tests, Sequence) or isinstance(tests, str):
        raise reading.wrong(path, "not a list of tests")
    prompts = _alone(path, tests, "n_prompt", "n_gen", _USUAL_PROMPT)
    outputs = _alone(path, tests, "n_gen", "n_prompt", _USUAL_OUTPUT)
    _check_one_setting(path, [*prompts, *outputs])
    prompt, output = prompts[0], outputs[0]
    _check_precision(path, about, str(prompt.get("model_type", "")))
    return (
        TokenRates(
            model=about.model,
            variant=about.variant,
            device=about.device,
            device_count=about.device_count,
            prompt_tokens_per_s=reading.number(
                path, reading.at(path, prompt, "avg_ts"), "avg_ts"
            ),
            output_tokens_per_s=reading.number(
                path, reading.at(path, output, "avg_ts"), "avg_ts"
            ),
            memory_bytes=reading.number(
                path, reading.at(path, output, "model_size"), "model_size"
            ),
            evidence=reading.evidence(
                path,
                about,
                f"llama-bench, {prompt.get('model_type', 'model not named')}",
                on=reading.day(prompt.get("test_time")),
                note="memory: weights alone",
            ),
        ),
    )


def _alone(
    path: Path, tests: Sequence[object], of: str, without: str, usual: int
) -> list[Test]:
    """Tests of that alone, nearest to the usual length first."""
    found = [
        (abs(float(length) - usual), i, test)
        for i, test in enumerate(tests)
        if isinstance(test, Mapping)
        and isinstance(length := test.get(of), int | float)
        and length > 0
        and not test.get(without)
        and not test.get("n_depth")
    ]
    if not found:
        raise reading.wrong(
            path, f"no test of {of} alone; run llama-bench -p 512 -n 128 -o json"
        )
    return [test for _, _, test in sorted(found)]


def _check_one_setting(path: Path, tests: Sequence[Test]) -> None:
    settings = {
        key: sorted({str(test.get(key)) for test in tests})
        for test in tests
        for key in test
        if key not in _OF_A_TEST and not key.startswith(_CAME_OUT)
    }
    differing = [f"{k}: {', '.join(v)}" for k, v in settings.items() if len(v) > 1]
    if differing:
        raise reading.wrong(
            path,
            f"tests of several models or settings ({'; '.join(differing)}): give those "
            "of one",
        )


def _check_precision(path: Path, about: reading.About, model_type: str) -> None:
    most = model_type.removesuffix(", some F16")
    stated = [p for end, p in _PRECISIONS.items() if most.endswith(f" {end}")]
    if stated and about.variant.precision not in stated:
        raise reading.wrong(
            path,
            f"it measured {model_type!r}, which is {stated[0]}, not "
            f"{about.variant.precision}: give --precision {stated[0]}",
        )
