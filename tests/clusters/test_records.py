"""What may be saved as a cluster, and which clusters a workspace may choose."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from executors.attempts import lifecycle
from executors.clusters.records import QUIET, delete_cluster, save_cluster
from executors.installation.settings import Installation
from tests.clusters.conftest import KUBECONFIG, Launch
from tests.factories import WorkspaceFactory
from tests.tfe.authority import Authority
from tests.warm.conftest import MemoryCluster
from workspaces.actors import TokenUser
from workspaces.choices import Category
from workspaces.errors import InvalidInput, NotAllowed, WrongState
from workspaces.models import Cluster, PolicyRule
from workspaces.pods.catalogue import CLUSTER
from workspaces.services.workspaces import set_variable

pytestmark = pytest.mark.django_db
SERVER = 'server: "https://east.example:6443"'
TOKEN = "token: t-o-k-e-n"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "default", "Choose another name"),
        ("name", "East", "lowercase letters"),
        ("namespace", "a/b", "lowercase letters"),
        ("site_url", "site.example", "is not an address"),
        ("kubeconfig", "clusters: [", "not valid YAML: see line 1"),
        ("kubeconfig", "[1]", "must be a YAML mapping"),
        ("kubeconfig", "a: &a [1]\nb: *a", "aliases"),
        ("kubeconfig", KUBECONFIG.replace(SERVER, 'server: "http://east.example"'), "https address"),
        ("kubeconfig", KUBECONFIG.replace(SERVER, f"{SERVER}, insecure-skip-tls-verify: true"), "insecure-skip"),
        ("kubeconfig", KUBECONFIG.replace(SERVER, f"{SERVER}, certificate-authority: /ca.crt"), "not certificate-auth"),
        ("kubeconfig", KUBECONFIG.replace(SERVER, f"{SERVER}, certificate-authority-data: x"), "PEM in base64"),
        ("kubeconfig", KUBECONFIG.replace(TOKEN, "exec: {command: aws}"), "not exec"),
        ("kubeconfig", KUBECONFIG.replace(TOKEN, "tokenFile: /token"), "not tokenFile"),
        ("kubeconfig", KUBECONFIG.replace(TOKEN, "client-certificate-data: x"), "needs a token"),
        ("kubeconfig", KUBECONFIG.replace("user: site}", "user: other}"), "not in it"),
    ],
)
def test_what_cannot_work_is_refused_with_its_field(field: str, value: str, words: str) -> None:
    record = Cluster(**{"name": "east", "namespace": "steps", "kubeconfig": KUBECONFIG, field: value})
    with pytest.raises(ValidationError) as refused:
        record.full_clean()
    (said,) = refused.value.message_dict[field]
    assert words in said
    assert "t-o-k-e-n" not in said


def test_a_workspace_names_an_enabled_cluster_or_the_default(east: Cluster) -> None:
    workspace = WorkspaceFactory.create()

    def choose(name: str) -> None:
        set_variable(workspace, by=None, key=CLUSTER, value=name, category=Category.ENV)

    choose("east")
    choose("default")
    with pytest.raises(InvalidInput, match=r'"west" is not allowed by the built-in rules; allowed: default, east'):
        choose("west")
    Cluster.objects.update(enabled=False)
    with pytest.raises(InvalidInput, match="allowed: default"):
        choose("east")


def test_a_rule_may_not_lock_a_cluster_that_is_not_there(east: Cluster) -> None:
    PolicyRule(setting=CLUSTER, effect="locked", value="east").full_clean()
    with pytest.raises(ValidationError, match="allowed: default, east"):
        PolicyRule(setting=CLUSTER, effect="locked", value="west").full_clean()


def test_two_records_do_not_share_a_namespace(east: Cluster, conf: Installation, admin: TokenUser) -> None:
    twin = Cluster(name="twin", namespace=east.namespace, kubeconfig=KUBECONFIG.replace("t-o-k-e-n", "another"))
    with pytest.raises(InvalidInput, match="Cluster east already has this server"):
        save_cluster(twin, changed=(), conf=conf, by=admin)
    own = Cluster(name="own", namespace=conf.namespace)
    with pytest.raises(InvalidInput, match="that of the installation's settings"):
        save_cluster(own, changed=(), conf=conf, by=admin)
    own.namespace = "another"
    save_cluster(own, changed=(), conf=conf, by=admin)
    assert Cluster.objects.count() == 2


def test_only_administrators_change_clusters(east: Cluster, conf: Installation) -> None:
    nobody: Any = TokenUser(name="someone", groups=frozenset({"TEAM"}))
    with pytest.raises(NotAllowed):
        save_cluster(east, changed=("description",), conf=conf, by=nobody)
    with pytest.raises(NotAllowed):
        delete_cluster(east, by=nobody)


def test_a_cluster_with_a_pod_in_it_stays_where_it_is(
    there: MemoryCluster, launch: Launch, east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    attempt = launch("east")
    east.kubeconfig = KUBECONFIG.replace("t-o-k-e-n", "renewed")
    save_cluster(east, changed=("kubeconfig",), conf=conf, by=admin)
    east.kubeconfig = KUBECONFIG.replace("east.example", "west.example")
    with pytest.raises(WrongState, match=attempt.job_name):
        save_cluster(east, changed=("kubeconfig",), conf=conf, by=admin)
    with pytest.raises(WrongState, match="Disable it"):
        delete_cluster(east, by=admin)
    assert "renewed" in Cluster.objects.get().kubeconfig
    lifecycle.request_cancel(attempt.step_id)
    type(attempt).objects.update(state="ended", cleaned_at=attempt.created_at)
    disable(east)
    delete_cluster(east, by=admin)
    assert not Cluster.objects.exists()


def disable(cluster: Cluster) -> None:
    """Leave a record disabled for as long as a launch on its way may take."""
    Cluster.objects.filter(pk=cluster.pk).update(enabled=False, updated_date=timezone.now() - QUIET)


def test_a_record_moves_and_goes_only_when_it_has_been_disabled_for_a_while(
    east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    moved = Cluster.objects.get()
    moved.namespace, moved.enabled = "another", False

    def refused() -> None:
        with pytest.raises(WrongState, match="Disable cluster east, save it, and try again 60 seconds later"):
            save_cluster(moved, changed=("namespace", "enabled"), conf=conf, by=admin)
        with pytest.raises(WrongState, match="Disable cluster east"):
            delete_cluster(moved, by=admin)

    refused()
    stored = Cluster.objects.get()
    stored.enabled = False
    save_cluster(stored, changed=("enabled",), conf=conf, by=admin)
    refused()
    disable(east)
    save_cluster(moved, changed=("namespace", "enabled"), conf=conf, by=admin)
    assert Cluster.objects.get().namespace == "another"
    disable(east)
    delete_cluster(moved, by=admin)
    assert not Cluster.objects.exists()


def test_a_kubeconfig_that_cannot_be_decrypted_keeps_no_other_from_being_saved(
    east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workspaces_cluster SET kubeconfig = 'of another key'")
    save_cluster(Cluster(name="own", namespace="another"), changed=(), conf=conf, by=admin)
    assert Cluster.objects.to_reach().filter(name="own").exists()


def test_a_kubeconfig_that_cannot_be_decrypted_is_replaced_also_while_pods_are_there(
    there: MemoryCluster, launch: Launch, east: Cluster, conf: Installation, admin: TokenUser
) -> None:
    launch("east")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workspaces_cluster SET kubeconfig = 'of another key'")
    found = Cluster.objects.get()
    found.enabled = False
    save_cluster(found, changed=("enabled",), conf=conf, by=admin)
    found.kubeconfig, found.namespace = KUBECONFIG, "another"
    with pytest.raises(WrongState, match="until these steps are over"):
        save_cluster(found, changed=("kubeconfig", "namespace"), conf=conf, by=admin)
    found.namespace = east.namespace
    save_cluster(found, changed=("kubeconfig",), conf=conf, by=admin)
    assert Cluster.objects.get().kubeconfig == KUBECONFIG


def kubeconfig(authority: Authority, *, tls_name: str = "", client: str = "") -> str:
    """A kubeconfig for the server of the cluster east, with a TLS name or a new certificate of a client."""
    text = KUBECONFIG.replace(SERVER, f"{SERVER}, tls-server-name: {tls_name}") if tls_name else KUBECONFIG
    if client:
        found = [base64.b64encode(path.read_bytes()).decode() for path in authority.issue(client)]
        text = text.replace(TOKEN, f"client-certificate-data: {found[0]}, client-key-data: {found[1]}")
    return text


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"tls_name": "one"}, {"tls_name": "two"}, False),
        ({"tls_name": "one"}, {}, False),
        ({"tls_name": "one"}, {"tls_name": "ONE"}, True),
        ({"tls_name": "east.example"}, {}, True),
        ({"client": "one"}, {"client": "two"}, False),
        ({"client": "one"}, {"client": "one"}, True),
        ({"client": "one"}, {}, True),
        ({"client": "one", "tls_name": "one"}, {"tls_name": "one"}, True),
    ],
)
def test_clusters_behind_one_address_are_told_apart_by_tls_name_or_client(
    conf: Installation, admin: TokenUser, authority: Authority, first: Any, second: Any, same: bool
) -> None:
    for name, given in (("one", first), ("two", second)):
        record = Cluster(name=name, namespace="steps", kubeconfig=kubeconfig(authority, **given))
        if name == "two" and same:
            with pytest.raises(InvalidInput, match="Cluster one already has this server"):
                save_cluster(record, changed=(), conf=conf, by=admin)
        else:
            save_cluster(record, changed=(), conf=conf, by=admin)


def test_a_cluster_with_a_pod_in_it_keeps_its_tls_name_and_the_subject_of_its_certificate(
    there: MemoryCluster, launch: Launch, east: Cluster, conf: Installation, admin: TokenUser, authority: Authority
) -> None:
    def give(**given: str) -> None:
        east.kubeconfig = kubeconfig(authority, **given)
        save_cluster(east, changed=("kubeconfig",), conf=conf, by=admin)

    Cluster.objects.filter(pk=east.pk).update(kubeconfig=kubeconfig(authority, tls_name="one", client="site"))
    launch("east")
    give(tls_name="one", client="site")
    for given in ({"tls_name": "two", "client": "site"}, {"tls_name": "one", "client": "other"}, {"tls_name": "one"}):
        with pytest.raises(WrongState, match="until these steps are over"):
            give(**given)
