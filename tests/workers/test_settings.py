"""A worker's settings come from its environment, and bad ones say which variable and what would do."""

from __future__ import annotations

import pytest

from tasks.errors import BadInput
from tasks.model import Transport
from workers.settings import read_settings

URL = {"DOCKWAVE_BROKER_URL": "redis://:secret@127.0.0.1:6379/0"}


def test_an_agent_consumes_its_own_queue_and_nothing_else() -> None:
    settings = read_settings(Transport.LOCAL, "Web-1", URL)
    assert (settings.queue, settings.hostname) == ("host.web-1", "agent@web-1")


def test_members_of_a_pool_share_the_queue_and_have_names_of_their_own() -> None:
    one = read_settings(Transport.SSH, "default", URL | {"DOCKWAVE_NODE": "n1"})
    two = read_settings(Transport.SSH, "default", URL | {"DOCKWAVE_NODE": "n1", "DOCKWAVE_NUMBER": "2"})
    assert one.queue == two.queue == "gw.default"
    assert (one.hostname, two.hostname) == ("gw-default-1@n1", "gw-default-2@n1")


def test_the_broker_password_is_never_shown() -> None:
    settings = read_settings(Transport.LOCAL, "web-1", URL)
    assert "secret" not in repr(settings)
    assert "secret" not in f"{settings}"
    assert settings.broker_url.reveal() == URL["DOCKWAVE_BROKER_URL"]


@pytest.mark.parametrize(
    ("name", "environ", "word"),
    [
        ("web-1", {}, "DOCKWAVE_BROKER_URL"),
        ("", URL, "named"),
        ("-oProxyCommand=x", URL, "named"),
        ("a b", URL, "named"),
        ("x" * 254, URL, "named"),
        ("web-1", URL | {"DOCKWAVE_CONCURRENCY": "0"}, "DOCKWAVE_CONCURRENCY"),
        ("web-1", URL | {"DOCKWAVE_CONCURRENCY": "many"}, "DOCKWAVE_CONCURRENCY"),
        ("web-1", URL | {"DOCKWAVE_CONCURRENCY": "nan"}, "DOCKWAVE_CONCURRENCY"),
        ("web-1", URL | {"DOCKWAVE_POLL_S": "1e9"}, "DOCKWAVE_POLL_S"),
        ("web-1", URL | {"DOCKWAVE_HOST_ROOT": "relative"}, "DOCKWAVE_HOST_ROOT"),
    ],
)
def test_a_bad_setting_is_named_with_what_would_do(name: str, environ: dict[str, str], word: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_settings(Transport.LOCAL, name, environ)
    assert word in caught.value.message
    assert caught.value.hint
