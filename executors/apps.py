"""The application that runs steps."""

import gc
import sys
from typing import Any

from django.apps import AppConfig
from django.core.checks import Tags, register

from terrakube_site.metrics import catalogue
from workspaces import run_limits
from workspaces.labels import make_translatable


def _keep_what_is_loaded(**kwargs: Any) -> None:
    # In a new worker: what it shares with its parent stays for good. Left to the collector, walking it would hold up
    # some tasks by 70 ms, and copy its memory.
    gc.freeze()


class ExecutorsConfig(AppConfig):
    name = "executors"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        super().import_models()
        make_translatable(*self.models.values())

    def ready(self) -> None:
        # Applications are imported before their models can be.
        from executors.checks import check_token_place
        from executors.conf import check_installation
        from executors.documented import check_names
        from executors.limits import installation_limits
        from executors.reasons import REASONS
        from executors.terrakube.storage import check_storage

        run_limits.provide(installation_limits)
        catalogue.allow_reasons(REASONS)
        register(check_installation)
        register(check_names)
        register(check_storage)
        register(check_token_place, Tags.security, deploy=True)
        if "qcluster" in sys.argv:
            # The task cluster forks its workers: what is imported now is shared between them, and there at the first
            # task, which else would wait for the Kubernetes client for a second or more.
            from django_q.signals import post_execute, post_spawn

            from executors import cluster, tasks  # noqa: F401 - imported to be there
            from executors.metrics import store

            cluster.preload()
            post_execute.connect(store.flush_sometimes)
            post_spawn.connect(_keep_what_is_loaded)
