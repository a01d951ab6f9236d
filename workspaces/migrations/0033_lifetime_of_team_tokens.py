from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workspaces', '0032_versions_of_variables'),
    ]

    operations = [
        migrations.AddField(
            model_name='accesstoken',
            name='lifetime',
            field=models.JSONField(editable=False, help_text='Days, hours and minutes that a team token was requested for; empty for a token of before.', null=True),
        ),
    ]
