"""Sends what was committed to be told: at least once, again after a failure with growing pauses, up to a bound.

It keeps nothing: what waits is in SQL, so it goes on after a restart where it was. Each channel has a thread of its own
while it sends; a slow one holds up neither the others nor any campaign.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.leading import Lead
from orchestrator.notify import command, webhook
from orchestrator.notify.trouble import NotTold
from orchestrator.settings.channels import Channel
from orchestrator.store.errors import Deposed, StoreUnusable
from orchestrator.store.records import LogEntry, Notification
from orchestrator.store.store import Store
from orchestrator.store.writer import Writer

log = structlog.get_logger()

#: how often it is looked for something to send
LOOK_S = 1.0
#: tries of one message; with the pauses between them, about an hour
MOST_TRIES = 12
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 600.0
#: messages a channel sends before it is looked again
_BATCH = 20
#: seconds the end waits for messages under way; they are sent again by whoever leads next
_LAST_WORDS_S = 5.0


def pause_s(tries: int) -> float:
    """Seconds until the next try after so many in vain."""
    return float(min(_FIRST_PAUSE_S * 2 ** min(tries - 1, 20), _LONGEST_PAUSE_S))


class Notifier:
    """Messages on their way."""

    def __init__(
        self,
        store: Store,
        lead: Lead,
        channels: Sequence[Channel],
        *,
        now: Callable[[], datetime],
        bulletin: Bulletin | None = None,
    ) -> None:
        """Send what `store` holds over these channels while `lead` is held."""
        self._store = store
        self._lead = lead
        self._channels = {channel.name: channel for channel in channels}
        self._now = now
        self._bulletin = bulletin or Bulletin()
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        #: channels that are sending now
        self._busy: dict[str, threading.Thread] = {}
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)

    def start(self) -> None:
        """Look now, and go on looking."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; a program under way is killed, and what is not through is sent after the next start."""
        self._stopping.set()
        until = time.monotonic() + _LAST_WORDS_S
        with self._guard:
            sending = tuple(self._busy.values())
        for thread in (self._thread, *sending):
            if thread.is_alive():
                thread.join(max(until - time.monotonic(), 0.0))

    def look(self) -> tuple[threading.Thread, ...]:
        """Let every channel that has something to tell begin; gives the threads that do."""
        if not self._lead.held:
            return ()
        with self._store.read() as reader:
            names = reader.channels_due(self._now())
        with self._guard:
            begun = [name for name in names if name not in self._busy]
            for name in begun:
                thread = threading.Thread(target=self._send_all, args=(name,), name="notify-one", daemon=True)
                thread.start()
                self._busy[name] = thread
            return tuple(self._busy[name] for name in begun)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            self._without_trouble(self.look)

    def _send_all(self, name: str) -> None:
        try:
            self._without_trouble(lambda: self._send_due(name))
        finally:
            with self._guard:
                del self._busy[name]

    def _without_trouble(self, work: Callable[[], object]) -> None:
        """What goes wrong here is tried again later, and disturbs nobody."""
        try:
            work()
        except Deposed:
            log.info("Another orchestrator tells people now", action="notify")
        except (StoreUnusable, SQLAlchemyError) as error:
            log.warning("The database is in trouble", action="notify", trouble=type(error).__name__)
        except Exception:
            log.exception("People could not be told; it is tried again", action="notify")

    def _send_due(self, name: str) -> None:
        """Send what the channel has to tell, until one message does not get through."""
        with self._store.read() as reader:
            waiting = reader.notifications_due(name, self._now(), _BATCH)
        for item in waiting:
            if self._stopping.is_set():
                return
            why = self._try(item)
            if self._stopping.is_set() and why:
                return
            self._settle(item, why)
            if why:
                return

    def _try(self, item: Notification) -> str:
        """Send it once; "" when it is through, else why not."""
        channel = self._channels.get(item.channel)
        if channel is None:
            return "the settings have no such channel any more"
        message = json.dumps(item.document, ensure_ascii=True).encode("ascii")
        try:
            if channel.argv:
                command.tell(channel, message, self._stopping.is_set)
            else:
                webhook.tell(channel, message)
        except NotTold as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a defect counts as a try; its text may quote a secret
            return f"it could not be sent: {type(error).__name__}"
        return ""

    def _settle(self, item: Notification, why: str) -> None:
        """Note what became of it, in one transaction with the log."""
        tries, now = item.tries + 1, self._now()
        data = {"message": item.seq, "to": item.channel, "event": item.event, "tries": tries}
        with self._store.write(self._lead.epoch) as writer:
            if not why:
                _close(writer, item, "notified", data, now)
            elif tries >= MOST_TRIES or item.channel not in self._channels:
                _close(writer, item, "notify-given-up", data | {"reason": why}, now)
            else:
                writer.postpone_notification(item.seq, tries, now + timedelta(seconds=pause_s(tries)))
            seq = writer.last_seq()
        self._bulletin.announce(seq)
        if why:
            said = {"campaign": item.campaign_id, "channel": item.channel, "tries": tries, "why": why}
            log.warning("People were not told", action="notify", **said)


def _close(writer: Writer, item: Notification, kind: str, data: dict[str, object], now: datetime) -> None:
    writer.log([LogEntry(kind=kind, at=now, campaign_id=item.campaign_id, data=data)])
    writer.drop_notification(item.seq)
