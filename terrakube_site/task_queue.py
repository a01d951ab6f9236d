"""django-q2's settings: the ORM broker of the embedded default, or Redis."""

from collections.abc import Mapping
from typing import Any

from terrakube_site import site_settings

# No task waits for a pod; the longest asks the cluster's API a few times.
TIMEOUT_SECONDS = 60
RETRY_SECONDS = 600


def redis_connection(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """How Redis is reached, by Terrakube's names; None when ``TerrakubeRedisHostname`` is not set."""
    host = site_settings.REDIS_HOST.read(environ)
    if not host:
        return None
    connection: dict[str, Any] = {
        "host": host,
        "port": site_settings.REDIS_PORT.read(environ),
        "db": site_settings.REDIS_DATABASE.read(environ),
        "health_check_interval": 30,
    }
    username = site_settings.REDIS_USERNAME.read(environ)
    password = site_settings.REDIS_PASSWORD.read(environ)
    if username:
        connection["username"] = username
    if password:
        connection["password"] = password
    if site_settings.REDIS_SSL.read(environ):
        connection["ssl"] = True
    return connection


def q_cluster(environ: Mapping[str, str]) -> dict[str, Any]:
    """Q_CLUSTER: tasks are short and idempotent, so each is tried few times and its success is not kept.

    ``queue_limit`` is the number of workers: a task that was taken from the queue counts its ``retry`` from then on,
    and must not wait behind others in the meantime.
    """
    workers = site_settings.WORKERS.read(environ)
    settings: dict[str, Any] = {
        "name": site_settings.QUEUE.read(environ),
        "label": "Background tasks",
        "workers": workers,
        "queue_limit": workers,
        "timeout": TIMEOUT_SECONDS,
        "retry": RETRY_SECONDS,
        "max_attempts": 3,
        "ack_failures": True,
        "save_limit": -1,
        "catch_up": False,
        "poll": 0.05,
        "guard_cycle": 0.5,
    }
    redis = redis_connection(environ)
    if redis is None:
        settings["orm"] = "default"
    else:
        # A worker waits a second at a time for its next task, so a longer silence is a dead connection.
        settings["redis"] = redis | {"socket_timeout": 10, "socket_connect_timeout": 5, "socket_keepalive": True}
    return settings
