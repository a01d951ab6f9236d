"""Create an access token for a user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from terrakube_site.commands import PagelessCommand
from workspaces.services.tokens import create_token


class Command(PagelessCommand):
    help = "Print a new personal access token of a user, and nothing else; it is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, metavar="NAME", help="the user whose groups the token has")
        parser.add_argument("--days", type=int, default=0, help="how long it is good for; 0, the default, has no end")
        parser.add_argument("--description", default="", metavar="TEXT", help="what it is for")

    def handle(self, *args: Any, **options: Any) -> None:
        users = get_user_model()
        try:
            user = users.objects.get_by_natural_key(options["user"])
        except users.DoesNotExist:
            raise CommandError(f"There is no user {options['user']}.") from None
        if not user.is_active:
            raise CommandError(f"{options['user']} is not active.")
        if not 0 <= options["days"] <= 36500:
            raise CommandError("--days is a number from 0 to 36500.")
        _, token = create_token(by=user, description=options["description"], days=options["days"])
        self.stdout.write(token)
