"""What is to go wrong is read strictly, and the same hosts are chosen for a seed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.gate import Verdict
from orchestrator.campaign.rollout import Share
from orchestrator.simulate.rehearsal.scenario import invented
from orchestrator.simulate.rehearsal.script import (
    Script,
    aim_of,
    answer_of,
    check_script,
    cut_of,
    fate_of,
    takes_of,
    wave_of,
)
from tasks.errors import BadInput


def test_a_pattern_may_hold_colons_of_its_own() -> None:
    aim = aim_of("--fail", "web-*:!web-3:5%")
    assert (aim.pattern, aim.share) == ("web-*:!web-3", Share(value=5, percent=True))


@pytest.mark.parametrize(
    "text", ["", "web", "web:", ":5%", "web:5", "web:0%", "web:101%", "web:-1%", "web:nan%"]
)
def test_a_share_without_pattern_or_percentage_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--fail cannot be"):
        aim_of("--fail", text)


@pytest.mark.parametrize(("text", "seconds"), [("web-*:90", 90.0), ("web-*:1m30s", 90.0), ("a:!b:2.5", 2.5)])
def test_a_cut_takes_seconds_or_a_time(text: str, seconds: float) -> None:
    assert cut_of(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "web", "web:0", "web:inf", "web:nan", "web:-3", ":30", "web:2d"])
def test_a_cut_without_end_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--partition cannot be"):
        cut_of(text)


@pytest.mark.parametrize("text", ["", "2", "wave=", "wave=0", "wave=-1", "wave=1.5", "wave=٣"])
def test_a_wave_without_number_is_refused(text: str) -> None:
    assert wave_of("--redis-loss", "wave=12") == 12
    with pytest.raises(BadInput, match="--redis-loss cannot be"):
        wave_of("--redis-loss", text)


@pytest.mark.parametrize("text", ["", "http-1", "http-1=", "http-1=yes", "=fail"])
def test_an_answer_no_gate_can_give_is_refused(text: str) -> None:
    assert answer_of("http-1=inconclusive") == ("http-1", Verdict.INCONCLUSIVE)
    with pytest.raises(BadInput, match="--gate-answer cannot be"):
        answer_of(text)


@pytest.mark.parametrize("text", ["", "x", "0", "5m-1s", "1s-", "2d"])
def test_a_span_that_is_no_time_is_refused(text: str) -> None:
    assert takes_of("90s") == (90.0, 90.0)
    assert takes_of("30s-5m") == (30.0, 300.0)
    with pytest.raises(BadInput, match="--takes cannot be"):
        takes_of(text)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 100), st.integers(0, 50))
def test_a_percentage_is_rounded_down_to_hosts_and_never_to_none(hosts: int, percent: int, seed: int) -> None:
    script = Script(seed=seed, fail=(aim_of("--fail", f"all:{percent}%"),))
    fate = fate_of(script, invented(hosts))
    assert len(fate.fail) == max(1, hosts * percent // 100)
    assert fate == fate_of(script, invented(hosts))


def test_other_seeds_choose_other_hosts() -> None:
    def chosen(seed: int) -> frozenset[str]:
        return fate_of(
            Script(seed=seed, unreachable=(aim_of("--unreachable", "all:10%"),)), invented(40)
        ).unreachable

    assert len({chosen(seed) for seed in range(8)}) > 4


def test_a_pattern_that_matches_no_host_to_change_is_refused() -> None:
    script = Script(cuts=(cut_of("db-*:30"),))
    with pytest.raises(BadInput, match=r"--partition 'db-\*': .* among the 3 hosts that are to change"):
        fate_of(script, invented(3))


def test_waves_and_gates_the_campaign_does_not_have_are_refused() -> None:
    check_script(
        Script(kills=(1, 3), losses=(2,), gates={"http-1": Verdict.FAIL}), waves=3, gates=("http-1",)
    )
    with pytest.raises(BadInput, match="wave=4: the campaign has no such wave, it has 3 waves"):
        check_script(Script(kills=(4,)), waves=3, gates=())
    with pytest.raises(BadInput, match="no such wave, it has none"):
        check_script(Script(losses=(1,)), waves=0, gates=())
    with pytest.raises(BadInput, match="no such gate; its gates: http-1"):
        check_script(Script(gates={"http-2": Verdict.FAIL}), waves=3, gates=("http-1",))
