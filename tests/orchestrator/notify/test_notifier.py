"""What is committed is told at least once, over restarts and failures, and no channel ever disturbs a campaign."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.policy import make_policy
from orchestrator.loop.planning import NewPlan
from orchestrator.notify import command, webhook
from orchestrator.notify.notifier import MOST_TRIES, Notifier, pause_s
from orchestrator.notify.trouble import NotTold
from orchestrator.settings.channels import Channel
from orchestrator.store.chain import Verifier
from orchestrator.store.records import Notification
from orchestrator.store.store import Store
from orchestrator.store.writer import Writer
from tasks.errors import BadInput
from tasks.model import Kind
from tasks.result import HostError, HostResult, Outcome
from tests.support.campaigns import plain_host
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed

ALL = tuple(Occasion)
OPS = Channel(name="ops", argv=("/bin/ops",))
CHAT = Channel(name="chat", url="https://chat.example/{secret}", secret_env="CHAT_SECRET")
NAMES = ("web-1", "web-2")

Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What channels took, with the name of each."""
    taken: Told = []

    def tell(channel: Channel, message: bytes, _unwanted: object = None) -> None:
        taken.append((channel.name, json.loads(message)))

    monkeypatch.setattr(command, "tell", tell)
    monkeypatch.setattr(webhook, "tell", tell)
    return taken


def _broken(monkeypatch: pytest.MonkeyPatch, tell: Callable[..., object]) -> None:
    monkeypatch.setattr(command, "tell", tell)


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane with both channels."""
    return Control(store, channels=("ops", "chat"))


def _notifier(control: Control, *channels: Channel) -> Notifier:
    return Notifier(control.store, control.lead, channels or (OPS, CHAT), now=control.clock)


def _look(sender: Notifier) -> None:
    for thread in sender.look():
        thread.join(30)
        assert not thread.is_alive()


def _apply(control: Control, *notify: Notify, **policy: Any) -> str:
    return control.apply(NAMES, notify=notify or (Notify(to="ops", on=ALL),), **policy)


def _end(control: Control, own: str) -> str:
    return str(control.run(own, over).state)


def _waiting(control: Control, channel: str = "ops") -> tuple[Notification, ...]:
    control.clock.turn(3600)
    assert control.lead.ensure()
    with control.store.read() as reader:
        return reader.notifications_due(channel, control.clock(), 100)


def _kinds(control: Control, own: str) -> list[str]:
    return [kind for kind in control.kinds(own) if kind.startswith("notif")]


def test_each_channel_is_told_what_it_asked_for_in_the_words_of_why(control: Control, told: Told) -> None:
    hosts = ScriptedHosts(script={"web-1": failed(changed=True)})
    control.hosts = hosts
    own = _apply(control, Notify(to="ops", on=ALL), Notify(to="chat", on=(Occasion.FINISHED,)))
    assert _end(control, own) == "ROLLED_BACK"
    _look(_notifier(control))
    assert [(name, said["event"]) for name, said in told if name == "ops"] == [
        ("ops", "started"),
        ("ops", "halted"),
        ("ops", "finished"),
    ]
    ((_, last),) = [item for item in told if item[0] == "chat"]
    assert last["text"] == "\n".join(control.service.why(own).lines)
    assert (last["campaign"], last["state"], last["procedure"]) == (own, "ROLLED_BACK", "engine.restart")
    lines = {line.seq: line for line in control.service.events(own, 0)}
    for name, said in told:
        campaign, _, seq = said["id"].partition("/")
        announced = lines[int(seq)]
        assert (campaign, announced.kind) == (own, "notify")
        assert announced.data == {"to": name, "event": said["event"]}
    assert _waiting(control) == ()
    assert sorted(_kinds(control, own)) == ["notified"] * 4 + ["notify"] * 4
    _look(_notifier(control))
    assert len(told) == 4


def test_what_was_committed_before_a_crash_is_told_after_it(control: Control, told: Told) -> None:
    own = _apply(control)
    control.restart()
    _look(_notifier(control))
    assert [said["event"] for _, said in told] == ["started"]
    _end(control, own)
    control.restart()
    _look(_notifier(control))
    assert [said["event"] for _, said in told] == ["started", "finished"]


def test_a_crash_between_sending_and_noting_it_repeats_the_message_under_the_same_id(
    control: Control, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    _apply(control)
    with monkeypatch.context() as dying:
        dying.setattr(Writer, "drop_notification", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        _look(_notifier(control))
    control.restart()
    _look(_notifier(control))
    assert len(told) == 2
    assert told[0] == told[1]


def test_what_is_not_committed_is_never_told(
    control: Control, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = control.plan(NAMES, notify=(Notify(to="ops", on=ALL),))
    document, _ = control.service.document(own)
    with monkeypatch.context() as dying:
        dying.setattr(Writer, "take_leases", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            control.service.apply(document, "tester")
    assert _waiting(control) == ()
    _look(_notifier(control))
    assert told == []
    assert _kinds(control, own) == []


def test_a_failing_channel_is_tried_again_with_growing_pauses_and_given_up_in_the_log(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = _apply(control, Notify(to="ops", on=(Occasion.STARTED,)))
    tries: list[float] = []
    began = control.clock()

    def tell(*_: object) -> None:
        tries.append((control.clock() - began).total_seconds())
        raise NotTold("exit 3")

    _broken(monkeypatch, tell)
    for number in range(1, MOST_TRIES + 1):
        _look(_notifier(control))
        control.clock.turn(pause_s(number) - 1)
        assert control.lead.ensure()
        _look(_notifier(control))
        control.clock.turn(1)
        assert control.lead.ensure()
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == [pause_s(number) for number in range(1, MOST_TRIES)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 600.0
    given_up = [line for line in control.service.events(own, 0) if line.kind == "notify-given-up"]
    assert [line.data["reason"] for line in given_up] == ["exit 3"]
    assert given_up[0].data["tries"] == MOST_TRIES
    assert _waiting(control) == ()
    verifier = Verifier()
    verifier.follow(control.service.audit_lines(0, 10_000))
    assert list(verifier.problems()) == []


@pytest.mark.parametrize("trouble", [NotTold("exit 3"), RuntimeError(f"a defect at {CHAT.url}")], ids=str)
def test_no_channel_changes_how_a_campaign_goes(
    control: Control, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def tell(*_: object) -> None:
        raise trouble

    _broken(monkeypatch, tell)
    own = _apply(control)
    sender = _notifier(control)
    with capture_logs() as lines:
        for _ in range(20):
            _look(sender)
            control.tick()
            control.work()
            control.clock.turn(1)
    assert control.states(own)[""] == "COMPLETE"
    assert not any("secret" in str(line) for line in lines)
    assert any(line["log_level"] == "warning" for line in lines)


def test_a_slow_channel_holds_up_neither_the_others_nor_the_loop(
    control: Control, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, entered = threading.Event(), threading.Event()

    def tell(*_: object) -> None:
        entered.set()
        go.wait(30)

    _broken(monkeypatch, tell)
    own = _apply(control, Notify(to="ops", on=ALL), Notify(to="chat", on=ALL))
    sender = _notifier(control)
    begun = list(sender.look())
    assert entered.wait(30)
    assert _end(control, own) == "COMPLETE"
    for _ in range(600):
        if len(told) == 2:
            break
        begun += sender.look()
        threading.Event().wait(0.05)
    assert [(name, said["event"]) for name, said in told] == [("chat", "started"), ("chat", "finished")]
    assert sum(thread.is_alive() for thread in begun) >= 1
    go.set()
    for thread in begun:
        thread.join(30)


def test_a_plan_for_a_channel_that_is_not_there_is_refused_with_those_there_are(control: Control) -> None:
    policy = replace(make_policy(Kind.CHANGING), notify=(Notify(to="opps", on=ALL),))
    wanted = NewPlan(procedure="engine.restart", params={}, hosts=(plain_host("web-1"),), policy=policy)
    with pytest.raises(BadInput, match=r"no channel 'opps'.*: chat, ops$") as caught:
        control.service.plan(wanted)
    assert caught.value.code == "E_CHANNEL"
    assert "notify_channels" in caught.value.hint
    assert control.service.campaigns() == ()


def test_a_channel_that_left_the_settings_is_given_up_at_once(control: Control, told: Told) -> None:
    own = _apply(control, Notify(to="ops", on=(Occasion.STARTED,)))
    _look(_notifier(control, CHAT))
    (line,) = [line for line in control.service.events(own, 0) if line.kind == "notify-given-up"]
    assert "no such channel any more" in line.data["reason"]
    assert _waiting(control) == ()
    assert told == []


def test_who_does_not_lead_tells_nobody(control: Control, told: Told) -> None:
    _apply(control)
    sender = _notifier(control)
    control.lead.lose()
    assert sender.look() == ()
    control.restart()
    assert told == []
    _look(_notifier(control))
    assert len(told) == 1


def test_text_of_hosts_cannot_forge_lines_or_screens(control: Control, told: Told) -> None:
    error = HostError(code="E_STEP_FAILED", message="x\x1b]0;owned\x07\x1b[2J\u202ey\nnext: rm\ud800\x00")
    control.hosts = ScriptedHosts(
        script={"web-1": HostResult(outcome=Outcome.FAILED, changed=False, error=error)}
    )
    _end(control, _apply(control))
    _look(_notifier(control))
    text = told[-1][1]["text"]
    assert "cause 1: E_STEP_FAILED xy next: rm" in text
    assert all(char.isprintable() or char == "\n" for char in text)


def test_a_defect_in_a_text_keeps_no_campaign_from_being_saved(
    control: Control, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.loop.notifying.explain", lambda *_: 1 / 0)
    own = _apply(control)
    assert _end(control, own) == "COMPLETE"
    _look(_notifier(control))
    assert told[0][1]["text"].endswith(f"dockwave why {own}")


@pytest.fixture
def running(control: Control, tmp_path: Path) -> Iterator[tuple[Notifier, Path]]:
    """A notifier at work with a real program, and the file the program writes to."""
    got = tmp_path / "got"
    code = f"import sys; open({str(got)!r}, 'a').write(sys.stdin.read() + chr(10))"
    sender = _notifier(control, replace(OPS, argv=(sys.executable, "-c", code)))
    sender.start()
    yield sender, got
    sender.stop()


def test_a_notifier_at_work_tells_by_itself_and_ends_when_told_to(
    control: Control, running: tuple[Notifier, Path]
) -> None:
    sender, got = running
    own = _apply(control, Notify(to="ops", on=(Occasion.STARTED,)))
    for _ in range(600):
        if "notified" in control.kinds(own):
            break
        threading.Event().wait(0.05)
    assert '"event": "started"' in got.read_text()
    sender.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("notify")]
