"""What is kept is found again, whole, by whoever comes next."""

import datetime as dt
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from planner.domain.profiles import Quality
from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import ProfileStoreError
from profilers.encoding import decode, encode
from profilers.keys import trial_key
from profilers.store import ProfileStore, StoredResult
from profilers.trials import Envelope, Failure, MeasuredPoint, Measurement, Trial

AT = dt.datetime(2026, 3, 1, 12, 30, 5, 123456, tzinfo=dt.UTC)
TRIAL = Trial(
    model=TorchModel(name="reader", directory=Path("here"), factory="m:build"),
    variant=Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME),
    envelope=Envelope(threads=2, memory_bytes=2.0**31),
    batches=(1, 2),
)
MEASUREMENT = Measurement(
    points=(
        MeasuredPoint(
            batch=1,
            p50_s=0.1,
            p50_low_s=0.09,
            p50_high_s=0.11,
            mean_s=1 / 3,
            p90_s=0.2,
            p95_s=0.3,
            p99_s=0.4,
            n_samples=30,
            is_noisy=False,
        ),
    ),
    memory_bytes=1e9,
    artifact_bytes=123.0,
    artifact_sha256="ab" * 32,
    error_frac=0.1,
    measured_at=AT,
    quality=Quality(metric="top1_accuracy", value_frac=0.9, source="yours – 数字"),
    warnings=("noisy",),
    environment={"processor": "p", "torch": "2"},
)
FAILURE = Failure(reason="killed", failed_at=AT, environment={"torch": "2"})


@pytest.fixture
def store(tmp_path):
    return ProfileStore(tmp_path / "deep" / "profiles.sqlite3", now=lambda: AT)


def key(trial=TRIAL, *, identity="content", environment=None):
    return trial_key(
        trial, identity=identity, environment=environment or {"torch": "2"}
    )


@pytest.mark.parametrize("result", [MEASUREMENT, FAILURE], ids=["measured", "failed"])
def test_a_result_comes_back_as_it_was_and_as_the_same_text(result):
    text = encode(result)

    assert decode(text) == result
    assert encode(decode(text)) == text


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_never_written(figure):
    with pytest.raises(ValueError, match="JSON compliant"):
        encode(replace(MEASUREMENT, memory_bytes=figure))


@pytest.mark.parametrize(
    "change",
    [
        {"memory_bytes": "many"},
        {"memory_bytes": None},
        {"points": [{"batch": 1}]},
        {"kind": "rumour"},
        {"surprise": 1},
        {"measured_at": "2026-03-01T12:30:05"},
        {"warnings": "noisy"},
    ],
    ids=str,
)
def test_a_document_that_is_not_whole_is_refused(change):
    document = json.loads(encode(MEASUREMENT)) | change

    with pytest.raises(ValueError):  # noqa: PT011  # each damage has its own words
        decode(json.dumps(document))


def test_what_is_kept_is_looked_up_listed_and_replaced(store):
    first, second = key(), key(identity="other")

    store.keep(first, TRIAL, FAILURE)
    store.keep(first, TRIAL, MEASUREMENT)
    store.keep(second, TRIAL, FAILURE)

    assert store.lookup([first, second, key(identity="third")]) == {
        first: MEASUREMENT,
        second: FAILURE,
    }
    assert {row.key: row for row in store.listing()} == {
        k: StoredResult(
            key=k,
            model="reader",
            what="int8 on onnxruntime, 2 threads",
            result=r,
            stored_at=AT,
        )
        for k, r in ((first, MEASUREMENT), (second, FAILURE))
    }


def test_another_store_of_the_same_file_sees_what_was_kept(store):
    store.keep(key(), TRIAL, MEASUREMENT)

    assert ProfileStore(store.path).lookup([key()]) == {key(): MEASUREMENT}


def test_the_key_changes_with_all_that_a_figure_depends_on_and_with_nothing_else():
    renamed = replace(TRIAL, model=replace(TRIAL.model, name="other", weights=None))
    same = [key(), key(renamed), key(replace(TRIAL, timeout_s=1.0))]
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


@pytest.mark.parametrize(
    "content", [b"", b"not a database, but long enough to look like one" * 30]
)
def test_a_file_that_is_no_store_is_one_clear_refusal(tmp_path, content):
    path = tmp_path / "profiles.sqlite3"
    path.write_bytes(content)

    with pytest.raises(ProfileStoreError, match=r"profiles\.sqlite3: cannot use") as no:
        ProfileStore(path).lookup([key()])

    assert "\n" not in str(no.value)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "profiles.sqlite3"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")

    with pytest.raises(ProfileStoreError, match="another program's database"):
        ProfileStore(path).keep(key(), TRIAL, FAILURE)


def test_a_store_of_a_newer_planner_is_refused(store):
    store.keep(key(), TRIAL, FAILURE)
    with closing(sqlite3.connect(store.path)) as database:
        database.execute("PRAGMA user_version = 2")

    with pytest.raises(ProfileStoreError, match="schema 2 and this planner knows 1"):
        store.listing()


def test_a_damaged_result_is_refused_by_its_key(store):
    store.keep(key(), TRIAL, FAILURE)
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute('UPDATE results SET result = \'{"kind": "failure"}\'')

    with pytest.raises(ProfileStoreError, match=f"result {key()[:12]} is damaged"):
        store.lookup([key()])


def test_a_place_that_cannot_be_written_is_a_refusal(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ProfileStoreError, match="file/profiles"):
        ProfileStore(tmp_path / "file" / "profiles.sqlite3").keep(key(), TRIAL, FAILURE)


KEEP_MANY = """
import datetime as dt, sys
from pathlib import Path
from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.keys import trial_key
from profilers.store import ProfileStore
from profilers.trials import Envelope, Failure, Trial
trial = Trial(
    model=TorchModel(name="m", directory=Path(), factory="m:build"),
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
    envelope=Envelope(), batches=(1,),
)
store = ProfileStore(Path(sys.argv[1]))
for n in range(20):
    key = trial_key(trial, identity=f"{sys.argv[2]}-{n}", environment={})
    store.keep(key, trial, Failure(reason="r", failed_at=dt.datetime.now(dt.UTC)))
"""


@pytest.mark.slow
def test_processes_that_write_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "profiles.sqlite3"
    writers = [
        subprocess.Popen([sys.executable, "-c", KEEP_MANY, str(path), str(n)])
        for n in range(3)
    ]

    assert [w.wait() for w in writers] == [0, 0, 0]
    assert len(ProfileStore(path).listing()) == 60


def test_only_one_at_a_time_measures_for_a_store(store):
    waits = []
    other = ProfileStore(store.path)
    code = (
        "import sys; from pathlib import Path; from profilers.store import ProfileStore\n"
        "with ProfileStore(Path(sys.argv[1])).exclusively(on_wait=lambda: None):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(store.path)]

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        # Told that it has to wait, this side kills the holder: the lock ends with it.
        with other.exclusively(on_wait=lambda: waits.append(holder.kill())):
            pass

    assert waits == [None]
