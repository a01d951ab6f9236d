"""Pull requests as deliveries and the provider told of them, and what a workspace asks of one before it applies."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from workspaces.models import Organization, Vcs, WebhookEvent, Workspace
from workspaces.querysets import ScopedQuerySet, WorkspaceScopedQuerySet
from workspaces.truncation import FittingField


class PullRequestQuerySet(ScopedQuerySet[Any]):
    """Pull requests, visible to the members of their connection's organization."""

    path = "vcs__organization"


class PullRequest(models.Model):
    """A pull request of a repository; ``repository`` is its normalized address.

    Of one from a fork nothing runs but the commit that somebody with the right allowed, ``allowed_commit``: a newer
    commit needs to be allowed again.
    """

    vcs = models.ForeignKey(Vcs, on_delete=models.CASCADE, related_name="pull_requests")
    repository = models.CharField(max_length=512)
    number = models.PositiveBigIntegerField()
    title = FittingField(max_length=512, blank=True, default="")
    author = FittingField(max_length=256, blank=True, default="")
    branch = FittingField(max_length=512, blank=True, default="")
    target_branch = FittingField(max_length=512, blank=True, default="")
    commit = FittingField(max_length=64, blank=True, default="")
    fork = models.BooleanField(default=True, help_text=_("Whether its commits come from another repository."))
    open = models.BooleanField(default=True)
    merged = models.BooleanField(default=False)
    allowed_commit = models.CharField(
        max_length=64, blank=True, default="", help_text=_("Commit of a fork that may be planned.")
    )
    allowed_by = FittingField(max_length=256, blank=True, default="")
    created_date = models.DateTimeField(auto_now_add=True)
    updated_date = models.DateTimeField(auto_now=True)

    objects = PullRequestQuerySet.as_manager()

    class Meta:
        ordering = ("-updated_date",)
        verbose_name = "pull request"
        constraints = (
            models.UniqueConstraint(fields=("vcs", "repository", "number"), name="one_pull_request_of_a_number"),
        )
        indexes = (models.Index(fields=("updated_date",), condition=models.Q(open=False), name="pull_request_closed"),)

    def __str__(self) -> str:
        return f"#{self.number}"

    @property
    def organization(self) -> Organization:
        """The organization whose members see it."""
        return self.vcs.organization

    @property
    def is_held(self) -> bool:
        """Whether nothing of its newest commit may run, since nobody has allowed it."""
        return self.fork and self.allowed_commit != self.commit


class ConcernedWorkspace(models.Model):
    """A workspace that a pull request's changes concern, and the event of its webhook that says so."""

    pull_request = models.ForeignKey(PullRequest, on_delete=models.CASCADE, related_name="concerned")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="pull_requests")
    rule = models.ForeignKey(WebhookEvent, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("workspace__name",)
        verbose_name = "concerned workspace"
        constraints = (
            models.UniqueConstraint(fields=("pull_request", "workspace"), name="one_concern_of_a_workspace"),
        )

    def __str__(self) -> str:
        return str(self.workspace)


class PullRequestRules(models.Model):
    """What a workspace asks of a pull request; a workspace without them has the defaults, which are the strict ones."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="pull_request_rules")
    require_approved = models.BooleanField(
        default=True,
        help_text=_("Apply a pull request only if another user than its author approved it at the provider."),
    )
    require_mergeable = models.BooleanField(
        default=True, help_text=_("Apply a pull request only if the provider can merge it.")
    )
    require_up_to_date = models.BooleanField(
        default=False, help_text=_("Apply a pull request only if its branch has all commits of the target branch.")
    )
    apply_on_merge = models.BooleanField(
        default=False,
        help_text=_("Start the default template on the merged commit when a pull request is merged."),
    )
    sensitive_in_plans = models.BooleanField(
        default=True,
        help_text=_(
            "Plans of pull requests get the sensitive variables. Every user with push access to the repository can "
            "read them."
        ),
    )
    sensitive_for_forks = models.BooleanField(
        default=False,
        help_text=_("Plans of pull requests from forks get the sensitive variables. Anyone could read them."),
    )

    objects = WorkspaceScopedQuerySet.as_manager()

    class Meta:
        verbose_name = "rule set for pull requests"
        verbose_name_plural = "rule sets for pull requests"

    def __str__(self) -> str:
        return str(self.workspace)


class AccountLink(models.Model):
    """An account at a connection's provider that belongs to a user here, whose rights its comments have.

    ``account`` is the account's name in lower case. A name can change hands, so its id is kept at its first command,
    and another account of the same name is refused from then on.
    """

    vcs = models.ForeignKey(Vcs, on_delete=models.CASCADE, related_name="account_links")
    account = models.CharField(max_length=255, help_text=_("Name of the account at the provider, without @."))
    account_id = models.CharField(max_length=255, blank=True, default="", editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="vcs_accounts")

    class Meta:
        ordering = ("account",)
        verbose_name = "linked account"
        constraints = (models.UniqueConstraint(fields=("vcs", "account"), name="one_user_of_an_account"),)

    def __str__(self) -> str:
        return self.account

    def clean(self) -> None:
        super().clean()
        self.account = self.account.strip().removeprefix("@").lower()
