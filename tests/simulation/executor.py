"""The executor in a pod: the product's own claim and HTTP client, over a network that loses, delays and repeats.

What it does between claim and result is played: it works for a while, and beats its heart.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory

from executors.agent.api import Answer, Api, Body, retrying
from executors.agent.claim import make_claim
from executors.agent.errors import ApiRefused, ApiUnavailable, AttemptOver, ClaimRefused, Stopped
from executors.agent.session import _EXIT_CODES
from executors.agent.waiting import _ask_until_assigned
from executors.contract import last_words
from executors.contract.exit_codes import API_LOST, CANCELLED, FENCED, NOT_DELIVERED, REFUSED
from executors.reporting import views, warm_pods
from executors.warm import records, waiting_room
from tests.simulation.history import Kind
from tests.simulation.schedule import Actor, Crash, Schedule
from tests.simulation.weather import Weather

CLAIM_SECONDS = 120.0
OUTAGE_SECONDS = 30.0
BEAT_SECONDS = 5.0
GRACE_SECONDS = 20.0
"""How long a cluster waits for an executor that was told to stop."""
KILLED = 137
HOLD_SECONDS = 18.0
"""How long a web process lets a warm pod wait; longer than the product's, since a turn in which nothing is new shows
nothing new either."""
NOTED_SECONDS = 6.0
"""How often a web process notes that a warm pod still waits; ``waiting_room`` does so more often, for the same."""
NODE_SECONDS = 1.0
"""After which a node that is back tells a pod to stop that was to stop meanwhile."""
_VIEWS = {"/claim": views.claim, "/heartbeat": views.heartbeat, "/result": views.result}
_FACTORY = RequestFactory()


@dataclass(kw_only=True)
class Network:
    """What lies between executors and site: requests reach a web process, or do not, or do twice."""

    schedule: Schedule
    weather: Weather
    story: Callable[[str], None]
    failed: Callable[[str], None]
    """Called with what a request raised."""
    open: int = 0
    """Requests on their way."""
    waiting: dict[UUID, Actor] = field(default_factory=dict)
    """The web processes at which warm pods wait."""

    def send(self, attempt_id: str, path: str, body: bytes, token: str) -> HttpResponse:
        """Raises OSError where a connection would be reset, or no answer comes."""
        weather = self.weather
        if weather.strikes("request lost"):
            self.story(f"{path} does not reach the site")
            raise ConnectionResetError
        if weather.strikes("request late"):
            self.schedule.sleep(weather.one_of("late request", (0.5, 4.0, 20.0)))
        if weather.strikes("request twice"):
            after = weather.one_of("second request", (0.0, 2.0, 20.0, 60.0))
            self.story(f"{path} comes twice, the second time after {after:g} s")
            self.open += 1
            self.schedule.start(f"web {path}", lambda: self._again(attempt_id, path, body, token), after=after)
        try:
            answer = self._answer(attempt_id, path, body, token)
        except Crash:
            acting = self.schedule.acting
            if acting is None or acting.killed:
                raise
            # The web process died, not the one that waits for it.
            raise ConnectionResetError from None
        if weather.strikes("answer to executor lost"):
            self.story(f"the answer to {path} is lost")
            raise TimeoutError
        return answer

    def _again(self, attempt_id: str, path: str, body: bytes, token: str) -> None:
        try:
            self._answer(attempt_id, path, body, token)
        finally:
            self.open -= 1

    def _answer(self, attempt_id: str, path: str, body: bytes, token: str) -> HttpResponse:
        request = _FACTORY.generic(
            "POST", path, body, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
        )
        self.schedule.point(f"before {path}")
        try:
            if path == "/wait":
                return self._wait(request, UUID(attempt_id))
            return _VIEWS[path](request, UUID(attempt_id))
        except Exception as error:
            self.failed(f"{path} raised {type(error).__name__}: {error}")
            return HttpResponse(status=500)

    def _wait(self, request: HttpRequest, pod_id: UUID) -> HttpResponse:
        """What ``warm_pods.wait`` does, except that its waiting is the schedule's."""
        answer = warm_pods._arrive(request, pod_id)
        clock, until = self.schedule.clock, self.schedule.clock.seconds + HOLD_SECONDS
        while answer is None and clock.seconds < until:
            if (actor := self.schedule.acting) is not None:
                self.waiting[pod_id] = actor
            self.schedule.sleep(min(NOTED_SECONDS, until - clock.seconds))
            self.waiting.pop(pod_id, None)
            if waiting_room._no_longer_waiting([pod_id]):
                answer = warm_pods._answer(pod_id)
                break
            records.note_seen([pod_id])
        return answer or JsonResponse({})

    def notify(self, channel: str) -> None:
        """Stand in for ``notify``: whoever waits looks again, after the commit."""
        for actor in self.waiting.values():
            self.schedule.wake(actor)


class NetworkApi(Api):
    """The executor's client, whose connection is the simulated network."""

    def __init__(self, network: Network, url: str, token: str, host: str) -> None:
        super().__init__(url, token, None, {})
        self._network = network
        self._host = host
        self._attempt_id = url.rpartition("/")[2]

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        return None  # type: ignore[return-value]

    def _exchange(
        self,
        connection: object,
        method: str,
        path: str,
        body: Body,
        content_type: str,
        into: object,
        token: str | None,
    ) -> tuple[Answer, float | None]:
        content = bytes(body or b"")
        if path == "/wait":
            # A pod's own name; here all pods are on one machine.
            content = json.dumps(json.loads(content) | {"host": self._host}).encode()
        answer = self._network.send(self._attempt_id, path, content, token or self.token)
        return Answer(answer.status_code, answer.content), None


@dataclass(kw_only=True)
class Executor:
    """One executor process; ``seen`` gets what it does, and ``ended`` its exit code and last words, once.

    A ``warm`` one waits first, and ``given`` is called with the attempt that it got.
    """

    schedule: Schedule
    weather: Weather
    network: Network
    name: str
    url: str
    token: str
    work_seconds: float
    stop_seconds: float
    """How long its command takes to end when it is interrupted."""
    succeeds: bool
    seen: Callable[..., None]
    ended: Callable[[int, str], None]
    pod: str = ""
    warm: bool = False
    given: Callable[[str], None] = lambda _attempt: None
    waits: bool = False
    actor: Actor | None = None
    stopping: bool = False
    begun: bool = False
    _words: str = field(default=last_words.UNCLAIMED)
    _over: bool = False
    _cut_off_until: float = 0.0

    def start(self) -> None:
        self.actor = self.schedule.start(self.name, self._life)

    def interrupt(self) -> None:
        """It is told to stop, and killed after its grace period; by its node, which is cut off as it is itself."""
        left = self._cut_off_until - self.schedule.clock.seconds
        if left > 0:
            self.schedule.at(left + NODE_SECONDS, self.interrupt)
            return
        self.stopping = True
        if self.waits:
            self._end_now(CANCELLED)
        else:
            self.schedule.at(GRACE_SECONDS, self.kill)

    def kill(self) -> None:
        self._end_now(KILLED)

    def _end_now(self, code: int) -> None:
        if self._over or self.actor is None:
            return
        self.schedule.kill(self.actor)
        self._end(code)

    def _end(self, code: int) -> None:
        if not self._over:
            self._over = True
            self.seen(Kind.GONE)
            self.ended(code, self._words)

    def _life(self) -> None:
        try:
            self._end(self._run())
        except Crash:
            self._end(KILLED)

    def _pause(self, seconds: float) -> None:
        self.schedule.sleep(seconds)
        if self.stopping and not self.begun:
            raise Stopped

    def _wait(self) -> int | None:
        """Wait for an attempt; the exit code if it gets none."""
        self.waits = True
        try:
            assignment = _ask_until_assigned(NetworkApi(self.network, self.url, self.token, self.pod))
        except ClaimRefused:
            return REFUSED
        except ApiUnavailable:
            return API_LOST
        finally:
            self.waits = False
        self.url, self.token = assignment.attempt_url, assignment.attempt_token
        self.given(self.url.rpartition("/")[2])
        self.seen(Kind.GIVEN)
        return None

    def _run(self) -> int:
        if self.warm and (code := self._wait()) is not None:
            return code
        api = NetworkApi(self.network, self.url, self.token, self.pod)
        try:
            make_claim(api, seconds=CLAIM_SECONDS, pause=self._pause)
        except ClaimRefused:
            return REFUSED
        except ApiUnavailable:
            return API_LOST
        except Stopped:
            return CANCELLED
        self._words = last_words.CLAIMED
        self.seen(Kind.CLAIMED)
        self.begun = True
        self.seen(Kind.BEGUN)
        outcome = self._work(api)
        self.seen(Kind.DONE)
        if outcome is None:
            return FENCED
        content = {"outcome": outcome, "exitCode": 0 if outcome == "succeeded" else 1, "reason": "", "message": outcome}
        if outcome == "cancelled":
            content["reason"] = "cancelled"
        try:
            retrying(lambda: api.post_json("/result", content), seconds=OUTAGE_SECONDS, pause=self._pause)
        except AttemptOver:
            return FENCED
        except (ApiUnavailable, ApiRefused):
            return NOT_DELIVERED
        self.seen(Kind.HEARD, status=outcome)
        return _EXIT_CODES[outcome]

    def _work(self, api: Api) -> str | None:
        """Work until all is done, and return the outcome; None once the attempt is not this process's any more."""
        left = self.work_seconds
        cut_off = 0.0
        while left > 0:
            self.schedule.sleep(min(left, BEAT_SECONDS))
            left -= BEAT_SECONDS
            if self.stopping:
                self.schedule.sleep(self.stop_seconds)
                return "cancelled"
            if self.weather.strikes("executor cut off"):
                cut_off = self.weather.one_of("cut off", (20.0, 70.0, 200.0))
                self._cut_off_until = self.schedule.clock.seconds + cut_off
                # Its work goes on nearly until then, so that its result is the first that the site hears again.
                left = max(left, cut_off - OUTAGE_SECONDS + BEAT_SECONDS)
            if cut_off > 0:
                # The node's network is gone; the work goes on.
                cut_off -= BEAT_SECONDS
                continue
            try:
                answer = json.loads(api.post_json("/heartbeat", {"phase": "apply"}, timeout=10).body)
            except AttemptOver:
                return None
            except (ApiUnavailable, ApiRefused):
                continue
            if answer.get("cancel") or answer.get("force"):
                self.stopping = True
        self.schedule.sleep(max(0.0, cut_off))
        return "succeeded" if self.succeeds else "failed"
