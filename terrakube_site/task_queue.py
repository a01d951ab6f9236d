"""django-q2's settings: the ORM broker of the embedded default, or Redis."""

from collections.abc import Mapping
from typing import Any

from terrakube_site import env

# No task waits for a pod; the longest asks the cluster's API a few times.
TIMEOUT_SECONDS = 60
RETRY_SECONDS = 600


def redis_connection(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """How Redis is reached, by Terrakube's names; None when ``TerrakubeRedisHostname`` is not set."""
    host = env.text(environ, "TerrakubeRedisHostname", "")
    if not host:
        return None
    connection: dict[str, Any] = {
        "host": host,
        "port": env.integer(environ, "TerrakubeRedisPort", 6379, minimum=1, maximum=65535),
        "db": env.integer(environ, "TERRAKUBE_REDIS_DATABASE", 0, minimum=0, maximum=63),
        "health_check_interval": 30,
    }
    username = env.text(environ, "TerrakubeRedisUsername", "")
    password = env.secret(environ, "TerrakubeRedisPassword", "")
    if username:
        connection["username"] = username
    if password:
        connection["password"] = password
    if env.flag(environ, "TerrakubeRedisSSL", False):
        connection["ssl"] = True
    return connection


def q_cluster(environ: Mapping[str, str]) -> dict[str, Any]:
    """Q_CLUSTER: tasks are short and idempotent, so each is tried few times and its success is not kept.

    ``queue_limit`` is the number of workers: a task that was taken from the queue counts its ``retry`` from then on,
    and must not wait behind others in the meantime.
    """
    workers = env.integer(environ, "TERRAKUBE_WORKERS", 2, minimum=1, maximum=64)
    settings: dict[str, Any] = {
        "name": env.text(environ, "TERRAKUBE_QUEUE", "terrakube"),
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
        settings["redis"] = redis
    return settings
