from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0062_job_shown")]

    operations = [
        migrations.AddIndex(
            model_name="stateversion",
            index=models.Index(fields=["created_date", "id"], name="state_version_in_order"),
        ),
    ]
