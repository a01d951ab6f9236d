"""The texts of other packages that pages of the panel show, where one of the panel's languages is missing there.

They mark them themselves; they are listed here for the tool that gathers texts. django-unfold is in English only,
django-axes has no Spanish.
"""

from django.utils.translation import gettext_noop as _

# fmt: off
TEXTS = frozenset((
    _("Add row"), _("All applications"), _("Apply Filters"), _("Available shortcuts"), _("Cancel"),
    _("Changelist shortcuts"), _("Choose file to upload"), _("Click to cancel"), _("Click to download"),
    _("Command tool shortcuts"), _("Create new record"), _("Dark"), _("False"),
    _("Forgotten your password or username?"), _("General"), _("Global shortcuts"), _("Go back"),
    _("Light"), _("Navigate"), _("Next"), _("No data"),
    _("No results found"), _("Nothing matched your search"), _("Open command tool"), _("Open selection"),
    _("Open selection in new tab"), _("Open shortcuts list"), _("Previous"), _("Recent searches"), _("Reset filters"),
    _("Return to site"), _("Run"), _("Search apps and models..."), _("Select"), _("Select action"),
    _("Select action to run"), _("Select record"), _("Select value"), _("Submit"), _("System"),
    _("This item will be deleted."), _("This page yielded into no results."), _("Toggle dark/light mode"),
    _("Toggle filter"), _("Toggle password visibility"), _("Toggle sidebar"), _("True"), _("Type to search"),
    _("Welcome back to"), _("You have been successfully logged out from the administration"),
    # of django-axes
    _("Attempt Time"), _("IP Address"), _("User Agent"),
    # of Django, whose German has another word for saving than the panel
    _("Save"), _("Save and add another"), _("Save and continue editing"), _("Save and view"),
))
# fmt: on
