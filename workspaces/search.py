"""Find workspaces, jobs and variables by what a person types; each look-up returns a few rows at most."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import reduce
from operator import and_
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from workspaces.choices import Category
from workspaces.models import GlobalVariable, Item, Job, Variable, Workspace
from workspaces.querysets import Scope

SHOWN = 8
"""Hits of each kind."""
LONGEST = 200
"""Characters of a search that count."""
_MOST_WORDS = 5
_MOST_PEOPLE = 20
_HIGHEST_NUMBER = 2**63 - 1
_NUMBER = re.compile(r"#?(\d{1,19})", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{4,64}")
# Sorts after each hexadecimal digit and before no other letter that a commit has.
_AFTER_DIGITS = "g"


def words_of(text: str) -> list[str]:
    """Return the words of a search, of which a hit has each."""
    return text[:LONGEST].split()[:_MOST_WORDS]


def matches(words: Iterable[str], *texts: str) -> bool:
    """Return whether each word is in one of the texts, in capital or small letters."""
    small = [text.casefold() for text in texts]
    return all(any(word.casefold() in text for text in small) for word in words)


def find_workspaces(scope: Scope, text: str) -> list[Workspace]:
    """Return workspaces by name, organization or description, those whose name begins with the text first."""
    words = words_of(text)
    if not words:
        return []
    whole = " ".join(words)
    rank = Case(
        When(name__iexact=whole, then=Value(0)),
        When(name__istartswith=whole, then=Value(1)),
        When(name__icontains=whole, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    every = (
        Q(name__icontains=word) | Q(organization__name__icontains=word) | Q(description__icontains=word)
        for word in words
    )
    found = Workspace.objects.alive().within(scope).filter(reduce(and_, every)).select_related("organization")
    return list(found.order_by(rank, "name", "organization__name")[:SHOWN])


def find_jobs(scope: Scope, text: str) -> list[Job]:
    """Return jobs by number, by the beginning of a commit, and by who started them, the newest first.

    A person is found by a part of the name, user name or e-mail address, a provider's account by its whole name.
    """
    whole = " ".join(words_of(text))
    if not whole:
        return []
    ways = [Q(created_by__in=[whole, *_people(whole)]), Q(author=whole)]
    number = _NUMBER.fullmatch(whole)
    if number and int(number[1]) <= _HIGHEST_NUMBER:
        ways.append(Q(pk=int(number[1])))
    commit = whole.lower()
    if _COMMIT.fullmatch(commit):
        ways.append(Q(commit_id__gte=commit, commit_id__lt=commit + _AFTER_DIGITS))
    visible = Job.objects.within(scope).select_related("workspace", "organization").defer("tcl")
    # One query for each way: joined by "or", they would read every job.
    found = {job.pk: job for way in ways for job in visible.filter(way).order_by("-pk")[:SHOWN]}
    wanted = int(number[1]) if number else None
    return sorted(found.values(), key=lambda job: (job.pk != wanted, -job.pk))[:SHOWN]


def _people(text: str) -> list[str]:
    """Return what jobs call the people whose name has the text, as ``actors.name_of`` does."""
    named = (
        Q(username__icontains=text) | Q(email__icontains=text)
        | Q(first_name__icontains=text) | Q(last_name__icontains=text)
    )  # fmt: skip
    rows = User.objects.filter(named).order_by("pk").values_list("email", "username")[:_MOST_PEOPLE]
    return [email or username for email, username in rows]


def find_keys(scope: Scope, text: str) -> list[str]:
    """Return keys of workspaces' variables with the text in them; no value is read."""
    return _keys(Variable.objects.within(scope).filter(workspace__deleted=False), text)


def find_organization_keys(scope: Scope, text: str) -> list[str]:
    """Return keys of organization variables with the text in them; no value is read."""
    return _keys(GlobalVariable.objects.within(scope), text)


def find_items(scope: Scope, text: str) -> list[Item]:
    """Return variables of collections with the text in their keys, with their collections but without their values."""
    words = words_of(text)
    if len(words) != 1:
        return []
    found = Item.objects.within(scope).filter(key__icontains=words[0], collection__organization__disabled=False)
    return list(_named(found, "collection").order_by("key", "collection__name")[:SHOWN])


def find_set_settings(scope: Scope, names: Collection[str]) -> list[Variable | GlobalVariable | Item]:
    """Return the variables that set pod settings of these names: of organizations, collections and workspaces."""
    if not names:
        return []
    wanted = {"key__in": sorted(names), "category": Category.ENV}
    shared = _named(GlobalVariable.objects.within(scope).filter(**wanted, organization__disabled=False))
    items = _named(Item.objects.within(scope).filter(**wanted, collection__organization__disabled=False), "collection")
    own = Variable.objects.within(scope).filter(**wanted)
    own = own.filter(workspace__deleted=False, workspace__organization__disabled=False)
    # In the order of their index: thousands of workspaces may set the same.
    found = (
        shared.order_by("key", "organization__name")[:SHOWN],
        items.order_by("key", "collection__name")[:SHOWN],
        _named(own, "workspace").order_by("key", "workspace")[:SHOWN],
    )
    return [one for rows in found for one in rows][:SHOWN]


def _named(variables: QuerySet[Any], owner: str = "") -> QuerySet[Any]:
    """Read variables with the names of what they belong to, and without their values."""
    start = f"{owner}__" if owner else ""
    with_names = variables.select_related(f"{start}organization")
    return with_names.only("key", f"{start}organization__name", *([f"{start}name"] if owner else []))


def _keys(variables: QuerySet[Any], text: str) -> list[str]:
    words = words_of(text)
    if len(words) != 1:
        # A key has no blanks.
        return []
    found = variables.filter(key__icontains=words[0]).order_by("key").values_list("key", flat=True)
    return list(found.distinct()[:SHOWN])
