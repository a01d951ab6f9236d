"""Run the measures that were asked for, and print them."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import figures, site
from bench.figures import Figure
from bench.kube import JobWatch, Kube, own_namespace
from bench.program import run

MEASURES = {
    1: "POST job → Kubernetes Job exists",
    2: "step reported done → next step's Job exists",
    3: "100 jobs on 100 workspaces at once",
    4: "the executor: container started → first call, last call → process gone, peak memory",
    5: "memory of web, worker and watcher",
    6: "the whole: POST of a plan-and-apply job → completed through its two pods",
    7: "10,000 workspaces, 100,000 jobs, 200,000 variables: REST, the panel's pages, their scripts",
    8: "a log of 300,000 lines, opened at its end",
    9: "200 viewers of one running step at one web process",
    10: "starts of steps, cold and in warm pods, beside the start of a bare pod",
    11: "steps a second that are held, with pods that never start a container",
}
_LISTS, _LIVE = 7, {8, 9}
_WITHOUT_CLUSTER = {_LISTS, *_LIVE}
"""Those of the large site, which has a database and a web process and no cluster."""
_PROGRAMS = {10: "bench.warm", 11: "bench.sustained"}
"""Those that have a site with settings of its own."""
_WORKSPACES = 100
_BURST_THREADS = 16


def _asked(argv: list[str] | None = None) -> argparse.Namespace:
    listed = "\n".join(f"  {number}  {text}" for number, text in MEASURES.items())
    parser = argparse.ArgumentParser(
        prog="bench/run", description=f"The measures:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", metavar="1,2", default=",".join(map(str, MEASURES)), help="the measures to take (all)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there too")
    parser.add_argument("--rows", action="store_true", help="print them as rows for docs/performance.md too")
    parser.add_argument("--count", type=int, default=60, help="jobs of measures 1 and 2 (60)")
    parser.add_argument("--bursts", type=int, default=3, help="bursts of measure 3 (3)")
    parser.add_argument("--whole", type=int, default=7, help="jobs of measures 4 and 6 (7)")
    parser.add_argument("--asked", type=int, default=30, help="times that measure 7 asks for each list (30)")
    parser.add_argument("--lists", metavar="REGEX", default="", help="the lists of measure 7, by what it calls them")
    parser.add_argument("--terraform", metavar="VERSION", default="1.11.4", help="version in the executor's image")
    asked = parser.parse_args(argv)
    try:
        asked.only = {int(text) for text in asked.only.split(",")}
    except ValueError:
        parser.error("--only takes numbers, separated by commas")
    if unknown := asked.only - MEASURES.keys():
        parser.error(f"there is no measure {', '.join(map(str, sorted(unknown)))}")
    return asked


def _circumstances(image: str) -> dict[str, str]:
    database = "PostgreSQL" if os.environ.get("TEST_DATABASE_URL") else "SQLite"
    broker = "Redis" if os.environ.get("TEST_REDIS_HOSTNAME") else "the database"
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": str(os.cpu_count()),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "database": database,
        "queue": broker,
        "image": image,
    }


def main() -> int:
    asked = _asked()
    if asked.only <= _WITHOUT_CLUSTER:
        return _main_lists(asked)
    if asked.only <= _WITHOUT_CLUSTER | _PROGRAMS.keys():
        return _others(asked)
    if not os.environ.get("KUBECONFIG"):
        print("bench: KUBECONFIG is not set; a cluster is needed for all but 7, 8 and 9", file=sys.stderr)
        return 2
    host = os.environ.get("KUBE_HOST", "127.0.0.1")
    image = os.environ.get("BENCH_EXECUTOR_IMAGE") or os.environ.get("TEST_EXECUTOR_IMAGE", "terrakube-executor:latest")
    circumstances = _circumstances(image)
    print("  ".join(f"{name}: {value}" for name, value in circumstances.items()), flush=True)
    found: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="terrakube-bench.") as folder,
        site.own_database() as database,
        own_namespace(_BURST_THREADS) as kube,
    ):
        port = site.free_port(host)
        os.environ.update(
            site.settings(
                folder=Path(folder), database=database, host=host, port=port, namespace=kube.namespace, image=image
            )
        )
        log = Path(folder) / "site.log"
        try:
            with site.running(host, port, log) as running:
                for figure in _measure(asked, running, kube):
                    found.append(figure)
        except Exception:
            sys.stderr.write(log.read_text(errors="replace")[-4000:])
            raise
        finally:
            if found:
                _show(found, rows=asked.rows)
        circumstances["load after"] = " ".join(f"{load:.1f}" for load in os.getloadavg())
        if asked.json:
            figures.write_json(asked.json, circumstances, found)
    print(f"load after: {circumstances['load after']}")
    return _others(asked)


def _show(found: list[Figure], *, rows: bool) -> None:
    print(figures.table(found), flush=True)
    print(figures.verdict(found))
    if rows:
        print(f"\n{figures.markdown(found)}\n", flush=True)


def _others(asked: argparse.Namespace) -> int:
    """Take the measures that have a site of their own, each by its program; return 1 if one of them failed.

    A process knows the settings of one site only.
    """
    programs = sorted(asked.only & _PROGRAMS.keys())
    if 10 in programs and not os.environ.get("KUBE_HOST"):
        print("bench: KUBE_HOST is not set, so no pod can reach the site: 10 is left out", file=sys.stderr)
        programs.remove(10)
    commands = [(_PROGRAMS[number], ["-m", _PROGRAMS[number]]) for number in programs]
    if large := asked.only & _WITHOUT_CLUSTER:
        only = ",".join(map(str, sorted(large)))
        commands.append(("lists", ["-m", "bench", "--only", only, "--asked", str(asked.asked), "--lists", asked.lists]))
    failed = False
    for name, command in commands:
        if asked.json:
            suffix = name.removeprefix("bench.")
            command += ["--json", str(asked.json.with_stem(f"{asked.json.stem}-{suffix}"))]
        rows = ["--rows"] if asked.rows else []
        failed |= subprocess.run([sys.executable, *command, *rows], check=False).returncode != 0
    return int(failed)


def _main_lists(asked: argparse.Namespace) -> int:
    """Take measures 7, 8 and 9: a database and one web process, no cluster."""
    if not os.environ.get("TEST_DATABASE_URL"):
        print("bench: TEST_DATABASE_URL is not set; 7, 8 and 9 need PostgreSQL", file=sys.stderr)
        return 2
    circumstances = _circumstances("none")
    print("  ".join(f"{name}: {value}" for name, value in circumstances.items()), flush=True)
    port = site.free_port("127.0.0.1")
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="terrakube-bench.") as folder, site.own_database() as database:
        os.environ.update(
            site.settings(
                folder=Path(folder), database=database, host="127.0.0.1", port=port, namespace="none", image="none"
            )
        )
        # Styles and scripts are compressed as in the image of the site.
        os.environ["TERRAKUBE_STATIC_ROOT"] = f"{folder}/static"
        manage = [sys.executable, str(site.PROJECT / "manage.py")]
        subprocess.run([*manage, "collectstatic", "--no-input", "--verbosity", "0"], check=True)
        site.migrate()
        import django

        django.setup()
        # Only now the settings are known and the models can be imported.
        from bench import lists, live
        from bench.dataset import make_dataset

        began = time.monotonic()
        dataset = make_dataset()
        circumstances["records made in"] = f"{time.monotonic() - began:.0f} s"
        if _LISTS in asked.only:
            found += lists.measured(port, dataset, asked.asked, asked.lists)
        if asked.only & _LIVE:
            found += live.measured(port, dataset, asked.asked, asked.only)
    _show(found, rows=asked.rows)
    circumstances["load after"] = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"records made in {circumstances['records made in']}  load after: {circumstances['load after']}")
    if asked.json:
        figures.write_json(asked.json, circumstances, found)
    return 0


def _measure(asked: argparse.Namespace, running: site.Site, kube: Kube) -> Iterator[Figure]:
    """Take the measures, in an order in which none disturbs the next."""
    import django

    django.setup()
    # Only now the settings are known and the models can be imported.
    from bench import launches, memory, pods
    from bench.processes import ExecutorRuns
    from bench.rest import Rest
    from bench.seed import make_records
    from executors.preview.expected_job import expected_job
    from workspaces.models import Workspace

    records = make_records(waiting=_WORKSPACES, version=asked.terraform)
    rest = Rest(running.address, records)
    waiting = records.waiting

    def manifest_of(workspace: str) -> dict[str, Any]:
        return expected_job(Workspace.objects.get(pk=workspace))

    watch = JobWatch(kube)
    try:
        bare = launches.BareJobs(kube, watch, manifest_of(waiting[0]))
        if 1 in asked.only:
            yield from launches.post_to_job(asked.count, rest, watch, bare, waiting)
        if 2 in asked.only:
            yield from launches.result_to_job(asked.count, rest, watch, kube, bare, waiting)
        if 3 in asked.only:
            yield from launches.hundred_at_once(asked.bursts, rest, watch, kube, bare, waiting, running.up_pid)
    finally:
        watch.close()
    if asked.only & {4, 6}:
        if not os.environ.get("KUBE_HOST"):
            print("bench: KUBE_HOST is not set, so no pod can reach the site: 4 and 6 are left out", file=sys.stderr)
        else:
            listener = ExecutorRuns(running.address)
            try:
                taken = pods.run_jobs(asked.whole, rest, records.running, listener)
            finally:
                listener.close()
            if 4 in asked.only:
                yield from pods.executor_figures(listener.runs)
            if 6 in asked.only:
                bare_taken = pods.bare_pods(3, kube, manifest_of(records.running))
                yield from pods.whole_figures(taken, bare_taken)
    if 5 in asked.only:
        time.sleep(5)
        yield from memory.memory_figures(running.up_pid)


if __name__ == "__main__":
    run(main)
