from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0061_organizations_of_clusters")]

    operations = [
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("hidden", False)), fields=["organization", "status"], name="job_shown"
            ),
        ),
    ]
