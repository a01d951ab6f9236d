"""The site itself: what belongs to no application of its own."""

from django.apps import AppConfig


class TerrakubeSiteConfig(AppConfig):
    name = "terrakube_site"
    verbose_name = "Terrakube Site"

    def ready(self) -> None:
        # Registers the site's checks.
        from terrakube_site import checks  # noqa: F401
