from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("vcs", "0009_plain_help_texts"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="pullrequestrules",
            options={
                "verbose_name": "rule set for pull requests",
                "verbose_name_plural": "rule sets for pull requests",
            },
        ),
    ]
