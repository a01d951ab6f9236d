"""Who acts when: processes as coroutines that can stand still, or die, between any two of their acts."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from greenlet import getcurrent, greenlet

from tests.simulation.clock import Clock
from tests.simulation.weather import Weather

_PAUSES = (0.0, 0.3, 2.0, 7.0, 25.0, 70.0)
"""How long a process may stand still, in seconds: from a switch to another to a machine that swaps."""

_MOST_AT_A_MOMENT = 2_000
"""Events at one moment. A right history has some dozens."""


class Crash(BaseException):
    """A process dies here. No handler of the product's may stop it, hence no Exception."""


class Actor:
    """A process, or one of its threads."""

    def __init__(self, name: str, body: Callable[[], None], parent: greenlet) -> None:
        self.name = name
        self.killed = self.over = False
        self.sleeps = 0
        """How often it slept: a call to wake up that is for an earlier sleep is none."""
        self.greenlet = greenlet(body, parent=parent)


class Schedule:
    """The events to come, in the order of their time; ``story`` gets what befalls processes."""

    def __init__(self, weather: Weather, clock: Clock, story: Callable[[str], None]) -> None:
        self.clock = clock
        self.weather = weather
        self.acting: Actor | None = None
        self._story = story
        self._hub = getcurrent()
        self._order = count()
        self._actors: list[Actor] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something so many seconds from now."""
        heapq.heappush(self._events, (self.clock.seconds + max(0.0, seconds), next(self._order), act))

    def start(self, name: str, body: Callable[[], None], *, after: float = 0.0) -> Actor:
        """Start a process. Its body must let Crash end it quietly."""
        actor = Actor(name, self._guarded(body), self._hub)
        self._actors.append(actor)
        self.at(after, lambda: self._resume(actor, 0))
        return actor

    @staticmethod
    def _guarded(body: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                body()
            except Crash:
                return

        return run

    def kill(self, actor: Actor) -> None:
        """Let a process die where it stands."""
        actor.killed = True
        self.wake(actor)

    def wake(self, actor: Actor) -> None:
        """Let a process that sleeps go on now."""
        sleep = actor.sleeps
        self.at(0, lambda: self._resume(actor, sleep))

    def _resume(self, actor: Actor, sleep: int) -> None:
        if actor.over or (sleep != actor.sleeps and not actor.killed):
            return
        if actor.killed and not actor.greenlet:
            # It had not begun, and never will.
            actor.over = True
            return
        self.acting = actor
        try:
            if actor.killed:
                actor.greenlet.throw(Crash)
            else:
                actor.greenlet.switch()
        finally:
            self.acting = None
            actor.over = actor.greenlet.dead

    def sleep(self, seconds: float) -> None:
        """Let the acting process sleep; without one, time passes for all."""
        actor = self.acting
        if actor is None or getcurrent() is not actor.greenlet:
            self.clock.seconds += seconds
            return
        actor.sleeps += 1
        sleep = actor.sleeps
        self.at(seconds, lambda: self._resume(actor, sleep))
        self._hub.switch()
        if actor.killed:
            raise Crash

    def point(self, where: str) -> None:
        """A moment between two acts of a process, in which it may die or stand still while others act."""
        actor = self.acting
        if actor is None:
            return
        if self.weather.strikes("crash"):
            self._story(f"{actor.name} dies {where}")
            raise Crash
        if self.weather.strikes("pause"):
            seconds = self.weather.one_of("pause", _PAUSES)
            self._story(f"{actor.name} stands still for {seconds:g} s {where}")
            self.sleep(seconds)

    def run(self, *, until: Callable[[], bool], limit: float) -> bool:
        """Let everything happen until a condition holds.

        False if it does not before so many seconds on the clock, or if a process does something for ever at one moment.
        """
        at_this_moment = 0
        while not until():
            if not self._events or self._events[0][0] > limit:
                return False
            seconds, _order, act = heapq.heappop(self._events)
            at_this_moment = 0 if seconds > self.clock.seconds else at_this_moment + 1
            if at_this_moment > _MOST_AT_A_MOMENT:
                self._story("something is done again and again, and no time passes")
                return False
            self.clock.seconds = max(self.clock.seconds, seconds)
            act()
        return True

    def end(self) -> None:
        """Let all that sleep die, and nothing happen any more."""
        for actor in self._actors:
            if not actor.over:
                actor.killed = True
                self._resume(actor, 0)
        self._actors.clear()
        self._events.clear()
