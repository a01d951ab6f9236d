"""Check names when they are saved: of records that clients put into a path, of variables, of versions."""

from __future__ import annotations

import functools
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from terrakube_site.terraform.versions import VersionRange

check_path_name = RegexValidator(
    r"^\w[\w.-]*\Z",
    _(
        '"%(value)s" cannot be part of a URL. Allowed: letters, digits, "_", "-" and "."; the first character is a '
        'letter, a digit or "_".'
    ),
)
"""Refuse a name that clients cannot put into a URL's path as it is."""

# Kubernetes takes no other name for a container's environment variable, unless a cluster is told to.
check_environment_key = RegexValidator(
    r"^[A-Za-z_][A-Za-z0-9_.-]*\Z",
    _(
        '"%(value)s" is not a valid name of an environment variable. Allowed: letters, digits, "_", "-" and "."; the '
        'first character is a letter or "_".'
    ),
)
"""Refuse the name of an environment variable that a container cannot have."""

check_terraform_key = RegexValidator(
    r"^[^\W\d][\w-]*\Z",
    _(
        '"%(value)s" is not a valid name of a Terraform variable. Allowed: letters, digits, "_" and "-"; the first '
        'character is a letter or "_".'
    ),
)
"""Refuse the name of a Terraform variable that no configuration can declare."""


DEFAULT_PROJECT = "Default Project"
"""The project in which terraform's cloud protocol shows workspaces that have none."""

_REGIONS = frozenset(
    {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
)


def check_project_name(text: str) -> None:
    """Refuse a project's name that tokens and clients would misread. Raises ValidationError."""
    # A token's subject puts names between colons, so that a colon in one would name another project.
    if ":" in text or not text.isprintable() or text != text.strip():
        raise ValidationError(
            _(
                '"%(text)s" cannot be the name of a project. Not allowed: ":", line breaks, and spaces at the '
                "beginning or end."
            ),
            code="invalid",
            params={"text": text},
        )
    if text.casefold() == DEFAULT_PROJECT.casefold():
        raise ValidationError(
            _('Terraform uses "%(text)s" for workspaces without a project. Choose another name.'),
            code="invalid",
            params={"text": text},
        )


def check_version(text: str) -> None:
    """Refuse what is no version of terraform or tofu and no range of versions. Raises ValidationError."""
    try:
        VersionRange(text)
    except ValueError:
        raise ValidationError(
            _('"%(text)s" is not a version or a range of versions. Examples: 1.11.4, ~1.5, 1.x, >=1.3 <1.6.'),
            code="invalid",
            params={"text": text},
        ) from None


@functools.cache
def time_zones() -> tuple[str, ...]:
    """Return the names of time zones to choose from: UTC, then cities by region; older names are left out."""
    names = sorted(name for name in available_timezones() if name.partition("/")[0] in _REGIONS)
    return ("UTC", *names)


def check_time_zone(name: str) -> None:
    """Refuse what is no time zone of the IANA database. Raises ValidationError."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        meant = [zone for zone in time_zones() if zone.rpartition("/")[2].casefold() == name.strip().casefold()]
        if meant:
            raise ValidationError(
                _('"%(name)s" is not a time zone. Did you mean %(meant)s?'),
                code="invalid",
                params={"name": name, "meant": ", ".join(meant)},
            ) from None
        raise ValidationError(
            _('"%(name)s" is not a time zone. Examples: UTC, Europe/Berlin, America/New_York.'),
            code="invalid",
            params={"name": name},
        ) from None
