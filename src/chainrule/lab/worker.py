"""A thread that owns what it works on: others give it jobs, and between two of them it goes on with its own work."""

import sys
import threading
import traceback
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

Job = Callable[[], None]


class Worker:
    """A thread that does one job after the other.

    between: called after each, and when there is none, once every `rest` seconds; a rest of None waits for the next.
    """

    def __init__(self, between: Callable[[bool], None], rest: Callable[[], float | None]) -> None:
        self._between, self._rest = between, rest
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="lab", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Do this when its turn comes."""
        self._jobs.put(job)

    def call(self, work: Callable[[], Any]) -> Any:
        """What `work` gives, done in this thread; once it has ended, in the caller's."""
        if not self._thread.is_alive():
            return work()
        done: SimpleQueue[Any] = SimpleQueue()

        def job() -> None:
            try:
                done.put((work(), None))
            except Exception as error:
                done.put((None, error))

        self._jobs.put(job)
        result, error = done.get()
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the thread, after the jobs that it has."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                job: Job | None = self._jobs.get(timeout=self._rest())
            except Empty:
                job = _nothing
            if job is None:
                return
            for work in (job, lambda: self._between(self._jobs.empty())):
                try:
                    work()
                except Exception:  # a bug; what is worked on is whole, for it changes within jobs only
                    traceback.print_exc(file=sys.stderr)


def _nothing() -> None:
    pass
