"""A site behind a proxy loses its web process while somebody follows a run at a terminal.

Rows of docs/faults.md. The site is run by ``manage.py up``; the proxy speaks https to the terminals.
"""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.supervision import title
from tests.faults.trial import DEFAULT_PATIENCE
from tests.spine.processes import MANAGE, Process, tree
from tests.spine.sources import answers
from tests.spine.waiting import await_that
from tests.support.patience import patient
from tests.tfe.authority import HOST
from tests.tfe.live.trials import COMPLETE, FOLLOWED, Phase, Trial, at_the_end, owned_organization
from tests.tfe.tls import TlsSite
from tests.tfe.tls_proxy import EMPTY, TlsProxy, tls_proxy_on
from workspaces.models import Organization

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(patient(120), method="signal"),
]

AWAY_SECONDS = 5


class SupervisedSite(TlsSite):
    """A site as ``manage.py up`` runs it, which speaks http behind a proxy."""

    def __init__(self, folder: Path, proxy: TlsProxy) -> None:
        super().__init__(folder, DEFAULT_PATIENCE | {"TerrakubeApiUrl": f"https://{proxy.address}"})
        proxy.target = HOST, self.port
        self.plain = f"http://{HOST}:{self.port}"
        environ = self.environ | {"AzBuilderApiUrl": self.plain, "ExecutorLocalApiUrl": self.plain}
        self.up = Process("up", [*MANAGE, "up", "--host", HOST, "--port", str(self.port)], environ, folder)

    @property
    def processes(self) -> tuple[Process, ...]:
        return (self.up,)

    def web_pid(self) -> int | None:
        """Return the web process that runs now, if one does."""
        for pid in tree(self.up.pid):
            # One that has ended meanwhile has no file.
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == title("web"):
                    return pid
        return None


@pytest.fixture(scope="module")
def proxy() -> Iterator[TlsProxy]:
    with tls_proxy_on(HOST) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def site(db: None, proxy: TlsProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupervisedSite]:
    folder = tmp_path_factory.mktemp("site")
    with SupervisedSite(folder, proxy).at_hand() as site:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{HOST}.pem", folder / f"{HOST}.key")
        proxy.serve(context)
        site.up.start()
        try:
            await_that(lambda: answers(HOST, site.port), "the supervisor listens", 30)
            # A connection alone says nothing: the supervisor listens before there is a web process.
            with urllib.request.urlopen(f"{site.plain}/actuator/health/liveness", timeout=patient(60)):  # noqa: S310
                pass
            yield site
        finally:
            site.up.stop()


@pytest.fixture(scope="module")
def owned(site: SupervisedSite) -> tuple[Organization, str]:
    return owned_organization()


@pytest.fixture
def trial(
    site: SupervisedSite, proxy: TlsProxy, owned: tuple[Organization, str], tmp_path: Path
) -> Iterator[Trial[SupervisedSite]]:
    made = Trial(site, *owned, tmp_path, proxy.address)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("phase", FOLLOWED, ids=[phase.__name__ for phase in FOLLOWED])
def test_a_web_process_of_up_that_is_killed_costs_a_terminal_nothing(
    trial: Trial[SupervisedSite], phase: Phase
) -> None:
    go_on = phase(trial)
    killed = trial.site.web_pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await_that(lambda: trial.site.web_pid() not in (None, killed), "the web process is started again", 30)
    go_on()
    assert trial.exit_code() == 0, trial.report()
    assert COMPLETE in trial.said
    trial.assert_applied_once()


@pytest.mark.parametrize("phase", FOLLOWED, ids=[phase.__name__ for phase in FOLLOWED])
def test_a_proxy_that_answers_for_the_site_lets_a_terminal_wait(
    trial: Trial[SupervisedSite], proxy: TlsProxy, phase: Phase
) -> None:
    def after_log() -> bool:
        return phase is at_the_end and (bool(proxy.answered) or trial.dialogue.is_over)

    go_on = phase(trial)
    proxy.answered.clear()
    with proxy.away():
        # At the end of an apply, the client may have read all of the log before, and repeats another request.
        await_that(lambda: EMPTY in proxy.answered or after_log(), "it answers for the site", 30)
        time.sleep(AWAY_SECONDS)
    go_on()
    assert trial.exit_code() == 0, trial.report()
    # Of a run that ended meanwhile, the client asks no more for the log.
    assert COMPLETE in trial.said or phase is at_the_end, trial.report()
    trial.assert_applied_once()
