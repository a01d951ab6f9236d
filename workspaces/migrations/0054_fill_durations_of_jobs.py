"""Write how long each job took that has ended."""

from typing import Any

from django.db import migrations
from django.db.models import DurationField, ExpressionWrapper, F


def fill(apps: Any, editor: Any) -> None:
    took = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    jobs = apps.get_model("workspaces", "Job")._base_manager.using(editor.connection.alias)
    jobs.filter(started_at__isnull=False, ended_at__isnull=False).update(took=took)


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0053_durations_of_jobs")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
