"""The thread that writes: all that waits becomes one transaction, with one ``fsync`` for everybody."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from blazen_nb.errors import JournalError
from blazen_nb.journal import refusals
from blazen_nb.journal.writing import Tables

T = TypeVar("T")
_Job = tuple[Future[Any], Callable[[Tables], Any]]
_Answer = tuple[Future[Any], Any]


class Writer:
    """Owns the connection that writes, and closes it.

    Args:
        name: What errors call the journal.
    """

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._tables = Tables(connection, name)
        # Guards the order: what is put before the end is written, what comes after is refused.
        self._lock = threading.Lock()
        self._refusal: str | None = None
        self._failure: str | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="blazen_nb journal", daemon=True)
        self._thread.start()

    def write(self, job: Callable[[Tables], T]) -> Future[T]:
        """Its result, once it is on the disk."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            refusal = self._refusal
            if refusal is None:
                self._jobs.put((future, job))
        if refusal is not None:
            future.set_exception(JournalError(refusal))
        return future

    def close(self) -> None:
        """Everything that was asked for before is written; what comes later is refused."""
        with self._lock:
            self._refusal = self._refusal or str(refusals.closed())
            self._jobs.put(None)
        self._thread.join()

    def leave(self) -> None:
        """In a forked child, where the thread is not: refuse, and touch nothing."""
        self._lock = threading.Lock()
        self._refusal = "the journal belongs to the process that this one was forked from"

    def _work(self) -> None:
        going_on = True
        while going_on:
            jobs = self._waiting()
            if None in jobs:
                going_on = False
            self._commit([job for job in jobs if job is not None])
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _waiting(self) -> list[_Job | None]:
        # Those that wait now, not those that come while they are counted: a transaction has to end some time.
        first = self._jobs.get()
        return [first, *[self._jobs.get() for _ in range(self._jobs.qsize())]]

    def _commit(self, jobs: list[_Job]) -> None:
        answers: list[_Answer] = []
        try:
            if self._failure is None:
                answers = self._transaction(jobs)
        except Exception as error:
            self._fail(error)
        if self._failure is not None:
            answers = [(future, JournalError(self._failure)) for future, _ in jobs]
        for future, answer in answers:
            if isinstance(answer, JournalError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _transaction(self, jobs: list[_Job]) -> list[_Answer]:
        answers: list[_Answer] = []
        self._connection.execute("BEGIN IMMEDIATE")
        for future, job in jobs:
            try:
                answers.append((future, job(self._tables)))
            except JournalError as refused:
                answers.append((future, refused))
        self._tables.settle()
        self._connection.execute("COMMIT")
        return answers

    def _fail(self, error: Exception) -> None:
        # Whether a part of it is on the disk after all is not known, so nothing may follow it.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")
        failure = (
            f"the journal {self._name} could not be written ({error}) and takes nothing more: what was written before "
            "can be read; mend the disk, then start the peer again"
        )
        with self._lock:
            self._failure = self._refusal = failure
