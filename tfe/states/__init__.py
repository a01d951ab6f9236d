"""States of workspaces and the locks under which they are written."""

from tfe.states import builders
from tfe.states.urls import urlpatterns

__all__ = ["builders", "urlpatterns"]
