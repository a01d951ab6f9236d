"""Find the users of the personal tokens that were given out before tokens followed their user."""

from typing import Any

from django.conf import settings
from django.db import migrations


def find_users(apps: Any, schema_editor: Any) -> None:
    tokens = apps.get_model("workspaces", "AccessToken").objects.filter(team="", user=None)
    users = apps.get_model(settings.AUTH_USER_MODEL).objects
    for name in set(tokens.values_list("created_by", flat=True)):
        # A maker was written down by the email, or by the user name where there was none.
        found = list(users.filter(email=name)[:2]) or list(users.filter(email="", username=name)[:2])
        if name and len(found) == 1:
            tokens.filter(created_by=name).update(user=found[0])


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("workspaces", "0017_tokens_of_users"),
    ]

    operations = [migrations.RunPython(find_users, migrations.RunPython.noop)]
