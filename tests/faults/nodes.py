"""What the tests do with the cluster's node."""

from collections.abc import Iterator
from contextlib import contextmanager

from kubernetes import client


@contextmanager
def labelled_node(api: client.ApiClient, key: str) -> Iterator[None]:
    """A node of the cluster has a label, which nobody else asks for."""
    core = client.CoreV1Api(api)
    name = core.list_node().items[0].metadata.name
    core.patch_node(name, {"metadata": {"labels": {key: "true"}}})
    try:
        yield
    finally:
        core.patch_node(name, {"metadata": {"labels": {key: None}}})
