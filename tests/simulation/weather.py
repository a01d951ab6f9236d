"""Which faults a history has, and how often they strike. Few kinds at once, so that each gets its turn undisturbed."""

from __future__ import annotations

from collections.abc import Sequence

from tests.simulation.choices import Choices

FAULTS = {
    "crash": 0.02,
    "pause": 0.05,
    "task lost": 0.2,
    "task late": 0.3,
    "task twice": 0.2,
    "queue away": 0.1,
    "request lost": 0.2,
    "answer to executor lost": 0.2,
    "request late": 0.1,
    "request twice": 0.2,
    "executor cut off": 0.15,
    "api away": 0.1,
    "answer lost": 0.1,
    "slow cluster": 0.2,
    "second pod": 0.3,
    "job deleted": 0.2,
    "no node": 0.15,
    "evicted": 0.2,
    "killed": 0.2,
    "watch late": 0.3,
    "watch dead": 0.1,
    "second watcher": 0.1,
}
"""Each fault, and how likely it strikes at each occasion while the weather has it."""


class Weather:
    """The faults of one history, until the calm."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        # A quarter of all histories has hardly any fault; the rest has up to a third of all kinds.
        likely = (0.03, 0.1, 0.2, 0.33)[choices.pick("weather", 4)]
        self._rates = {name: rate for name, rate in FAULTS.items() if choices.happens(f"has {name}", likely)}
        self.calm = False

    def strikes(self, fault: str) -> bool:
        """Return whether this fault strikes here; asked at each of its occasions."""
        return self._choices.happens(fault, self._rates.get(fault, 0.0)) and not self.calm

    def one_of(self, fault: str, choice: Sequence[float]) -> float:
        """Choose how bad it is, in seconds; the first is the least."""
        return choice[self._choices.pick(f"how {fault}", len(choice))]

    def span(self, fault: str, usual: float, others: Sequence[float]) -> float:
        """Choose a duration in seconds: the usual one, or one of the others where the fault strikes."""
        return self.one_of(fault, others) if self.strikes(fault) else usual
