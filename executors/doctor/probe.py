"""The probe: a real pod, built like a step's, that tries what a step needs and then waits to be deleted.

It advances in short calls (`advance`), so nothing waits for a pod: the command calls in a loop, the panel's run once
per queue heartbeat. The pod's findings are in its log, which takes the optional Role to read; without it, the pod's
readiness says that all is well, and its exit that something is not.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from executors.cluster import ClusterError, Manifest
from executors.doctor.report import Finding, failed, passed, unknown
from executors.doctor.rights import OPTIONAL_ROLE
from executors.installation.settings import Installation
from executors.launching import manifest
from executors.watching.diagnosis import pods as diagnosis
from executors.watching.diagnosis import statuses
from terrakube_site.messages import joined, marked, message
from workspaces.models.policy import policy_of
from workspaces.pods import PodSettings, pod_settings
from workspaces.pods.catalogue import ENABLE

if TYPE_CHECKING:
    from executors.cluster.api import Cluster

SUBJECT = _("Probe pod")
LABEL = "terrakube.io/check"
CACHE = "/terrakube-check-cache"
START_SECONDS = 120
STUCK_SECONDS = 20
"""Time after which a pod that does not start is given up."""
GRACE_SECONDS = 20
END_SECONDS = GRACE_SECONDS + 40
_LINES = 200

# Process 1 of the pod. A step's pod gets SIGTERM, and terraform in it SIGINT: both are tested.
SCRIPT = r"""
set -m
bad=0
say() { printf 'check %s %s\n' "$1" "$2"; case "$2" in ok*) ;; *) bad=1 ;; esac; }
trap 'echo "check signal ok"; exit 0' TERM INT
if getent ahosts "$CHECK_HOST" >/dev/null; then say resolve ok; else say resolve "no address for $CHECK_HOST"; fi
if command -v curl >/dev/null; then
  answer=$(curl -sS -k -o /dev/null -m 15 -w '%{http_code}' "$CHECK_URL" 2>&1)
else
  answer=$(python3 -I -c 'import ssl, sys, urllib.request, urllib.error
try: print(urllib.request.urlopen(sys.argv[1], timeout=15, context=ssl._create_unverified_context()).status)
except urllib.error.HTTPError as error: print(error.code)
except OSError as error: print(error)' "$CHECK_URL" 2>&1)
fi
case "$answer" in 200|503) say reach ok ;; *) say reach "$answer" ;; esac
bash -c 'trap "exit 7" INT; while :; do sleep 0.1; done' & child=$!
sleep 0.5; kill -INT $child; wait $child
[ $? = 7 ] && say interrupt ok || say interrupt "a child of the pod does not get SIGINT"
if [ -n "$CHECK_CACHE" ]; then
  file="$CHECK_CACHE/.terrakube-check-$HOSTNAME"
  if (: >"$file") 2>/dev/null; then
    say cache-write ok
    if command -v flock >/dev/null; then
      (exec 9>"$file"; flock -n 9 && ! flock -n "$file" true) 2>/dev/null && say cache-lock ok \
        || say cache-lock "a lock on the volume keeps nobody out"
    fi
    rm -f "$file"
  else
    say cache-write "the volume cannot be written by $(id -u):$(id -g)"
  fi
fi
[ $bad = 0 ] || exit 10
: >/tmp/check-ready
echo "check all ok"
for _ in $(seq 600); do sleep 0.2 & wait $!; done
exit 3
"""


def probe_job(conf: Installation, name: str, *, claim: str | None) -> Manifest:
    """Return the probe's Job: a step's Job with another program in its container, and no data."""
    added = policy_of(None).additions({ENABLE: "1"})
    settings = pod_settings({ENABLE: "1", **{key: forced.text for key, forced in added.items()}})
    if claim is not None:
        settings = _with_cache(settings, claim)
    identity = manifest.StepIdentity(
        organization_id="none",
        workspace_id="none",
        job_id=0,
        step_id="none",
        step_number=0,
        attempt_number=0,
        attempt_id="none",
        name=name,
    )
    body = manifest.job_manifest(
        identity, settings, conf, manifest.InlineData(""), plugin_cache_claim_exists=claim is not None
    )
    # Not a step's Job, so watcher and sweep must not see it.
    labels = {**settings.labels, LABEL: "true"}
    body["metadata"]["labels"] = labels
    template = body["spec"]["template"]
    template["metadata"]["labels"] = dict(labels)
    body["spec"] |= {"activeDeadlineSeconds": START_SECONDS + 180, "ttlSecondsAfterFinished": 300}
    template["spec"]["terminationGracePeriodSeconds"] = GRACE_SECONDS
    container = template["spec"]["containers"][0]
    container["command"] = ["/bin/bash", "-c", SCRIPT]
    url = conf.api_url or "http://localhost"
    container["env"] = [
        {"name": "CHECK_URL", "value": f"{url}/actuator/health/liveness"},
        {"name": "CHECK_HOST", "value": urlsplit(url).hostname or ""},
        {"name": "CHECK_CACHE", "value": CACHE if claim is not None else ""},
        *({"name": key, "value": value} for key, value in settings.env),
    ]
    container["readinessProbe"] = {"exec": {"command": ["test", "-f", "/tmp/check-ready"]}, "periodSeconds": 1}  # noqa: S108 - in the pod
    return body


def _with_cache(settings: PodSettings, claim: str) -> PodSettings:
    return replace(settings, plugin_cache_dir=CACHE, plugin_cache_claim=claim, plugin_cache_claim_given=True)


# ---- progress, as plain values that can be stored between two calls
# ---------------------------------------------------


def start_probe(api: Cluster, conf: Installation, *, claim: str | None) -> tuple[dict[str, Any], list[Finding]]:
    """Create the probe's Job; return the progress and the first findings. A refused Job ends the probe."""
    name = f"terrakube-check-{secrets.token_hex(4)}"
    state: dict[str, Any] = {"name": name, "phase": "starting", "since": timezone.now().isoformat(), "log": ""}
    try:
        api.create_job(conf.namespace, probe_job(conf, name, claim=claim))
    except ClusterError as error:
        fix = _("See the rows about rights and a step's Job.")
        return {**state, "phase": "over"}, [failed(SUBJECT, _("start"), error.message, fix)]
    return state, []


def advance_probe(api: Cluster, conf: Installation, state: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Check once; return the progress and new findings. Raises ClusterError."""
    if state["phase"] == "starting":
        return _advance_start(api, conf, state)
    return _advance_end(api, conf, state)


def _age(state: dict[str, Any]) -> float:
    return (timezone.now() - dt.datetime.fromisoformat(state["since"])).total_seconds()


def _advance_start(api: Cluster, conf: Installation, state: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    name = state["name"]
    seen = api.read_job(conf.namespace, name)
    pods = _list_pods(api, conf.namespace, name)
    ready = bool(seen and seen.get("status", {}).get("ready"))
    over = seen is None or statuses.job_end(seen) is not None or bool(seen.get("status", {}).get("failed"))
    if not ready and not over and _age(state) < START_SECONDS:
        stuck = _age(state) > STUCK_SECONDS and diagnosis.diagnose(seen, pods).kind is diagnosis.Kind.STUCK
        if not stuck:
            return state, []
    log = _read_log(api, conf.namespace, pods)
    found = _findings(ready=ready, log=log, seen=seen, pods=pods, namespace=conf.namespace, name=name)
    api.delete_job(conf.namespace, name)
    phase = {"phase": "ending" if ready else "cleaning", "since": timezone.now().isoformat()}
    return {**state, **phase}, found


def _advance_end(api: Cluster, conf: Installation, state: dict[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    seconds = _age(state)
    gone = api.read_job(conf.namespace, state["name"]) is None
    if not gone and seconds < END_SECONDS:
        return state, []
    over = {**state, "phase": "over"}
    if state["phase"] == "cleaning":
        return over, []
    if gone and seconds < GRACE_SECONDS:
        return over, [
            passed(SUBJECT, _("told to end"), message(_("It was gone after {seconds} s"), seconds=f"{seconds:.0f}"))
        ]
    detail = message(
        _("It was gone only after {seconds} s, although it stops at once on a signal")
        if gone
        else _("It still existed after {seconds} s, although it stops at once on a signal"),
        seconds=f"{seconds:.0f}",
    )
    fix = _("Check whether something between the kubelet and the container blocks signals, or the node is slow.")
    return over, [failed(SUBJECT, _("told to end"), detail, fix)]


def _list_pods(api: Cluster, namespace: str, name: str) -> list[Manifest] | None:
    try:
        return api.list_pods(namespace, f"job-name={name}")[0]
    except ClusterError as error:
        if error.status == 403:
            return None
        raise


def _read_log(api: Cluster, namespace: str, pods: list[Manifest] | None) -> str | None:
    """Return the output of the pod, None if it may not be read."""
    pod = statuses.newest(pods or ())
    if pod is None:
        return None
    try:
        return api.pod_log(namespace, pod["metadata"]["name"], container=manifest.CONTAINER, tail_lines=_LINES)
    except ClusterError:
        # Not permitted, or no container has started that could print anything.
        return None


_CHECKS = {
    "resolve": (_("resolves the site's name"), _("Check the cluster's DNS and the host in AzBuilderApiUrl.")),
    "reach": (_("reaches the site"), _("Check AzBuilderApiUrl, NetworkPolicies and proxies between pods and site.")),
    "interrupt": (_("takes SIGINT"), _("Use an executor image whose processes receive signals.")),
    "cache-write": (_("writes the provider cache"), _("Set fsGroup to the volume's group, or fix its permissions.")),
    "cache-lock": (
        _("locks in the provider cache"),
        _("Use a volume whose file system supports locks (NFS with its lock daemon)."),
    ),
}


def _findings(
    *, ready: bool, log: str | None, seen: Manifest | None, pods: list[Manifest] | None, namespace: str, name: str
) -> list[Finding]:
    said = dict(
        line.split(" ", 2)[1:] for line in (log or "").splitlines() if line.count(" ") > 1 and line.startswith("check ")
    )
    if said or ready:
        # Its container got everything that the pod refers to, including the image and the Secrets.
        found = [
            passed(SUBJECT, _("start"), _("The image was pulled, and its container runs with everything it names"))
        ]
    else:
        return [_not_started(seen, pods, namespace, name)]
    for key, (what, fix) in _CHECKS.items():
        if key in said:
            ok = said[key].startswith("ok")
            found.append(passed(SUBJECT, what) if ok else failed(SUBJECT, what, said[key], fix))
    if not said:
        # Readiness requires all of these.
        found.append(passed(SUBJECT, _("resolves and reaches the site, takes SIGINT"), _("The pod became ready")))
    return found


def _not_started(seen: Manifest | None, pods: list[Manifest] | None, namespace: str, name: str) -> Finding:
    if pods is None and seen is not None and seen.get("status", {}).get("failed"):
        detail = _(
            "It started, and one of its checks failed: it resolves and reaches the site, takes SIGINT, or its cache"
        )
        fix = message(
            _(
                "This account may not read the cause. Give it Role {role} in namespace {namespace} and check again, "
                "or start a job and read its pod's log."
            ),
            role=OPTIONAL_ROLE,
            namespace=namespace,
        )
        return failed(SUBJECT, _("checks"), detail, fix)
    found = diagnosis.diagnose(seen, pods)
    if pods is None:
        fix = message(
            _("Give the account Role {role} in namespace {namespace} to see the pod's own reason."),
            role=OPTIONAL_ROLE,
            namespace=namespace,
        )
        return failed(
            SUBJECT, _("start"), joined(" ", (marked(_("It has not started.")), found.why.with_advice().sentence)), fix
        )
    advice = found.why.advice or _("Check the pod's events with kubectl describe.")
    return failed(SUBJECT, _("start"), found.why.sentence, advice)


def abandoned_probe(state: dict[str, Any], why: str) -> Finding:
    """Return the row of a probe that was given up."""
    fix = message(_("kubectl delete job {name}, if it still exists."), name=state["name"])
    return unknown(SUBJECT, _("outcome"), why, fix)
