"""llama.cpp: the JSON of `llama-bench -o json`.

A test of a prompt alone gives the reading rate, one of generation alone the writing
rate. Of several lengths those nearest to the usual 512 and 128 count.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from planner.domain.profiles import Profile, TokenRates
from planner.domain.variants import Runtime
from profilers.importers import _reading as reading

about = "llama-bench -o json, a prompt test and a generation test"
runtime: Runtime | None = Runtime.LLAMA_CPP

_USUAL_PROMPT, _USUAL_OUTPUT = 512, 128


def read(path: Path, about: reading.About) -> tuple[Profile, ...]:
    """The token rates of the file.

    Raises:
        SpecFileError: It is no such file, or lacks one of the two tests.
    """
    tests = reading.document(path)
    if not isinstance(tests, Sequence) or isinstance(tests, str):
        raise reading.wrong(path, "not a list of tests")
    prompt = _nearest(path, tests, "n_prompt", "n_gen", _USUAL_PROMPT)
    output = _nearest(path, tests, "n_gen", "n_prompt", _USUAL_OUTPUT)
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


def _nearest(
    path: Path, tests: Sequence[object], of: str, without: str, usual: int
) -> Mapping[str, object]:
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
    return min(found)[2]
