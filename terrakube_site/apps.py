"""The app of the site itself, for what belongs to no other app."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


class TerrakubeSiteConfig(AppConfig):
    name = "terrakube_site"
    verbose_name = "Terrakube Site"

    def ready(self) -> None:
        from unfold import fields

        # Where pygments is installed, unfold gives JSON colours in style attributes, which the page policy refuses.
        fields.prettify_json = lambda data, encoder: None


@register(Tags.security, deploy=True)
def keys_come_from_the_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"{name} is not set, so its key comes from {settings.DATA_DIR}, which processes elsewhere do not share.",
            hint=f"Set {name} to a text of your own that all processes get.",
            id="terrakube_site.W001",
        )
        for name in sorted(settings.KEYS.generated)
    ]
