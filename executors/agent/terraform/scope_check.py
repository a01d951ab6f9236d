"""Check a plan against what its job asked for, before it is applied."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from executors.agent.context import Context
from executors.agent.errors import StepFailed
from executors.contract.plan_dependencies import Dependencies, read_dependencies
from executors.contract.scope import changes_beside_refresh, in_words, outside
from terrakube_site.sentences import marked as _

from .commands import Terraform


class ScopeCheck:
    """Holds a step to the addresses of its job; a job without any may change everything."""

    def __init__(self, context: Context, terraform: Terraform) -> None:
        self._context = context
        self._terraform = terraform
        self._stored = ""

    def remember_stored(self, plan: Path) -> None:
        """Record the plan that came from the API: an approval is for that plan alone."""
        self._stored = _digest(plan)

    def check_plan(self, plan: Path, shown: Path | None) -> None:
        """Stop a plan that cannot be applied later; `shown` is its JSON, None without it.

        A plan-only job gets a warning. Raises StepFailed.
        """
        scope = self._context.claim.scope
        if not scope.targets and not scope.refresh_only:
            # A job with replacements alone plans everything: the approver decides whether that is wanted.
            return
        try:
            self._compare(plan, shown)
        except StepFailed as failure:
            if not self._context.claim.plan_only:
                raise
            self._context.loudly(failure.message)

    def check_before_apply(self, plan: Path) -> Path:
        """Return the file to apply: the stored plan, if there is one, and inside the scope. Raises StepFailed.

        Scripts of the step and of the source can replace a stored plan. A step without one has made its own.
        """
        claim = self._context.claim
        # A copy that a background script cannot reach: the checked plan is the applied one.
        kept = self._context.private / "compared.tfplan"
        try:
            shutil.copyfile(plan, kept)
        except OSError as error:
            raise StepFailed(
                "plan-missing", _("The stored plan cannot be read: {error}."), error=error.strerror or error
            ) from None
        is_stored = self._stored == _digest(kept)
        # Of replacements alone the approver saw all changes.
        if claim.scope and not (claim.scope.replaces and not claim.scope.targets and claim.approved and is_stored):
            shown = self._context.private / "compared.json"
            try:
                self._compare(kept, shown if self._terraform.show_json(shown, plan=kept) else None)
            finally:
                shown.unlink(missing_ok=True)
        if self._stored and not is_stored:
            raise StepFailed(
                "plan-altered", _("A script of this step changed the stored plan, so nothing was applied.")
            )
        return kept

    def _compare(self, plan: Path, shown: Path | None) -> None:
        scope = self._context.claim.scope
        try:
            content = None if shown is None else _read(shown)
            found = outside(content, scope, lambda: self._dependencies(plan, content))
        except (KeyError, TypeError, AttributeError, ValueError):
            raise StepFailed(
                "scope-unknown",
                _("The plan cannot be read as JSON, so it cannot be checked against its job; nothing was applied."),
            ) from None
        if not found:
            return
        addresses = in_words(found)
        if scope.refresh_only and any(True for _changed in changes_beside_refresh(content)):
            raise StepFailed(
                "out-of-scope",
                _("The job only refreshes the state, but its plan has changes, so nothing was applied: {addresses}."),
                addresses=addresses,
            )
        if scope.targets:
            raise StepFailed(
                "out-of-scope",
                _("The plan goes beyond the job's targets, so nothing was applied: {addresses}."),
                addresses=addresses,
            )
        raise StepFailed(
            "out-of-scope",
            _(
                "The plan changes more than the job's replacements, and no person approved it, so nothing "
                "was applied: {addresses}."
            ),
            addresses=addresses,
        )

    def _dependencies(self, plan: Path, content: Any) -> Dependencies:
        drawn = self._context.private / "plan.dot"
        try:
            # If it fails, terraform's message is in the log, and only the state's dependencies count.
            graph = drawn.read_text(errors="replace") if self._terraform.graph(drawn, plan=plan) else ""
            return read_dependencies(graph, content, destroys=self._context.claim.scope.destroys)
        finally:
            drawn.unlink(missing_ok=True)


def _read(shown: Path) -> Any:
    """Parse the JSON of a plan after any text that a tool prints before it. Raises ValueError."""
    text = shown.read_text(errors="replace")
    return json.loads(text[max(0, text.find("{")) :])


def _digest(plan: Path) -> str:
    with plan.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
