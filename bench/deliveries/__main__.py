"""Measure pushes to a repository of many workspaces: how soon a site answers each, and has started all jobs.

A site as ``manage.py up`` starts it takes signed deliveries in GitHub's dialect, all at once. Each push changes the
folders of three workspaces and is on a branch of its own. The jobs wait: the site has no cluster to launch in, and its
provider cannot be reached for statuses.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import figures, site
from bench.figures import Figure, percentile

_HOST = "127.0.0.1"
_FOLDERS = 3
_ANSWER_MS, _ALL_SECONDS = 100.0, 20.0
_LONGEST_SECONDS = 300.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run deliveries", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=100, help="pushes (100)")
    parser.add_argument("--workspaces", type=int, default=300, help="workspaces of the repository (300)")
    parser.add_argument("--at-once", type=int, default=16, help="deliveries on their way at a time (16)")
    asked = parser.parse_args()
    if asked.deliveries * _FOLDERS > asked.workspaces:
        parser.error(f"--workspaces must be {_FOLDERS} times --deliveries or more: each push has folders of its own")
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="terrakube-bench.") as path, site.own_database() as database:
        folder, port = Path(path), site.free_port(_HOST)
        given = site.settings(folder=folder, database=database, host=_HOST, port=port, namespace="none", image="none")
        # Without an address that may be asked, no status leaves this machine.
        os.environ.update(given, KUBECONFIG="", TERRAKUBE_OUTGOING_ALLOWED=_HOST)
        log = folder / "site.log"
        try:
            with site.running(_HOST, port, log) as running:
                found.extend(_measured(asked, running.address))
        except Exception:
            sys.stderr.write(log.read_text(errors="replace")[-4000:] if log.exists() else "")
            raise
        finally:
            print(figures.table(found), flush=True)
            print(f"load after: {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    return 0


def _measured(asked: argparse.Namespace, address: str) -> Iterator[Figure]:
    import django

    django.setup()
    # Only now the settings are known and the models can be imported.
    from bench.deliveries.repository import Repository
    from vcs.choices import DeliveryStatus
    from vcs.models import Delivery
    from workspaces.models import Job

    repository = Repository.made(address, asked.workspaces)
    # The first one warms the site up, and changes nothing that a workspace uses.
    repository.push("warm-up", ["README.md"])
    begun = time.monotonic()
    taken = repository.push_many(asked.deliveries, _FOLDERS, asked.at_once)
    answered = time.monotonic() - begun
    while Delivery.objects.exclude(status=DeliveryStatus.PROCESSED).exists():
        if time.monotonic() - begun > _LONGEST_SECONDS:
            raise RuntimeError(f"after {_LONGEST_SECONDS:.0f} s there are deliveries that are not handled")
        time.sleep(0.05)
    handled = time.monotonic() - begun
    jobs, expected = Job.objects.count(), asked.deliveries * _FOLDERS
    if jobs != expected or Job.objects.values("workspace").distinct().count() != expected:
        raise RuntimeError(f"there are {jobs} jobs; each of {expected} workspaces has one otherwise")
    words = f"{asked.deliveries} deliveries on {asked.workspaces} workspaces"
    yield Figure(measure=1, name=f"{words}: an answer, p50", value=percentile(taken, 0.5) * 1000, unit="ms")
    yield Figure(measure=1, name="p95 of them", value=percentile(taken, 0.95) * 1000, unit="ms")
    yield Figure(measure=1, name="until all are answered", value=answered, unit="s")
    yield Figure(measure=1, name=f"until all {expected} jobs are there", value=handled, unit="s", aim=_ALL_SECONDS)
    alone = [repository.push(f"alone-{number}", ["README.md"]) for number in range(20)]
    answer = percentile(alone, 0.5) * 1000
    yield Figure(measure=2, name="one at a time: an answer, p50", value=answer, unit="ms", aim=_ANSWER_MS)
    yield Figure(measure=2, name="the slowest of 20", value=max(alone) * 1000, unit="ms")


if __name__ == "__main__":
    sys.exit(main())
