"""The app of the site itself, for what belongs to no other app."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, Warning, register


class TerrakubeSiteConfig(AppConfig):
    name = "terrakube_site"
    verbose_name = "Terrakube Site"


class PanelConfig(SimpleAdminConfig):
    """The panel, whose pages are loaded with the addresses: they are a third of what a process loads, and only the
    web process serves them.
    """

    default_site = "terrakube_site.theme.site.PanelSite"

    def ready(self) -> None:
        register(check_dependencies, Tags.admin)
        register(check_pages, Tags.admin)


def load_pages() -> None:
    """Register the pages of the panel; a second call changes nothing."""
    # It needs applications that are ready.
    from workspaces.admin.rendering import replace_parts

    replace_parts()
    admin.autodiscover()


def check_pages(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Django's own check of the pages, of which it would find none before they are loaded."""
    load_pages()
    messages: list[CheckMessage] = check_admin_app(app_configs)
    return messages


@register(Tags.security, deploy=True)
def keys_come_from_the_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"{name} is not set. Its key is a file in {settings.DATA_DIR}, which other machines cannot read.",
            hint=f"Set {name} to one secret value for all processes.",
            id="terrakube_site.W001",
        )
        for name in sorted(settings.KEYS.generated)
    ]
