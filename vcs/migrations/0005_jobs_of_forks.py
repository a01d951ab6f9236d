"""Mark the jobs whose code comes from a fork, so that neither they nor what runs them again get a token to keep."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def mark(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    jobs = apps.get_model("workspaces", "Job").objects.using(schema_editor.connection.alias)
    requests = apps.get_model("vcs", "PullRequest").objects.using(schema_editor.connection.alias)
    for key, number in requests.filter(fork=True).values_list("pk", "number").iterator():
        jobs.filter(pr_number=number, workspace__pull_requests__pull_request=key).update(from_fork=True)


class Migration(migrations.Migration):
    dependencies = [
        ("vcs", "0004_pull_requests"),
        ("workspaces", "0043_jobs_of_forks"),
    ]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
