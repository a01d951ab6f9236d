"""From an atlantis.yaml to workspaces, templates and webhooks, and to what could not be carried over. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vcs.atlantis.config import Config, Project
from vcs.atlantis.workflows import WorkflowPlan, converted_workflow
from workspaces.choices import IacType

_GLOB = re.compile(r"[*?\[]")
_PLAIN_BRANCH = re.compile(r"\^?(?P<name>[A-Za-z0-9_/-]+)\$?")
_REQUIREMENTS = ("approved", "mergeable", "undiverged")
_LONGEST_NAME = 64
_LONGEST_PATH = 512
PLAIN_TEMPLATE = "Plan, approve, apply"
"""The default template for projects without a workflow of their own."""

BY_COMMENT_ALONE = ".git/never"
"""A path that no commit changes, for projects that are not planned by themselves: comments match any path."""
_WHOLE_FILE = {
    "automerge": "Pull requests are not merged by the site; merge them, or let the provider merge them on success.",
    "autodiscover": "Workspaces are not found by themselves; make them from the repository's page, many at once.",
    "delete_source_branch_on_merge": "Branches are deleted by the provider's own setting.",
    "abort_on_execution_order_fail": "Workspaces have no order among each other.",
    "allowed_regexp_prefixes": "A command names one workspace or folder, not an expression.",
    "policies": "Policy checks by conftest are not carried over.",
    "emoji_reaction": "Commands are acknowledged with reactions of the site's own choice.",
    "silence_pr_comments": "Comments are written for workspaces whose webhook has them switched on.",
}
_DONE_ANYWAY = {"parallel_plan", "parallel_apply"}
_PROJECT = {
    "execution_order_group": "Workspaces have no order among each other; their jobs run at once.",
    "depends_on": "Workspaces have no order among each other; apply them one after the other.",
    "plan_requirements": "A plan of a pull request has no requirements.",
    "import_requirements": "There is no import by comment.",
    "delete_source_branch_on_merge": "Branches are deleted by the provider's own setting.",
    "policy_check": "Policy checks by conftest are not carried over.",
    "custom_policy_check": "Policy checks by conftest are not carried over.",
    "silence_pr_comments": "Comments are written for workspaces whose webhook has them switched on.",
    "glob_file_match": "Workspaces are not found by themselves.",
}
_LOCKS = {"repo_locking", "repo_locks"}


@dataclass(frozen=True, slots=True)
class Note:
    """What could not be carried over, or is otherwise here: ``about`` a project, a workflow or a key of the file."""

    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspacePlan:
    """A workspace as it would be created; ``paths`` are globs of changed files, empty for folder and local modules.

    ``requirements`` are those before an apply, None for the usual.
    """

    name: str
    folder: str
    branch: str
    tool: IacType
    version: str
    template: str
    paths: tuple[str, ...] = ()
    requirements: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What an atlantis.yaml becomes; ``templates`` are the flows of its workflows by the templates' names."""

    workspaces: tuple[WorkspacePlan, ...]
    templates: Mapping[str, str]
    notes: tuple[Note, ...]


def convert(config: Config, *, branch: str, version: str) -> Conversion:
    """Return what a file becomes; ``branch`` and ``version`` are for projects that name none."""
    return _Conversion(config, branch, version).convert()


class _Conversion:
    def __init__(self, config: Config, branch: str, version: str) -> None:
        self._config = config
        self._branch = branch
        self._version = version
        self._notes: list[Note] = []
        self._names: set[str] = set()
        self._workflows: dict[str, WorkflowPlan] = {}

    def convert(self) -> Conversion:
        for key, value in self._config.others.items():
            if key not in _DONE_ANYWAY and value not in (False, None, [], ""):
                self._note(key, _WHOLE_FILE.get(key, "This key is not known here."))
        if not self._config.projects:
            self._note("projects", "The file has none. Atlantis then finds them by itself; make workspaces of folders.")
        found = [one for one in map(self._workspace, self._config.projects) if one is not None]
        unused = self._config.workflows.keys() - self._workflows.keys()
        for name in sorted(unused):
            self._note(f"workflow {name}", "No project that was carried over uses it.")
        templates = {plan.template: plan.flow for plan in self._workflows.values() if plan.flow}
        return Conversion(workspaces=tuple(found), templates=templates, notes=tuple(self._notes))

    def _note(self, about: str, text: str) -> None:
        note = Note(about, text)
        if note not in self._notes:
            self._notes.append(note)

    def _workspace(self, project: Project) -> WorkspacePlan | None:
        about = f"project {project.name or project.directory}"
        if _GLOB.search(project.directory):
            self._note(about, "Its dir is a pattern. Name each folder, or make workspaces from the repository's page.")
            return None
        for key, value in project.others.items():
            self._other_key(about, key, value)
        folder = posixpath.normpath(f"/{project.directory}").strip("/")
        if project.workspace != "default":
            self._note(
                about,
                f"Terraform's workspace {project.workspace!r} becomes a workspace of its own; its state is imported "
                f"from there, and env/{project.workspace}.tfvars is not read by itself.",
            )
        workflow = self._workflow(about, project.workflow)
        return WorkspacePlan(
            name=self._name(about, project, folder),
            folder=folder,
            branch=self._target(about, project.branch),
            tool=IacType.TOFU if project.distribution == "opentofu" else IacType.TERRAFORM,
            version=project.version.removeprefix("v") or self._version,
            template=workflow.template if workflow and workflow.flow else PLAIN_TEMPLATE,
            paths=self._paths(about, project, folder) if project.autoplan else (BY_COMMENT_ALONE,),
            requirements=self._requirements(about, project),
            variables=dict(workflow.variables) if workflow else {},
        )

    def _other_key(self, about: str, key: str, value: object) -> None:
        if key in _LOCKS:
            off = value is False or (isinstance(value, dict) and value.get("mode") == "disabled")
            if off:
                self._note(about, f"{key}: a job that applies always holds its workspace.")
            return
        if value not in (False, None, [], 0):
            self._note(about, f"{key}: {_PROJECT.get(key, 'This key is not known here.')}")

    def _name(self, about: str, project: Project, folder: str) -> str:
        wanted = project.name or folder or "root"
        if not project.name and project.workspace != "default":
            wanted = f"{wanted}-{project.workspace}"
        # A workspace's name is part of addresses, so it has no slash.
        name = re.sub(r"[^\w.-]+", "-", wanted).strip("-.")[:_LONGEST_NAME] or "root"
        free, number = name, 2
        while free in self._names:
            ending = f"-{number}"
            free, number = name[: _LONGEST_NAME - len(ending)] + ending, number + 1
        self._names.add(free)
        if free != wanted:
            self._note(about, f"Its workspace is called {free}.")
        return free

    def _target(self, about: str, expression: str) -> str:
        if not expression:
            return self._branch
        plain = _PLAIN_BRANCH.fullmatch(expression.strip("/"))
        if plain:
            return plain["name"]
        self._note(
            about, f"branch {expression}: a workspace has one branch, to which pull requests go: {self._branch}."
        )
        return self._branch

    def _paths(self, about: str, project: Project, folder: str) -> tuple[str, ...]:
        if project.when_modified is None:
            return ()
        found = []
        for pattern in project.when_modified:
            if pattern.startswith("!"):
                self._note(about, f"when_modified {pattern}: there are no exceptions from the other patterns.")
                continue
            joined = posixpath.normpath(posixpath.join("/", folder, pattern)).lstrip("/")
            if "," in joined:
                self._note(about, f"when_modified {pattern}: a pattern holds no comma.")
            elif _leaves(folder, pattern):
                self._note(about, f"when_modified {pattern}: it leads out of the repository.")
            else:
                found.append(joined)
        if len(",".join(found)) > _LONGEST_PATH:
            self._note(about, f"when_modified has more than {_LONGEST_PATH} characters: the folder is watched.")
            return ()
        return tuple(found)

    def _requirements(self, about: str, project: Project) -> tuple[str, ...] | None:
        if project.apply_requirements is None:
            return None
        for name in project.apply_requirements:
            if name not in _REQUIREMENTS:
                self._note(about, f"apply_requirements: there is no {name!r}.")
        return tuple(name for name in project.apply_requirements if name in _REQUIREMENTS)

    def _workflow(self, about: str, name: str) -> WorkflowPlan | None:
        if not name:
            return None
        if name not in self._config.workflows:
            self._note(about, f"workflow {name}: it is defined on Atlantis' server, in repos.yaml.")
            return None
        if name not in self._workflows:
            made = converted_workflow(name, self._config.workflows[name])
            self._workflows[name] = made
            for text in made.notes:
                self._note(f"workflow {name}", text)
        return self._workflows[name]


def _leaves(folder: str, pattern: str) -> bool:
    depth = len([part for part in folder.split("/") if part])
    for part in pattern.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def lines_of(conversion: Conversion) -> Iterable[str]:
    """Return the lines that show a conversion to who asked for it."""
    for one in conversion.workspaces:
        yield f"workspace {one.name}"
        yield f"  folder {one.folder or '/'}, branch {one.branch}, {one.tool} {one.version}"
        yield f"  template {one.template}"
        for key in one.variables:
            yield f"  variable {key}"
        if one.paths == (BY_COMMENT_ALONE,):
            yield "  plans pull requests by comment alone"
        else:
            yield f"  plans pull requests that change {', '.join(one.paths) or 'its folder or a local module it uses'}"
        if one.requirements is not None:
            yield f"  applies by comment once {' and '.join(one.requirements) or 'planned'}"
    for name, flow in conversion.templates.items():
        yield f"template {name}"
        yield from (f"  {line}" for line in flow.splitlines())
    if conversion.notes:
        yield "not carried over:"
        yield from (f"  {note}" for note in conversion.notes)
