from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workspaces', '0037_long_organization_names_and_values_of_tags'),
    ]

    operations = [
        migrations.AddField(
            model_name='workspace',
            name='auto_apply',
            field=models.BooleanField(default=False, help_text="A terminal's run that does not say otherwise skips the approvals, if its user may approve jobs."),
        ),
    ]
