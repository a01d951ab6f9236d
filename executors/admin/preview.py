"""Preview of the Kubernetes Job that a step of a workspace would get: YAML, origins, changes and references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from executors.cluster import ClusterError, Manifest
from executors.clusters.reaching import Place, place_for
from executors.installation import limits
from executors.installation.settings import installation
from executors.launching import last_launch, line_origins, warm_start
from executors.launching.redaction import redact_job
from executors.launching.yaml_lines import job_changes, yaml_lines
from executors.models import LastLaunch
from executors.preview import dry_run
from executors.preview.expected_job import expected_job, place_of_steps
from executors.warm import records
from terrakube_site.env import SettingErrors
from terrakube_site.messages import message, translated
from workspaces.admin.base import actor_of, allows
from workspaces.admin.workspace_tabs import pod_settings_of
from workspaces.admin.workspaces import WorkspaceAdmin
from workspaces.choices import Category, StepType
from workspaces.errors import NotAllowed
from workspaces.forms.ephemeral import EphemeralForm
from workspaces.models import Workspace
from workspaces.models.variable import HIDDEN
from workspaces.permissions import require_permission
from workspaces.pods import EphemeralSyntaxErrors, name_for, pod_settings, step_ending
from workspaces.pods.policy.rules import Rule
from workspaces.variables.in_force import INSTALLATION, WORKSPACE, Inputs, workspace_inputs

IN_A_POD = (StepType.PLAN, StepType.APPLY, StepType.DESTROY, StepType.PLAN_DESTROY, StepType.SCRIPTS)


_ASK = gettext_noop("ask the cluster")
_CLUSTER = gettext_noop("Cluster {name}")


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of the Job's YAML; ``setting`` is the variable that says it, and ``origin`` who set that."""

    text: str
    setting: str
    origin: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a setting comes from; ``lock`` is the policy rule that fixes the value."""

    name: str
    value: str
    origin: str
    lock: Rule | None = None
    limits: tuple[str, ...] = ()
    refusal: str = ""


def preview_view(page: WorkspaceAdmin, request: HttpRequest, pk: Any) -> HttpResponse:
    """Show the Kubernetes Job of a step; a POST asks the cluster about it. Nothing is created."""
    workspace: Workspace = page.visible(request, pk)
    asked = request.POST.get("type") or request.GET.get("type", StepType.PLAN)
    kind = StepType(asked) if asked in IN_A_POD else StepType.PLAN
    inputs = workspace_inputs(workspace)
    form = EphemeralForm(
        None,
        workspace=workspace,
        defaults=page.addition.executor_defaults(),
        inherited_from=partial(pod_settings_of, request, workspace),
    )
    place = _place(inputs.for_step(kind), workspace.organization_id)
    found = list(_origins(workspace, place, form))
    context: dict[str, Any] = {"text": "", "lines": [], "errors": [], "needs": [], "answer": None}
    try:
        context |= _shown(workspace, kind, inputs, {one.name: one.origin for one in found})
        refused = [refusal.message for refusal in inputs.for_step(kind).refusals]
        lost = inputs.for_step(kind).lost
        context["errors"] = [translated(text) for text in ([lost] if lost else []) + refused]
        if request.method == "POST":
            require_permission(
                actor_of(request),
                workspace.organization,
                "plan_job",
                action=gettext_noop("ask the cluster"),
                workspace=workspace,
            )
            context["answer"] = dry_run.dry_run_step(workspace, kind)
            context["needs"] = dry_run.look_up(place_of_steps(workspace, kind), context["needs"])
            context["answer"] = context["answer"].with_needs(context["needs"])
    except EphemeralSyntaxErrors as error:
        context["errors"] = [translated(str(one)) for one in error.errors]
    except (NotAllowed, SettingErrors) as error:
        context["errors"] = [translated(str(error))]
    except ClusterError:
        # The answer says already that the cluster could not be asked.
        pass
    context |= {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": _("Kubernetes Job of %(workspace)s") % {"workspace": workspace.shown_name},
        "workspace": workspace,
        "original": workspace,
        "kinds": [(choice.value, choice.label) for choice in IN_A_POD],
        "kind": kind.value,
        "origins": found,
        "may_ask": allows(request, "plan_job", workspace),
    }
    return TemplateResponse(request, "terrakube/preview.html", context)


def _mounted_claim(last: LastLaunch | None) -> bool | None:
    """Return whether the last Job mounted the claim of the provider cache; None when there is no last Job."""
    if last is None:
        return None
    volumes = last.manifest["spec"]["template"]["spec"].get("volumes", ())
    return any(volume["name"] == "tf-plugin-volume" for volume in volumes) or None


def _shown(workspace: Workspace, kind: StepType, inputs: Inputs, by: Mapping[str, str]) -> dict[str, Any]:
    """Return the Job in lines, what it needs and how it differs from the last. Raises EphemeralSyntaxErrors."""
    last = last_launch.last_launch(workspace, kind)
    body = expected_job(workspace, kind, inputs=inputs, claim_exists=_mounted_claim(last))
    own = inputs.for_step(kind)
    pod = pod_settings(own.texts(Category.ENV), own.hidden)
    shown = redact_job(body, own.environment)
    lines = []
    for line in yaml_lines(shown):
        name = name_for(line_origins.setting_name(line.place, pod), step_ending(kind), inputs.environment)
        lines.append(ShownLine(line.text, name, by.get(name, "") if name else ""))
    is_secret = last is not None and last_launch.shows_secrets(own.environment, last)
    return {
        "lines": lines,
        "text": "".join(f"{line.text}\n" for line in lines),
        "needs": dry_run.referenced_objects(shown),
        "warm": None if pod.cluster else _warm_pods(body),
        "last": last,
        "last_is_secret": is_secret,
        "changes": job_changes(last.manifest, shown) if last is not None and not is_secret else [],
    }


def _warm_pods(body: Manifest) -> int | None:
    """Return how many warm pods wait for a step with this Job; None if no warm pod may run it."""
    shape = warm_start.warm_shape(body, installation())
    return records.waiting_pods(shape).count() if shape else None


def _place(inputs: Inputs, organization_id: UUID) -> Place | None:
    """Return the cluster of a step with these variables, None if that is not known."""
    try:
        pod = pod_settings(inputs.texts(Category.ENV), inputs.hidden)
        return place_for(pod.cluster, organization_id, installation())
    except (EphemeralSyntaxErrors, ClusterError, SettingErrors):
        return None


def _origins(workspace: Workspace, place: Place | None, form: EphemeralForm) -> Iterator[Origin]:
    """What shapes the Job: the name, the value in force, where it comes from, and what the policies say of it."""
    try:
        conf = installation()
    except SettingErrors:
        return
    there = place.conf.namespace if place is not None else conf.namespace
    cluster = place.name if place is not None else ""
    deadline = limits.limit_in_force("step_seconds", workspace)
    yield Origin(
        line_origins.NAMESPACE, there, translated(message(_CLUSTER, name=cluster)) if cluster else INSTALLATION
    )
    for name, value in (
        (line_origins.IMAGE, conf.image),
        (line_origins.SECRET, ", ".join(conf.secrets)),
        (line_origins.PULL_SECRETS, ", ".join(conf.image_pull_secrets)),
        (line_origins.PULL_POLICY, conf.image_pull_policy or ""),
        (line_origins.TTL, str(conf.ttl_seconds)),
    ):
        if value:
            yield Origin(name, value, INSTALLATION)
    if deadline.value is not None and deadline.value < conf.deadline_seconds:
        yield Origin(line_origins.DEADLINE, str(deadline.value), deadline.origin)
    else:
        yield Origin(line_origins.DEADLINE, str(conf.deadline_seconds), INSTALLATION)
    for entry in (form.switch, *(entry for group in form.groups for entry in group[1])):
        if not (entry.is_set or entry.inherited or entry.lock):
            continue
        text, origin = (entry.text, WORKSPACE) if entry.is_set else (entry.inherited, entry.origin)
        yield Origin(
            entry.setting.name,
            HIDDEN if entry.is_set and entry.sensitive else text,
            origin if text or entry.is_set else "",
            lock=entry.lock,
            limits=entry.limits,
            refusal=entry.refusal,
        )
