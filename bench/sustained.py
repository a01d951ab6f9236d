"""How many steps a second a site holds: `bench/run sustained`.

Jobs of two steps are posted at each rate for some seconds, evenly and whatever became of those before. Their pods never
start a container: a simulator sets their status, claims and reports. A rate is held if 90 of 100 steps wait less than
``--bound`` seconds for their Kubernetes Job, no queue is left in the end, and nine tenths of the rate got one. It stops
at the first that is not held. Beside it stand the same Jobs, created at the same rate without a site.
Waits count from the moment in which a step was due, so a site that answers late is not spared. All of it runs on one
machine, simulator included, and what each part takes of its processors is told.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import figures, site
from bench.figures import Figure, percentile
from bench.kube import BARE, Kube, bare_manifest, job_name, own_namespace
from bench.memory import memory_figures
from bench.player import Played, Player
from bench.processes import cpu_seconds, site_cpu_seconds
from bench.program import run
from bench.rates import Verdict, Wait, bottleneck, judge

MEASURE = 11
_PLAN, _APPLY = 100, 200
_STEPS_OF_JOB = 2
_THREADS = 12
_DRAIN_SECONDS = 30.0
_LAST_SECONDS = 2.0
"""In which the cluster may finish the last bare Jobs of a rate."""
_SWEEP_SECONDS = 12.0
"""Within which the watcher's sweep cleans up what has ended."""
_CLUSTER = {
    "kube-apiserver": "API server",
    "etcd": "etcd",
    "kube-controller": "controllers",
    "kube-scheduler": "scheduler",
}
_SERVERS = {"postgres": "PostgreSQL", **_CLUSTER}
"""What the kernel calls the servers of this machine, and what they are called here."""


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run sustained", description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[10, 20, 30, 40, 50], help="steps a second, rising")
    parser.add_argument("--seconds", type=float, default=60, help="how long each rate is fed (60)")
    parser.add_argument("--bound", type=float, default=1.0, help="longest wait of 90 of 100 steps, in seconds (1)")
    parser.add_argument("--most-seconds", type=float, default=600, help="no further rate is begun after these (600)")
    parser.add_argument("--workspaces", type=int, default=150, help="workspaces whose turn it is in a circle (150)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there too")
    parser.add_argument("--rows", action="store_true", help="print them as rows for docs/performance.md too")
    return parser.parse_args()


def main() -> int:
    asked = _asked()
    if not os.environ.get("KUBECONFIG"):
        print("bench: KUBECONFIG is not set; its API server is part of the measure", file=sys.stderr)
        return 2
    image = "bench"
    circumstances = {
        "cpus": str(os.cpu_count()),
        "load": _load(),
        "database": "PostgreSQL",
        "seconds": str(asked.seconds),
    }
    if not os.environ.get("TEST_DATABASE_URL"):
        circumstances["database"] = "SQLite"
    print("  ".join(f"{name}: {value}" for name, value in circumstances.items()), flush=True)
    found: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="terrakube-bench.") as folder,
        site.own_database() as database,
        own_namespace(2 * _THREADS) as kube,
    ):
        port = site.free_port("127.0.0.1")
        os.environ.update(
            site.settings(
                folder=Path(folder),
                database=database,
                host="127.0.0.1",
                port=port,
                namespace=kube.namespace,
                image=image,
            )
        )
        log = Path(folder) / "site.log"
        try:
            with site.running("127.0.0.1", port, log) as running:
                for figure in _measure(asked, running, kube):
                    found.append(figure)
        except Exception:
            sys.stderr.write(log.read_text(errors="replace")[-4000:])
            raise
        finally:
            if found:
                print(figures.table(found), flush=True)
    if asked.rows:
        print(f"\n{figures.markdown(found)}\n")
    circumstances["load after"] = _load()
    print(f"load after: {circumstances['load after']}")
    if asked.json:
        figures.write_json(asked.json, circumstances, found)
    return 0


def _load() -> str:
    return " ".join(f"{one:.1f}" for one in os.getloadavg())


def _measure(asked: argparse.Namespace, running: site.Site, kube: Kube) -> Iterator[Figure]:
    import django

    django.setup()
    # Only now the settings are known and the models can be imported.
    from bench.rest import Rest
    from bench.seed import make_records
    from executors.preview.expected_job import expected_job
    from workspaces.models import Workspace

    records = make_records(waiting=asked.workspaces, version="1.11.4")
    manifest = expected_job(Workspace.objects.get(pk=records.waiting[0]))
    player, bare_player = Player(kube, _THREADS), Player(kube, _THREADS, BARE)
    meter = _Meter(running.up_pid)
    rounds = _Rounds(Rest(running.address, records), records.waiting, player, meter)
    bare_rounds = _BareRounds(kube, manifest, bare_player, meter)
    until = time.monotonic() + asked.most_seconds
    highest = 0.0
    try:
        # What runs once in each process and connection is no part of a rate.
        rounds.feed(4.0, 10.0)
        for rate in asked.rates:
            if time.monotonic() > until:
                print(f"bench: {asked.most_seconds:.0f} s are over; no rate from {rate:g} on is fed", file=sys.stderr)
                break
            bare = bare_rounds.feed(rate, asked.seconds / 3)
            fed = rounds.feed(rate, asked.seconds)
            verdict = judge(fed.waits, rate=rate, seconds=asked.seconds, bound=asked.bound)
            yield from _figures(rate, fed, verdict, bare)
            if not verdict.held:
                break
            highest = rate
        yield Figure(measure=MEASURE, name="highest rate that was held", value=highest, unit="steps/s")
        yield from memory_figures(running.up_pid)
    finally:
        player.close()
        bare_player.close()


class _Meter:
    """The processor time of all parts that share this machine."""

    def __init__(self, up_pid: int) -> None:
        self._up_pid = up_pid

    def used(self) -> dict[str, float]:
        """Return the seconds that each part has used so far."""
        pids: dict[str, list[int]] = {part: [] for part in _SERVERS.values()}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                part = _SERVERS.get((entry / "comm").read_text().strip())
                if part and entry.name.isdecimal():
                    pids[part].append(int(entry.name))
        servers = {part: cpu_seconds(found) for part, found in pids.items()}
        return site_cpu_seconds(self._up_pid) | servers | {"simulator": time.process_time()}

    @staticmethod
    def machine() -> tuple[float, float]:
        """Return the ticks in which this machine's processors did nothing, and all ticks."""
        fields = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return float(fields[3] + fields[4]), float(sum(fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """What a feed took: its begin (time.time), cores in use by each part, share of all processors in use."""

    begin: float
    cores: Mapping[str, float]
    busy: float


def _evenly(count: int, seconds: float, do: Callable[[int, float], object], meter: _Meter) -> _Load:
    """Call ``do`` with so many numbers and the times when they are due, whatever became of those before."""
    with ThreadPoolExecutor(_THREADS) as threads:
        used, ticks = meter.used(), meter.machine()
        begin = time.time()
        sent = []
        for number in range(count):
            due = begin + number * seconds / count
            time.sleep(max(0.0, due - time.time()))
            sent.append(threads.submit(do, number, due))
        time.sleep(max(0.0, begin + seconds - time.time()))
        used_after, ticks_after = meter.used(), meter.machine()
        for one in sent:
            one.result()
    idle, total = (late - early for early, late in zip(ticks, ticks_after, strict=True))
    cores = {name: (used_after[name] - before) / seconds for name, before in used.items()}
    return _Load(begin=begin, cores=cores, busy=1 - idle / total)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bare:
    """Seconds until each bare Job was seen, how many pods a second ran to their end, and cores in use meanwhile."""

    seen: Sequence[float]
    ended: float
    cores: Mapping[str, float]


class _BareRounds:
    """The same Jobs created at the same rate without the site, and their pods taken to their end."""

    def __init__(self, kube: Kube, manifest: dict[str, Any], player: Player, meter: _Meter) -> None:
        self._kube = kube
        self._manifest = manifest
        self._player = player
        self._meter = meter
        self._round = 0

    def feed(self, rate: float, seconds: float) -> _Bare:
        self._round += 1
        due_at: dict[str, float] = {}

        def create(number: int, due: float) -> None:
            name = f"bare-{self._round}-{number}"
            due_at[name] = due
            self._kube.create(bare_manifest(self._manifest, name))

        load = _evenly(round(rate * seconds), seconds, create, self._meter)
        time.sleep(_LAST_SECONDS)
        played = [(self._player.steps.get(name, Played()), due) for name, due in due_at.items()]
        return _Bare(
            seen=[one.exists - due for one, due in played if one.exists is not None],
            ended=sum(one.succeeded is not None for one, _due in played) / seconds,
            cores=load.cores,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fed:
    """What came of one rate: waits for Jobs in seconds, and what it took."""

    waits: Sequence[Wait]
    first: Sequence[float]
    following: Sequence[float]
    completed: Sequence[float]
    cleaned: Sequence[float]
    load: _Load
    errors: Sequence[str]
    unfinished: int


class _Rounds:
    """Feeds jobs and gathers what became of them."""

    def __init__(self, rest: Any, workspaces: Sequence[str], player: Player, meter: _Meter) -> None:
        self._rest = rest
        self._workspaces = workspaces
        self._player = player
        self._meter = meter
        self._next = 0

    def feed(self, rate: float, seconds: float) -> _Fed:
        """Post jobs at so many steps a second, then wait until they have ended, but not for ever."""
        posted: dict[int, float] = {}
        first = self._next
        self._player.errors.clear()

        def post(number: int, due: float) -> None:
            job = self._rest.start_job(self._workspaces[(first + number) % len(self._workspaces)])
            posted[job] = due

        count = round(rate * seconds / _STEPS_OF_JOB)
        self._next += count
        load = _evenly(count, seconds, post, self._meter)
        unfinished = self._drain(posted)
        return self._gathered(posted, load, unfinished)

    def _gathered(self, posted: Mapping[int, float], load: _Load, unfinished: int) -> _Fed:
        steps = self._player.steps
        waits, first, following = [], [], []
        for job, due in posted.items():
            plan, apply = (steps.get(job_name(job, number), Played()) for number in (_PLAN, _APPLY))
            waits.append(_wait(due, plan.exists, load.begin))
            if plan.exists is not None:
                first.append(plan.exists - due)
            if plan.reported is not None:
                waits.append(_wait(plan.reported, apply.exists, load.begin))
                if apply.exists is not None:
                    following.append(apply.exists - plan.reported)
        completed, cleaned = _recorded(posted, steps)
        return _Fed(
            waits=waits,
            first=first,
            following=following,
            completed=completed,
            cleaned=cleaned,
            load=load,
            errors=tuple(self._player.errors),
            unfinished=unfinished,
        )

    @staticmethod
    def _drain(posted: Mapping[int, float]) -> int:
        """Wait until all jobs have ended; return how many have not."""
        from workspaces.choices import FINAL_JOB
        from workspaces.models import Job

        until = time.monotonic() + _DRAIN_SECONDS
        going = Job.objects.filter(pk__in=posted).exclude(status__in=FINAL_JOB)
        while (left := going.count()) and time.monotonic() < until:
            time.sleep(0.5)
        time.sleep(_SWEEP_SECONDS)
        return left


def _wait(begun: float, ended: float | None, begin: float) -> Wait:
    return Wait(begun - begin, None if ended is None else ended - begin)


def _recorded(posted: Mapping[int, float], steps: Mapping[str, Played]) -> tuple[list[float], list[float]]:
    """Seconds from each last report to its job's end, and from each pod's end until its attempt was cleaned up."""
    from executors.models import Attempt
    from workspaces.models import Job

    completed = []
    for job, ended in Job.objects.filter(pk__in=posted, ended_at__isnull=False).values_list("pk", "ended_at"):
        reported = steps.get(job_name(job, _APPLY), Played()).reported
        if reported is not None and ended is not None:
            completed.append(ended.timestamp() - reported)
    cleaned = []
    attempts = Attempt.objects.filter(step__job__in=posted, cleaned_at__isnull=False)
    for name, at in attempts.values_list("job_name", "cleaned_at"):
        succeeded = steps.get(name, Played()).succeeded
        if succeeded is not None and at is not None:
            cleaned.append(max(0.0, at.timestamp() - succeeded))
    return completed, cleaned


def _figures(rate: float, fed: _Fed, verdict: Verdict, bare: _Bare) -> Iterator[Figure]:
    prefix = f"{rate:g} steps/s"
    yield Figure(
        measure=MEASURE,
        name=f"{prefix}: steps a second that got a Job; bare Jobs whose pod ran",
        value=verdict.rate,
        unit="steps/s",
        bare=bare.ended,
    )
    for name, taken, beside in (
        ("POST → Job exists", fed.first, bare.seen),
        ("plan reported → apply's Job exists", fed.following, bare.seen),
        ("apply reported → job completed", fed.completed, ()),
        ("pod succeeded → attempt cleaned up", fed.cleaned, ()),
    ):
        for share, text in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99")):
            if taken:
                yield Figure(
                    measure=MEASURE,
                    name=f"{prefix}: {name}, {text} of {len(taken)}",
                    value=percentile(taken, share) * 1000,
                    unit="ms",
                    bare=percentile(beside, share) * 1000 if beside else None,
                )
    # Of a rate that is not held, only some steps came to anything.
    made = verdict.rate or rate
    for part, cores in fed.load.cores.items():
        beside_part = bare.cores[part] / rate * 1000 if part in {*_CLUSTER.values(), "simulator"} else None
        yield Figure(
            measure=MEASURE,
            name=f"{prefix}: processor time of {part} for a step ({cores * 100:.0f}% of a core)",
            value=cores / made * 1000,
            unit="ms",
            bare=beside_part,
        )
    yield Figure(measure=MEASURE, name=f"{prefix}: all processors in use", value=fed.load.busy * 100, unit="%")
    held = "held" if verdict.held else "NOT held"
    single = ("web", "watcher", "simulator")
    words = bottleneck(fed.load.cores, busy=fed.load.busy, single=single, rate=rate, alone=bare.ended)
    print(
        f"{prefix}: {held}; {verdict.queued} waited in the end, {fed.unfinished} jobs unfinished; bottleneck: {words}"
    )
    print(f"  load {_load()}; {len(fed.errors)} errors {list(fed.errors[:2])}", flush=True)


if __name__ == "__main__":
    run(main)
