"""The site itself: what belongs to no application of its own."""

from django.apps import AppConfig


class TerrakubeSiteConfig(AppConfig):
    name = "terrakube_site"
    verbose_name = "Terrakube Site"

    def ready(self) -> None:
        from unfold import fields

        # Registers the site's checks.
        from terrakube_site import checks  # noqa: F401

        # Where pygments is installed, unfold gives JSON colours in style attributes, which the page policy refuses.
        fields.prettify_json = lambda data, encoder: None
