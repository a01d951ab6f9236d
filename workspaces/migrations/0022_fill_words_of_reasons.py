"""Find the words of the reasons that jobs and steps have; what has none of the known sentences stays as it was told."""

from typing import Any

from django.db import migrations

from workspaces.migrations._sentences_of_before import fill


def fill_words(apps: Any, schema_editor: Any) -> None:
    for name in ("Job", "Step"):
        fill(apps.get_model("workspaces", name), schema_editor.connection.alias)


class Migration(migrations.Migration):
    # One transaction for each batch: the rows of all jobs are not locked at once.
    atomic = False
    dependencies = [("workspaces", "0021_words_of_reasons")]

    operations = [migrations.RunPython(fill_words, migrations.RunPython.noop, elidable=True)]
