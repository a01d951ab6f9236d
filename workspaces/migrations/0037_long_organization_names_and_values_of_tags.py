from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workspaces', '0036_owner_of_a_lock_and_uploads_of_states'),
    ]

    operations = [
        migrations.AlterField(
            model_name='organization',
            name='name',
            field=models.CharField(max_length=64, unique=True),
        ),
        migrations.AddField(
            model_name='organization',
            name='email',
            field=models.EmailField(blank=True, default='', help_text='Whom to ask about the organization.', max_length=254),
        ),
        migrations.AddField(
            model_name='workspacetag',
            name='value',
            field=models.CharField(blank=True, default='', help_text='Empty for a tag without a value.', max_length=256),
        ),
    ]
