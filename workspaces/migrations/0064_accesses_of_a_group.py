from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0063_order_of_state_versions")]

    operations = [
        migrations.AddIndex(
            model_name="access",
            index=models.Index(fields=["name"], name="access_of_group"),
        ),
    ]
