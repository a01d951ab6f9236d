"""The site of a history: its queue and workers, and its watchers. Their code is the product's."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path

from django.db import connections

from executors import tasks
from executors.cluster import Manifest
from executors.installation.settings import Installation
from executors.watching import watcher
from executors.watching.diagnosis.statuses import trimmed
from executors.watching.lost_tasks import requeue_launches
from executors.watching.observer import Observer
from executors.watching.warm_pool import TURN_SECONDS
from tests.simulation.clock import MONOTONIC
from tests.simulation.cluster import SimulatedApi, SimulatedCluster, attempt_of, copied
from tests.simulation.schedule import Crash, Schedule
from tests.simulation.weather import Weather

TASK_SECONDS = 0.02
RETRY_SECONDS = 60.0
"""After which the broker gives a task again whose worker died."""
RESTART_SECONDS = 3.0
UNKNOWING_SECONDS = 15.0
"""For which a watcher that has lost its lock may go on."""
IDLE_SECONDS = 40.0
"""Longest time between two sweeps while they find nothing to do: a slow one for a history's sake."""

IDLE_POOL_SECONDS = 16.0
"""The same for the pool of warm pods."""


class Queue:
    """The task queue and its workers: a task is lost, late, done twice, or not accepted."""

    def __init__(
        self, schedule: Schedule, weather: Weather, story: Callable[[str], None], failed: Callable[[str], None]
    ) -> None:
        self._schedule = schedule
        self._weather = weather
        self._story = story
        self._failed = failed
        self.waiting = 0

    def put(self, name: str, *args: str | int) -> None:
        """Stand in for ``async_task``."""
        short = name.rpartition(".")[2]
        self._schedule.point(f"before queueing {short}")
        if self._weather.strikes("queue away"):
            self._story(f"the queue does not take {short}")
            raise ConnectionError("the queue is away")
        if self._weather.strikes("task lost"):
            self._story(f"the task {short} is lost")
            return
        after = self._weather.span("task late", TASK_SECONDS, (0.5, 4.0, 15.0, 60.0))
        self._work(short, args, after)
        if self._weather.strikes("task twice"):
            self._work(short, args, after + self._weather.one_of("task twice", (0.0, 1.0, 8.0)))

    def _work(self, name: str, args: tuple[str | int, ...], after: float) -> None:
        act = getattr(tasks, name)
        self.waiting += 1

        def work() -> None:
            try:
                act(*args)
            except Crash:
                self._schedule.at(RETRY_SECONDS, lambda: self._work(name, args, 0))
                raise
            except Exception as error:
                self._failed(f"the task {name} raised {type(error).__name__}: {error}")
            finally:
                self.waiting -= 1

        self._schedule.start(f"worker {name}", work, after=after)


class SimulatedObserver(Observer):
    """The product's copy of the cluster, fed by the schedule instead of by threads; late, or dead for a while."""

    def __init__(self, api: SimulatedApi, cluster: SimulatedCluster) -> None:
        super().__init__(api, cluster.namespace)  # type: ignore[arg-type]
        self._cluster = cluster
        self.wake: Callable[[], None] = lambda: None
        self._sees_pods = True
        self._dead = self._ended = False
        self._late: list[tuple[str, str, Manifest]] = []
        cluster.told.append(self._hear)

    def list_all(self) -> None:
        """List again, as after the end of a watch."""
        self._dead = False
        self._late.clear()
        cluster = self._cluster
        for reflector, objects in (
            (self._jobs, list(cluster.jobs.values())),
            (self._pods, [pod.body for pod in cluster.pods.values()]),
        ):
            # As the watch's selector says, warm pods are none of theirs before they have an attempt.
            reflector._replace({one["metadata"]["uid"]: trimmed(copied(one)) for one in objects if attempt_of(one)})

    def stop(self) -> None:
        super().stop()
        self._ended = True
        if self._hear in self._cluster.told:
            self._cluster.told.remove(self._hear)

    def _hear(self, kind: str, what: str, one: Manifest) -> None:
        weather, schedule = self._cluster.weather, self._cluster.schedule
        if self._dead or self._ended or not attempt_of(one):
            return
        if weather.strikes("watch dead"):
            self._dead = True
            self._cluster.story("the watch hears nothing any more")
            schedule.at(weather.one_of("dead watch", (5.0, 30.0, 70.0)), self._relist)
            return
        self._late.append((kind, what, one))
        schedule.at(weather.span("watch late", 0.05, (1.0, 6.0, 20.0)), self._deliver)

    def _relist(self) -> None:
        if not self._ended:
            self.list_all()
            self.wake()

    def _deliver(self) -> None:
        # In their order: a late one holds up those after it.
        if self._late and not self._ended:
            kind, what, one = self._late.pop(0)
            (self._jobs if kind == "Job" else self._pods)._apply(what, trimmed(one))
            self.wake()


class _AlwaysHeld:
    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return


class _Watcher(watcher.Watcher):
    """The product's watcher, whose waiting is the schedule's."""

    def __init__(self, conf: Installation, observer: SimulatedObserver) -> None:
        super().__init__(conf, Path("unused"))
        self._lock = _AlwaysHeld()
        self._observer = observer
        self.become_active()

    def sweep_once(self) -> None:
        assert self._observer is not None
        self.sweep.run(self._view(), self._observer.api)

    def keep_pool(self) -> None:
        assert self._observer is not None
        self._warm_pool.turn(self._observer.api)

    def look(self) -> None:
        assert self._observer is not None
        self._look_again()
        if self._named or not self._observer.changed.empty():
            self._inspect_changed(until=0.0)

    @property
    def due(self) -> float:
        """When to look again, on the monotonic clock."""
        return self._soonest()


class Watchers:
    """One watcher after the other, and for a while two at once where the first lost its lock without knowing."""

    def __init__(
        self,
        schedule: Schedule,
        weather: Weather,
        cluster: SimulatedCluster,
        conf: Installation,
        api: Callable[[], SimulatedApi],
        failed: Callable[[str], None],
    ) -> None:
        self._schedule, self._weather, self._cluster = schedule, weather, cluster
        self._conf, self._api, self._failed = conf, api, failed
        self._active = 0
        self._until = 0.0

    def start(self) -> None:
        """Start a watcher, which from now on is the active one."""
        self._active += 1
        number = self._active
        observer = SimulatedObserver(self._api(), self._cluster)
        actor = self._schedule.start(f"watcher {number}", lambda: self._life(number, observer))
        observer.wake = lambda: self._schedule.wake(actor)

    def _life(self, number: int, observer: SimulatedObserver) -> None:
        try:
            self._watch(number, observer)
        except Crash:
            self._end(number, observer)
            raise
        except Exception as error:
            self._failed(f"the watcher raised {type(error).__name__}: {error}")
            self._end(number, observer)

    def _end(self, number: int, observer: SimulatedObserver) -> None:
        observer.stop()
        if number == self._active:
            self._schedule.at(RESTART_SECONDS, self.start)

    def _watch(self, number: int, observer: SimulatedObserver) -> None:
        observer.list_all()
        one = _Watcher(self._conf, observer)
        clock = self._schedule.clock
        next_sweep, pause = clock.seconds, watcher.SWEEP_SECONDS
        next_pool, pool_pause = clock.seconds if self._conf.warm_pods else inf, TURN_SECONDS
        while number == self._active or clock.seconds < self._until:
            if clock.seconds >= next_sweep:
                before = _changes()
                one.sweep_once()
                # A sweep that finds nothing to do is as good as none, and costs as much as any.
                pause = watcher.SWEEP_SECONDS if _changes() != before else min(2 * pause, IDLE_SECONDS)
                next_sweep = clock.seconds + pause
                if self._weather.strikes("second watcher") and number == self._active:
                    self._cluster.story(f"watcher {number} has lost its lock and does not know")
                    self._until = clock.seconds + UNKNOWING_SECONDS
                    self.start()
            if clock.seconds >= next_pool:
                before = _changes()
                one.keep_pool()
                pool_pause = TURN_SECONDS if _changes() != before else min(2 * pool_pause, IDLE_POOL_SECONDS)
                next_pool = clock.seconds + pool_pause
            waiting = _has_new_attempts()
            if waiting:
                requeue_launches(one.sweep.requeue)
            one.look()
            due = min(next_sweep, next_pool, one.due - MONOTONIC)
            if waiting or _has_new_attempts():
                due = min(due, clock.seconds + watcher.DUE_SECONDS)
            if observer.changed.empty():
                self._schedule.sleep(max(0.0, due - clock.seconds))
        observer.stop()


def _changes() -> int:
    """Return how many rows were changed so far."""
    return int(connections["default"].connection.total_changes)


def _has_new_attempts() -> bool:
    found = connections["default"].connection.execute("SELECT 1 FROM executors_attempt WHERE state = 'new' LIMIT 1")
    return found.fetchone() is not None
