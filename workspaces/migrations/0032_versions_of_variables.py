import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0031_projects"),
    ]

    operations = [
        migrations.AddField(
            model_name=name,
            name="updated_date",
            field=models.DateTimeField(auto_now=True, default=django.utils.timezone.now),
            preserve_default=False,
        )
        for name in ("globalvariable", "item", "variable")
    ]
