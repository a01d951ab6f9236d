"""Stop a step whose environment would store the state elsewhere than on the site.

The site refuses such variables when they are saved. They can still come from a variable saved earlier, from the
image, or from `.terrakube_temp_env`.
"""

from __future__ import annotations

from collections.abc import Mapping

from executors.agent.errors import StepFailed
from terrakube_site.sentences import marked as _
from terrakube_site.terraform.state_arguments import HTTP, WORKSPACE, is_other_workspace, refused_flag


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise StepFailed for a variable that would take the state away from the site."""
    for name, value in environment.items():
        flag = refused_flag(name, value)
        if flag is not None:
            raise StepFailed(
                "backend-replaced",
                _(
                    "{name} contains {flag}, which would store the state elsewhere: this site keeps the state. "
                    "Remove the argument from the variable."
                ),
                name=name,
                flag=flag,
            )
        if is_other_workspace(name, value):
            raise StepFailed(
                "backend-replaced",
                _(
                    "{name} would select another workspace's state. Delete the variable, and create one workspace "
                    "for each state."
                ),
                name=WORKSPACE,
            )


def without_backend(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would configure the backend in our place."""
    return {name: value for name, value in environment.items() if name != WORKSPACE and not name.startswith(HTTP)}
