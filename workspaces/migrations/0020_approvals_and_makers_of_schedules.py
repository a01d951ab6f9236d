"""Fill what the columns before hold: who decided and with what words, and for whom each schedule runs.

A schedule is its maker's, by the name that it kept: a user's email or name, or a team's token. Where nobody of that name
is known here, or more than one, it is nobody's: it starts nothing and says why, until it is saved again.
"""

from typing import Any

from django.db import migrations

OF_A_TEAM = " (Team Token)"
SITE = {"Internal", "TerrakubeInternal"}


def keep_decisions(apps: Any, schema_editor: Any) -> None:
    Step, Job = apps.get_model("workspaces", "Step"), apps.get_model("workspaces", "Job")
    for step in Step.objects.exclude(decision="").order_by("job_id", "step_number").iterator():
        step.decided_date = step.ended_at
        step.comment = "" if step.reason_code else step.reason
        step.save(update_fields=["decided_date", "comment"])
        if step.decision == "approved":
            Job.objects.filter(pk=step.job_id).update(approved_by=step.decided_by, approved_date=step.decided_date)


def find_makers(apps: Any, schema_editor: Any) -> None:
    Schedule, User = apps.get_model("workspaces", "Schedule"), apps.get_model("auth", "User")
    for schedule in Schedule.objects.iterator():
        name = schedule.updated_by or schedule.created_by
        schedule.acts_for_name = name
        if name in SITE:
            schedule.acts_for_site = True
        elif name.endswith(OF_A_TEAM):
            schedule.acts_for_team = name.removesuffix(OF_A_TEAM)[:64]
            schedule.acts_for_groups = [schedule.acts_for_team]
        elif name:
            found = list(User.objects.filter(email=name)[:2]) or list(User.objects.filter(username=name, email="")[:2])
            schedule.acts_for_user = found[0] if len(found) == 1 else None
        schedule.save(
            update_fields=["acts_for_name", "acts_for_site", "acts_for_team", "acts_for_groups", "acts_for_user"]
        )


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("workspaces", "0019_roles_and_who_acts"),
    ]

    operations = [
        migrations.RunPython(keep_decisions, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(find_makers, migrations.RunPython.noop, elidable=True),
    ]
