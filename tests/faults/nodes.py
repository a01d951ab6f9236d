"""What the tests do with the cluster's node."""

from collections.abc import Iterator
from contextlib import contextmanager

from kubernetes import client


def node_name(api: client.ApiClient) -> str:
    """The first of the cluster's nodes."""
    metadata = client.CoreV1Api(api).list_node().items[0].metadata
    assert metadata is not None
    assert metadata.name is not None
    return metadata.name


@contextmanager
def labelled_node(api: client.ApiClient, key: str) -> Iterator[None]:
    """A node of the cluster has a label, which nobody else asks for."""
    core = client.CoreV1Api(api)
    name = node_name(api)
    core.patch_node(name, {"metadata": {"labels": {key: "true"}}})
    try:
        yield
    finally:
        core.patch_node(name, {"metadata": {"labels": {key: None}}})
