"""Where its lines go: the job's stream in Redis, or the API's /logs, and its own copy for the storage."""

from __future__ import annotations

import threading
from typing import Any

from .http import Api, CallFailed
from .redis import Redis, RedisFailed


class Log:
    """The log of one step."""

    def __init__(
        self, job: dict[str, Any], api: Api, redis: Redis, *, via_api: bool, lenient: bool, pace: float
    ) -> None:
        self._job_id, self._step_id = job["jobId"], job["stepId"]
        self._api, self._redis = api, redis
        self._via_api, self._lenient, self._pace = via_api, lenient, pace
        self._number = 0
        self._queue: list[dict[str, Any]] = []
        self._sending = False
        self._stopped = threading.Event()
        self.text = ""

    def begin(self) -> None:
        """Make the groups of the stream, by Redis or by the API."""
        if not self._via_api:
            self._redis.make_groups(self._job_id)
            return
        self._api.call("POST", f"/logs/{self._job_id}/setup-consumer-groups")
        threading.Thread(target=self._send_for_ever, daemon=True).start()

    def line(self, text: str) -> None:
        """Raises RedisFailed where a version takes that for its end."""
        self._number += 1
        self.text += f"{text}\n"
        if self._via_api:
            row = {"jobId": int(self._job_id), "stepId": self._step_id, "lineNumber": self._number, "output": text}
            self._queue.append(row)
            return
        fields = {"jobId": self._job_id, "stepId": self._step_id, "lineNumber": str(self._number), "output": text}
        try:
            self._redis.add(self._job_id, fields)
        except RedisFailed:
            if not self._lenient:
                raise

    def _send_for_ever(self) -> None:
        # There is no flush at the end: what is not sent by then is only in the storage.
        while not self._stopped.wait(5 * self._pace):
            self._sending = True
            self._send()
            self._sending = False

    def _send(self) -> None:
        batch, self._queue = self._queue, []
        if not batch:
            return
        try:
            self._api.call("POST", "/logs", {"data": batch})
        except CallFailed:
            self._queue += batch

    def await_sent(self) -> None:
        """Wait until the API has all lines of now."""
        while self._queue or self._sending:
            self._stopped.wait(self._pace)

    def settle(self) -> None:
        """Wait until the stream's length stays the same for three looks. Raises RedisFailed."""
        last, same = -1, 0
        for _ in range(300):
            length = self._redis.length(self._job_id)
            same = same + 1 if length == last else 0
            last = length
            if same == 3:
                return
            self._stopped.wait(self._pace)

    def stop(self) -> None:
        self._stopped.set()
