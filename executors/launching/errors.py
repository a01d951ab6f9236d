"""The error of a launch."""

from workspaces.reasons import Reason


class LaunchError(Exception):
    """A launch failed, for the reason ``why``.

    ``retryable``: the same attempt may be launched later, as nothing of it ran. ``waits``: the longer it failed, the
    later, as its cluster answers nobody.
    """

    def __init__(self, why: Reason, *, retryable: bool = False, waits: bool = False) -> None:
        super().__init__(str(why))
        self.why = why
        self.retryable = retryable
        self.waits = waits
