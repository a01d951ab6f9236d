"""The error of a launch."""

from workspaces.reasons import Reason


class LaunchError(Exception):
    """A launch failed, for the reason ``why``.

    ``retryable``: the same attempt may be launched later, as nothing of it ran.
    """

    def __init__(self, why: Reason, *, retryable: bool = False) -> None:
        super().__init__(str(why))
        self.why = why
        self.retryable = retryable
