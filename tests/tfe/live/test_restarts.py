"""Worker, web process and database are killed in each phase of a run that somebody follows at a terminal.

Rows of docs/faults.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy, proxy_on
from tests.faults.servers import without
from tests.faults.trial import DEFAULT_PATIENCE
from tests.support.patience import patient
from tests.tfe.authority import HOST
from tests.tfe.live.trials import (
    COMPLETE,
    FOLLOWED,
    PHASES,
    Phase,
    Trial,
    at_the_question,
    owned_organization,
    while_applying,
    while_planning,
)
from tests.tfe.tls import TlsSite, tls_site
from workspaces.models import Organization

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(patient(120), method="signal"),
]

DOWN_SECONDS = 2


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """The way from the terminals to the site."""
    with proxy_on(HOST) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def site(db: None, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSite]:
    # How long a process takes to start again is the machine's affair.
    environ = DEFAULT_PATIENCE | {"TerrakubeApiUrl": f"https://{proxy.address}"}
    with tls_site(tmp_path_factory.mktemp("site"), worker=True, **environ) as site:
        proxy.target = HOST, site.port
        yield site


@pytest.fixture(scope="module")
def owned(site: TlsSite) -> tuple[Organization, str]:
    return owned_organization()


@pytest.fixture
def trial(site: TlsSite, proxy: Proxy, owned: tuple[Organization, str], tmp_path: Path) -> Iterator[Trial[TlsSite]]:
    made = Trial(site, *owned, tmp_path, proxy.address)
    try:
        yield made
    finally:
        made.close()


def each(phase: Phase, *, everyday: tuple[Phase, ...]) -> object:
    marks = [pytest.mark.everyday] if phase in everyday else []
    return pytest.param(phase, id=phase.__name__, marks=marks)


@pytest.mark.parametrize("phase", [each(phase, everyday=(while_applying,)) for phase in PHASES])
def test_a_worker_killed_in_any_phase_costs_a_terminal_nothing(trial: Trial[TlsSite], phase: Phase) -> None:
    go_on = phase(trial)
    trial.site.worker.kill()
    time.sleep(DOWN_SECONDS)
    trial.site.worker.start()
    go_on()
    assert trial.exit_code() == 0, trial.report()
    assert COMPLETE in trial.said
    trial.assert_applied_once()


@pytest.mark.parametrize("phase", [each(phase, everyday=(at_the_question,)) for phase in PHASES])
def test_a_web_process_killed_in_any_phase_lets_a_terminal_end_with_the_truth(
    trial: Trial[TlsSite], phase: Phase
) -> None:
    go_on = phase(trial)
    trial.site.web.kill()
    time.sleep(DOWN_SECONDS)
    trial.site.start_web()
    go_on()
    code = trial.exit_code()
    if code == 0:
        assert COMPLETE in trial.said, trial.report()
    else:
        assert phase in FOLLOWED, trial.report()
        assert "Failed to read logs" in trial.said, trial.report()
        assert COMPLETE not in trial.said
    # The run goes on without its client.
    trial.assert_applied_once()


@pytest.mark.servers
@pytest.mark.parametrize("phase", [each(phase, everyday=()) for phase in PHASES])
def test_a_database_restarted_in_any_phase_costs_a_terminal_nothing(trial: Trial[TlsSite], phase: Phase) -> None:
    go_on = phase(trial)
    with without("postgres", seconds=DOWN_SECONDS):
        pass
    go_on()
    assert trial.exit_code() == 0, trial.report()
    assert COMPLETE in trial.said
    trial.assert_applied_once()


# ---- the network between terminal and site --------------------------------------------------------------------------


@contextmanager
def reset(proxy: Proxy) -> Iterator[None]:
    """End all connections; new ones are possible at once."""
    proxy.cut()
    yield


@pytest.mark.parametrize("lost", [Proxy.silent, reset], ids=["silent", "reset"])
def test_a_connection_lost_in_mid_plan_costs_a_terminal_nothing(
    trial: Trial[TlsSite], proxy: Proxy, lost: Callable[[Proxy], AbstractContextManager[None]]
) -> None:
    go_on = while_planning(trial)
    with lost(proxy):
        time.sleep(DOWN_SECONDS)
    go_on()
    assert trial.exit_code() == 0, trial.report()
    assert COMPLETE in trial.said
    trial.assert_applied_once()


def test_a_site_that_refuses_connections_in_mid_plan_ends_a_terminal_and_no_run(
    trial: Trial[TlsSite], proxy: Proxy
) -> None:
    go_on = while_planning(trial)
    with proxy.refusing():
        code = trial.exit_code()
    assert code == 1
    assert "Failed to read logs" in trial.said, trial.report()
    assert COMPLETE not in trial.said
    go_on()
    trial.assert_applied_once()
