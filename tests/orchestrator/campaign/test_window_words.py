"""Windows in words are those a campaign file takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.window_words import window_words, windows_words
from orchestrator.campaign.windows import DAY_MIN, Interval, Window, Windows
from orchestrator.campaignfile.timetable import parse_span
from orchestrator.documents.document import Text
from orchestrator.documents.problems import Place
from tests.orchestrator.campaign.worlds import planned

CHRISTMAS = datetime(2026, 12, 24, tzinfo=UTC)


@given(
    days=st.frozensets(st.integers(0, 6), min_size=1),
    opens=st.integers(0, DAY_MIN - 1),
    length=st.integers(1, DAY_MIN - 1),
)
def test_what_is_said_of_a_window_is_read_as_that_window(
    days: frozenset[int], opens: int, length: int
) -> None:
    window = Window(days=days, opens=opens, closes=opens + length, zone="Europe/Paris")
    said = Text.at(window_words(window), Place(file=""), plain=True)
    assert parse_span(said).window("UTC") == window


def test_a_plan_says_when_its_hosts_may_be_started() -> None:
    windows = Windows(
        allow=(Window(days=frozenset(range(4)), opens=540, closes=960, zone="Europe/Paris"),),
        blackouts=(Interval(start=CHRISTMAS, end=CHRISTMAS + timedelta(days=9)),),
    )
    said = words(planned(3, tune={"windows": windows}))
    assert (
        "hosts are started only in the windows Mon-Thu 09:00-16:00 Europe/Paris; "
        "what has begun is finished after their end"
    ) in said
    assert "no host is started from 2026-12-24 00:00 UTC to 2027-01-02 00:00 UTC" in said


def test_many_blackouts_are_told_as_a_number() -> None:
    days = [CHRISTMAS + timedelta(days=2 * number) for number in range(5)]
    windows = Windows(blackouts=tuple(Interval(start=day, end=day + timedelta(days=1)) for day in days))
    assert list(windows_words(windows))[-1] == "and in 2 more blackouts"
