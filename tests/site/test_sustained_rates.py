"""When the bench says that a site holds a rate."""

from __future__ import annotations

from bench.rates import Wait, bottleneck, judge


def _fed(rate: int, seconds: int, wait: float) -> list[Wait]:
    return [Wait(number / rate, number / rate + wait) for number in range(rate * seconds)]


def test_a_rate_whose_steps_wait_shortly_is_held() -> None:
    verdict = judge(_fed(10, 60, 0.15), rate=10, seconds=60, bound=1)
    assert verdict.held
    assert verdict.queued == 1
    assert 9.9 < verdict.rate <= 10


def test_a_rate_whose_steps_wait_too_long_is_not_held() -> None:
    assert not judge(_fed(10, 60, 1.5), rate=10, seconds=60, bound=1).held


def test_a_queue_that_grows_in_the_end_is_found_although_most_have_waited_shortly() -> None:
    waits = [*_fed(10, 60, 0.05)[:-30], *(Wait(57 + number / 10, None) for number in range(30))]
    verdict = judge(waits, rate=10, seconds=60, bound=1)
    assert verdict.p90 < 1
    assert verdict.queued == 30
    assert not verdict.held


def test_steps_that_never_got_a_job_count_as_waiting() -> None:
    waits = [Wait(number / 10, None if number % 5 == 0 else number / 10 + 0.05) for number in range(600)]
    assert not judge(waits, rate=10, seconds=60, bound=1).held


def test_a_rate_of_which_too_few_steps_were_ever_due_is_not_held() -> None:
    verdict = judge(_fed(7, 60, 0.15), rate=10, seconds=60, bound=1)
    assert not verdict.held
    assert verdict.p90 < 1
    assert verdict.queued <= 1


def test_one_process_with_a_whole_core_is_named_before_the_machine() -> None:
    shares = {"web": 0.97, "worker": 0.5, "watcher": 0.1}
    assert bottleneck(shares, busy=0.99, single=("web", "watcher")).startswith("web: ")
    assert bottleneck(shares | {"web": 0.6}, busy=0.99, single=("web", "watcher")).startswith("the processors")
    assert bottleneck(shares | {"web": 0.6}, busy=0.7, single=("web", "watcher")).startswith("none")


def test_a_cluster_that_is_slower_alone_is_named_where_processors_were_left_over() -> None:
    shares = {"web": 0.1, "worker": 0.1}
    words = bottleneck(shares, busy=0.4, single=("web",), rate=10, alone=6.6)
    assert words.startswith("the cluster runs 6.6 bare Jobs a second")
    # The last ones of so short a feed may be under way.
    assert bottleneck(shares, busy=0.4, single=("web",), rate=10, alone=9.4).startswith("none: ")
    # A full machine slows the bare Jobs, too.
    assert bottleneck(shares, busy=0.99, single=("web",), rate=10, alone=6.6).startswith("the processors")
