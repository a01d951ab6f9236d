"""What a service refuses, as exceptions; views turn them into 400, 403, 409 and 424."""

from collections.abc import Mapping

from terrakube_site.messages import joined


class ServiceError(Exception):
    """A request that a service refuses; ``message`` is a sentence for the user."""

    code = "refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(ServiceError):
    """Input that can't be used; ``fields`` maps the names of the fields to blame to what is wrong with them."""

    code = "invalid"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class WrongSettings(InvalidInput):
    """Pod settings that cannot be used; ``fields`` maps each variable to blame to a sentence."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__(joined(" ", wrong.values()), fields=wrong)


class NotAllowed(ServiceError):
    """The user's teams don't give the right for this."""

    code = "not-allowed"


class WrongState(ServiceError):
    """The record is not in a state in which this can be done.

    ``keep``: what was found out on the way is written, and must stay so although the request is refused.
    """

    code = "wrong-state"

    def __init__(self, message: str, *, keep: bool = False) -> None:
        super().__init__(message)
        self.keep = keep


class NotRegistered(ServiceError):
    """A provider refused what must be registered there, with its words."""

    code = "not-registered"


class Duplicate(WrongState):
    """A name or key that another record has already."""

    code = "duplicate"
