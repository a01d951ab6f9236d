"""Find the words of the reasons that attempts have, as for jobs and steps."""

from typing import Any

from django.db import migrations

from workspaces.migrations._sentences_of_before import fill


def fill_words(apps: Any, schema_editor: Any) -> None:
    Attempt = apps.get_model("executors", "Attempt")
    fill(Attempt, schema_editor.connection.alias)
    fill(Attempt, schema_editor.connection.alias, prefix="leaving")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("executors", "0008_words_of_reasons"), ("workspaces", "0021_words_of_reasons")]

    operations = [migrations.RunPython(fill_words, migrations.RunPython.noop, elidable=True)]
