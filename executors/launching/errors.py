"""Why a launch did not happen."""


class LaunchError(Exception):
    """A launch failed; ``code`` is stable, the message a sentence for the step.

    ``retryable``: the same attempt may be launched later, as nothing of it ran.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
