from django.db import migrations, models


class Migration(migrations.Migration):
    """Attempts that are there get their key from the watcher, some at a time, so that nothing waits for all of them."""

    dependencies = [("executors", "0017_defaults_in_the_database")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="organization_key",
            field=models.UUIDField(
                editable=False,
                help_text="Key of its job's organization, by which attempts are counted; empty until it is filled in.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["organization_key"], name="attempt_of_organization"),
        ),
    ]
