"""Whatever is sent, the answer is a 4xx with its place or a plan; never a failure of ours."""

from __future__ import annotations

from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.orchestrator.api.test_routes import BODY
from tests.orchestrator.scripted import ScriptedService

_json: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_fields = st.sampled_from(
    ["procedure", "params", "hosts", "protect", "waves", "parallelism", "delay_s", "monitor_s", "max_failures",
     "stop_rules", "delivery", "allow_unreachable", "reason", "author", "timeout_s", "ttl_s", "else"]
)  # fmt: skip
_sane = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def judged(answer: httpx.Response) -> None:
    """Either it was accepted, or it says what is wrong, where, and how to mend it."""
    assert answer.status_code == 202 or 400 <= answer.status_code < 500, answer.text
    if answer.status_code != 202:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"]


@_sane
@given(changes=st.dictionaries(_fields, _json, max_size=4))
def test_no_change_of_a_plan_request_makes_us_fail(
    client: httpx.Client, service: ScriptedService, changes: dict[str, Any]
) -> None:
    judged(client.post("/v1/plans", json=BODY | changes))


@_sane
@given(raw=st.binary(max_size=200))
def test_no_bytes_make_us_fail(client: httpx.Client, service: ScriptedService, raw: bytes) -> None:
    judged(client.post("/v1/apply", content=raw, headers={"Content-Type": "application/json"}))


@_sane
@given(
    document=st.text(max_size=100),
    digest=st.text("0123456789abcdef", min_size=64, max_size=64),
    by=st.text(max_size=20),
)
def test_no_document_makes_us_fail(
    client: httpx.Client, service: ScriptedService, document: str, digest: str, by: str
) -> None:
    answer = client.post("/v1/apply", json={"document": document, "sha256": digest, "by": by})
    judged(answer)
    assert answer.status_code != 202
