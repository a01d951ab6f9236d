"""One valid record each."""

from __future__ import annotations

import factory
from django.contrib.auth.models import Group, User
from factory.django import DjangoModelFactory

from workspaces.choices import Category
from workspaces.models import (
    Collection,
    GlobalVariable,
    Item,
    Organization,
    Project,
    Reference,
    Team,
    Template,
    Variable,
    Workspace,
)

PLAN = "flow:\n  - {type: terraformPlan, name: Plan, step: 100}\n"
PLAN_AND_APPLY = PLAN + "  - {type: terraformApply, name: Apply, step: 200}\n"
PLAN_APPROVE_APPLY = (
    PLAN + "  - {type: approval, name: Approval, step: 150}\n  - {type: terraformApply, name: Apply, step: 200}\n"
)
DESTROY = "flow:\n  - {type: terraformDestroy, name: Destroy, step: 100}\n"


class OrganizationFactory(DjangoModelFactory[Organization]):
    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"organization-{n}")


class TeamFactory(DjangoModelFactory[Team]):
    class Meta:
        model = Team

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"TEAM_{n}")


class TemplateFactory(DjangoModelFactory[Template]):
    class Meta:
        model = Template

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"template-{n}")
    tcl = PLAN_AND_APPLY


class WorkspaceFactory(DjangoModelFactory[Workspace]):
    class Meta:
        model = Workspace

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"workspace-{n}")
    source = "https://git.example/net.git"
    branch = "main"
    terraform_version = "1.11.4"


class ProjectFactory(DjangoModelFactory[Project]):
    class Meta:
        model = Project

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"project-{n}")


class VariableFactory(DjangoModelFactory[Variable]):
    class Meta:
        model = Variable

    workspace = factory.SubFactory(WorkspaceFactory)
    key = factory.Sequence(lambda n: f"KEY_{n}")
    value = "value"
    category = Category.ENV


class GlobalVariableFactory(DjangoModelFactory[GlobalVariable]):
    class Meta:
        model = GlobalVariable

    organization = factory.SubFactory(OrganizationFactory)
    key = factory.Sequence(lambda n: f"KEY_{n}")
    value = "value"
    category = Category.ENV


class CollectionFactory(DjangoModelFactory[Collection]):
    class Meta:
        model = Collection

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"collection-{n}")
    priority = 10


class ItemFactory(DjangoModelFactory[Item]):
    class Meta:
        model = Item

    collection = factory.SubFactory(CollectionFactory)
    key = factory.Sequence(lambda n: f"KEY_{n}")
    value = "value"
    category = Category.ENV


class ReferenceFactory(DjangoModelFactory[Reference]):
    class Meta:
        model = Reference

    workspace = factory.SubFactory(WorkspaceFactory)
    collection = factory.SubFactory(CollectionFactory)


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user-{n}")


def member(team: Team) -> User:
    """A user whose group is the team's."""
    user = UserFactory.create()
    user.groups.add(Group.objects.get_or_create(name=team.name)[0])
    return user
