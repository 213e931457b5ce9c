"""What is kept is found again, whole, by whoever comes next."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from planner.errors import ProfileStoreError
from profilers.store import ProfileStore, StoredResult
from tests.support.stored import AT, FAILURE, MEASUREMENT, TRIAL, key


@pytest.fixture
def store(tmp_path):
    return ProfileStore(tmp_path / "deep" / "profiles.sqlite3", now=lambda: AT)


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
