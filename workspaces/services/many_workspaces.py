"""Create the workspaces of a repository's folders, all or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_noop as _

from terrakube_site.messages import joined, message
from workspaces.actors import Actor
from workspaces.choices import WebhookEventType
from workspaces.errors import Duplicate, InvalidInput
from workspaces.models import Organization, Template, Webhook, WebhookEvent, Workspace
from workspaces.services.bulk import MAX_WORKSPACES
from workspaces.services.webhooks import create_event, create_webhook
from workspaces.services.workspaces import create_workspace

_OF_A_ROW = frozenset({"name", "folder"})


@dataclass(frozen=True, slots=True)
class NewWorkspace:
    """A workspace to create; ``folder`` is its path in the repository, "" for the top."""

    folder: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What webhooks of new workspaces start: plans of pull requests, and jobs of pushes where ``pushes`` says so."""

    template: Template
    pushes: bool = False
    apply_by_comment: bool = False


class WrongRows(InvalidInput):
    """Workspaces that cannot be created; ``fields`` maps the folder of each to a sentence."""

    def __init__(self, wrong: dict[str, str]) -> None:
        super().__init__(joined(" ", wrong.values()), fields=wrong)


def create_workspaces(
    organization: Organization,
    wanted: Sequence[NewWorkspace],
    *,
    by: Actor,
    listening: Listening | None = None,
    **attributes: object,
) -> list[Workspace]:
    """Create workspaces that differ in name and folder alone, with their webhooks, all or none.

    ``attributes`` are columns that they share. Raises WrongRows with what is wrong with each, InvalidInput for what is
    wrong with all of them, and NotAllowed.
    """
    if len(wanted) > MAX_WORKSPACES:
        raise InvalidInput(message(_("At most {number} workspaces are created at once."), number=MAX_WORKSPACES))
    names = Counter(one.name for one in wanted)
    wrong: dict[str, str] = {}
    made: list[Workspace] = []
    with transaction.atomic():
        for one in wanted:
            if "," in one.folder:
                # The columns of a workspace hold lists with commas between, of which the first counts.
                wrong[one.folder] = message(_("The path of a workspace cannot contain a comma. Rename the folder."))
                continue
            if names[one.name] > 1:
                wrong[one.folder] = message(_("Several folders have the name {name}."), name=one.name)
                continue
            try:
                workspace = create_workspace(organization, by=by, name=one.name, folder=f"/{one.folder}", **attributes)
            except Duplicate as error:
                wrong[one.folder] = error.message
            except InvalidInput as error:
                if not error.fields or error.fields.keys() - _OF_A_ROW:
                    raise
                wrong[one.folder] = joined(" ", error.fields.values())
            else:
                made.append(workspace)
        if wrong:
            raise WrongRows(wrong)
        if listening is not None:
            for workspace in made:
                _listen(workspace, listening, by=by)
    return made


def _listen(workspace: Workspace, listening: Listening, *, by: Actor) -> None:
    webhook = create_webhook(Webhook(workspace=workspace, migrated_v2=True), by=by)
    create_event(
        WebhookEvent(
            webhook=webhook,
            event=WebhookEventType.PULL_REQUEST,
            template=listening.template,
            pr_workflow_enabled=True,
            pr_apply_enabled=listening.apply_by_comment,
        ),
        by=by,
    )
    if listening.pushes:
        create_event(WebhookEvent(webhook=webhook, event=WebhookEventType.PUSH, template=listening.template), by=by)
