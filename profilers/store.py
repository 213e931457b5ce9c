"""Keeps what trials gave on disk, in one SQLite file, so that nothing is measured twice.

    results(key, model, what, result, stored_at)     one row a trial, replaced by a rerun

The key is a hash of everything that a result depends on (`profilers.keys`), the result a
JSON document (`profilers.encoding`); nothing that can run code is stored. What a deployment
was seen to do is a row, too, the best that is known of its device, and so is what a request
costs a server (`profilers.servers`). Each result is committed as it comes (write-ahead
log, full synchronisation), and every call opens its own connection, so a killed run loses
nothing and several processes may share a file.
"""

import contextlib
import datetime as dt
import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from planner.errors import ProfileStoreError
from profilers.encoding import Stored, decode, encode
from profilers.running.process import utc_now
from profilers.servers import ServerMeasured, ServerSeen
from profilers.trials import (
    LOCAL,
    Deployed,
    Failure,
    Layers,
    Measurement,
    Trial,
    TrialKey,
    TrialResult,
)

SCHEMA_VERSION = 1
# "DPPS", so that another program's database is never taken for ours.
APPLICATION_ID = 0x44505053
# Another process holds the file for one small commit; a minute means it is stuck.
BUSY_TIMEOUT_S = 60.0

_SCHEMA = """
    CREATE TABLE results (
        key TEXT PRIMARY KEY,
        model TEXT NOT NULL,
        what TEXT NOT NULL,
        result TEXT NOT NULL,
        stored_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """A row of the store; `what` says in words what was measured."""

    key: TrialKey
    model: str
    what: str
    result: Stored
    stored_at: dt.datetime


def describe(trial: Trial) -> str:
    """A trial in a few words, without its model's name."""
    threads, replicas = trial.envelope.threads, trial.envelope.replicas
    beside = f", {replicas} replicas at once" if replicas > 1 else ""
    there = "" if trial.device == LOCAL else f", on {trial.device} itself"
    return (
        f"{trial.variant}, {threads} thread{'s' if threads > 1 else ''}{beside}{there}"
    )


class ProfileStore:
    """Results of trials in the file at `path`, which is made when first needed."""

    def __init__(self, path: Path, *, now: Callable[[], dt.datetime] = utc_now) -> None:
        self._path = path
        self._now = now

    @property
    def path(self) -> Path:
        """Where the results are."""
        return self._path

    def lookup(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, TrialResult]:
        """The results of those keys that are stored.

        Raises:
            ProfileStoreError: The file cannot be read or is not ours.
        """
        found = self._lookup(keys)
        return {k: r for k, r in found.items() if isinstance(r, Measurement | Failure)}

    def deployed(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, Deployed]:
        """What deployments of those keys were seen to do.

        Raises:
            ProfileStoreError: The file cannot be read or is not ours.
        """
        found = self._lookup(keys)
        return {k: r for k, r in found.items() if isinstance(r, Deployed)}

    def servers(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, ServerMeasured]:
        """What a request cost the servers of those keys.

        Raises:
            ProfileStoreError: The file cannot be read or is not ours.
        """
        found = self._lookup(keys)
        return {k: r for k, r in found.items() if isinstance(r, ServerMeasured)}

    def servers_seen(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, ServerSeen]:
        """What a request cost the servers of deployments of those keys.

        Raises:
            ProfileStoreError: The file cannot be read or is not ours.
        """
        found = self._lookup(keys)
        return {k: r for k, r in found.items() if isinstance(r, ServerSeen)}

    def layers(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, Layers]:
        """What models of those keys are made of.

        Raises:
            ProfileStoreError: The file cannot be read or is not ours.
        """
        found = self._lookup(keys)
        return {k: r for k, r in found.items() if isinstance(r, Layers)}

    def _lookup(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, Stored]:
        found: dict[TrialKey, Stored] = {}
        with self._opened() as database:
            for key in dict.fromkeys(keys):
                row = database.execute(
                    "SELECT result FROM results WHERE key = ?", (key,)
                ).fetchone()
                if row is not None:
                    found[key] = self._decoded(key, row[0])
        return found

    def keep(self, key: TrialKey, trial: Trial, result: TrialResult) -> None:
        """Commit one result, in place of an older one of the same key.

        Raises:
            ProfileStoreError: The file cannot be written or is not ours.
        """
        self._keep(key, trial.model.name, describe(trial), result)

    def keep_deployed(self, key: TrialKey, seen: Deployed) -> None:
        """Commit what a deployment did, in place of what it did before.

        Raises:
            ProfileStoreError: The file cannot be written or is not ours.
        """
        what = f"{seen.variant}, deployed on {seen.device}"
        self._keep(key, seen.model, what, seen)

    def keep_server(self, key: TrialKey, model: str, seen: ServerMeasured) -> None:
        """Commit what a request to that model costs its server.

        Raises:
            ProfileStoreError: The file cannot be written or is not ours.
        """
        self._keep(key, model, f"what a request costs {seen.server}", seen)

    def keep_server_seen(self, key: TrialKey, model: str, seen: ServerSeen) -> None:
        """Commit what a request to that model costs the server of its deployment.

        Raises:
            ProfileStoreError: The file cannot be written or is not ours.
        """
        what = f"what a request costs {seen.server} on {seen.device}"
        self._keep(key, model, what, seen)

    def keep_layers(self, key: TrialKey, model: str, seen: Layers) -> None:
        """Commit what a model is made of.

        Raises:
            ProfileStoreError: The file cannot be written or is not ours.
        """
        self._keep(key, model, "its layers", seen)

    def _keep(self, key: TrialKey, model: str, what: str, result: Stored) -> None:
        row = (key, model, what, encode(result), self._now().isoformat())
        with self._opened() as database, database:
            database.execute("INSERT OR REPLACE INTO results VALUES (?,?,?,?,?)", row)

    def listing(self) -> tuple[StoredResult, ...]:
        """Everything stored, by model and what was measured.

        Raises:
            ProfileStoreError: The file cannot be read or is not ours.
        """
        with self._opened() as database:
            rows = database.execute(
                "SELECT key, model, what, result, stored_at FROM results"
                " ORDER BY model, what, key"
            ).fetchall()
        return tuple(
            StoredResult(
                key=TrialKey(key),
                model=model,
                what=what,
                result=self._decoded(key, result),
                stored_at=dt.datetime.fromisoformat(stored_at),
            )
            for key, model, what, result, stored_at in rows
        )

    def _decoded(self, key: str, text: str) -> Stored:
        try:
            return decode(text)
        except (ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0]
            raise self._refusal(f"result {key[:12]} is damaged ({reason})") from error

    @contextlib.contextmanager
    def exclusively(self, *, on_wait: Callable[[], None]) -> Iterator[None]:
        """Be the only one who measures for this store; `on_wait` is called before waiting.

        The lock ends with its process, however that ends.

        Raises:
            ProfileStoreError: The lock file beside the store cannot be written.
        """
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            held = lock.open("w")
        except OSError as error:
            raise self._refusal(str(error)) from error
        with held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(held, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file, which is ours and of this schema."""
        try:
            if not self._path.exists():
                _create(self._path)
            connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)
            with contextlib.closing(connection) as database:
                self._check(database)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise self._refusal(str(error)) from error

    def _check(self, database: sqlite3.Connection) -> None:
        application = database.execute("PRAGMA application_id").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            raise self._refusal("it is not one, or another program's database")
        if version != SCHEMA_VERSION:
            raise self._refusal(
                f"it has schema {version} and this planner knows {SCHEMA_VERSION}"
            )
        database.execute("PRAGMA synchronous = FULL")

    def _refusal(self, reason: str) -> ProfileStoreError:
        return ProfileStoreError(
            f"{self._path}: cannot use this profile store: {reason}; move the file"
            " away or name another, and what it held is measured again"
        )


def _create(path: Path) -> None:
    """Make the file whole beside its place and link it there: the first to come wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        draft = Path(directory) / "draft"
        with contextlib.closing(sqlite3.connect(draft)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
