"""Django application that runs steps."""

import gc
import sys
from typing import Any

from django.apps import AppConfig
from django.core.checks import Tags, register

from terrakube_site.commands import INSTALLATION
from terrakube_site.metrics import catalogue
from workspaces import run_limits
from workspaces.labels import make_translatable


def _keep_what_is_loaded(**kwargs: Any) -> None:
    # In a new worker: everything shared with the parent is permanent. A garbage collection over it would delay tasks
    # by 70 ms and copy its memory.
    gc.freeze()


def prepare_worker() -> None:
    """Load what tasks need in a process that becomes the task cluster; the applications are ready.

    The cluster forks its workers: modules imported now are shared, and ready at the first task, which would otherwise
    wait for the Kubernetes client.
    """
    from django_q.signals import post_execute_in_worker, post_spawn

    from executors import cluster, tasks  # noqa: F401 - imported to be there
    from executors.metrics import store

    cluster.preload()
    # In the process that counted: `post_execute` is sent in another one, which has counted nothing.
    post_execute_in_worker.connect(store.flush_sometimes)
    post_spawn.connect(_keep_what_is_loaded)


class ExecutorsConfig(AppConfig):
    name = "executors"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        super().import_models()
        make_translatable(*self.models.values())

    def ready(self) -> None:
        # Applications are imported before their models can be.
        from executors.checks import check_token_place
        from executors.installation.limits import installation_limits
        from executors.installation.reference import check_names
        from executors.installation.settings import check_installation, installation
        from executors.terrakube.storage import check_storage
        from executors.terrakube.unsupported_requests import check_asked
        from workspaces.flows.runtimes import provide_groovy
        from workspaces.jobs.scope import check_with
        from workspaces.reasons import REASONS

        run_limits.register_installation_limits(installation_limits)
        check_with(check_asked)
        provide_groovy(lambda: installation().is_terrakube_image)
        catalogue.allow_reasons(REASONS)
        register(check_installation, INSTALLATION)
        register(check_names, INSTALLATION)
        register(check_storage, INSTALLATION)
        register(check_token_place, Tags.security, deploy=True)
        if "qcluster" in sys.argv:
            prepare_worker()
