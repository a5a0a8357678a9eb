"""The table of dishes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates it."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Dish",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                ("price", models.DecimalField(decimal_places=2, max_digits=6)),
                (
                    "served",
                    models.BooleanField(
                        default=True, help_text="whether the kitchen has it today"
                    ),
                ),
            ],
            options={"verbose_name_plural": "dishes", "ordering": ["name"]},
        ),
    ]
