"""disk.usage: where the bytes are, and what could not be counted."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.catalog import find, parse_params
from tasks.disk.usage import PROCEDURE, UsageFacts, UsageParams
from tasks.errors import BadInput, EngineError
from tasks.fake import Answer, FakeHost
from tasks.fake_engine import FakeEngine
from tasks.model import Kind
from tasks.procedure import Verdict
from tests.tasks.disk.world import (
    ASLEEP_UNITS,
    cache,
    container,
    df,
    engine_with,
    image,
    make_host,
    make_setting,
    running,
    volume,
)


def a_host(engine: FakeEngine, **more: Answer) -> FakeHost:
    job = container("job").id
    log = f"500 8 {job}/{job}-json.log\x002000000 8 {job}/{job}-json.log.1\x00"
    return make_host(engine, **({"find": log} | more))


def read(host: FakeHost, **values: Any) -> Verdict:
    params = parse_params(PROCEDURE, values)
    assert isinstance(params, UsageParams)
    facts = PROCEDURE.gather(host, params, make_setting())
    facts = UsageFacts.model_validate_json(facts.model_dump_json())
    assert PROCEDURE.plan(facts, params, make_setting()).steps == ()
    return PROCEDURE.verify(facts, facts, params, ())


def full_engine() -> FakeEngine:
    app = image("app", "app:1", size_bytes=700)
    return engine_with(
        app,
        image("big", "big:1", size_bytes=900),
        running("web", app, size_bytes=5),
        container("job", app, size_bytes=70),
        volume("data", size_bytes=300),
        cache("layer", size_bytes=40),
    )


def test_the_catalogue_knows_it_as_reading_only() -> None:
    assert find("disk.usage").spec.kind is Kind.READ_ONLY


def test_every_field_of_the_specification_is_there() -> None:
    verdict = read(a_host(full_engine()))
    data = verdict.data
    assert verdict.ok
    assert data["filesystems"] == [
        {
            "mount": "/var/lib/docker",
            "type": "ext4",
            "size_bytes": 100_000_000_000,
            "used_bytes": 40_000_000_000,
            "avail_bytes": 55_000_000_000,
            "used_pct": 42.11,
            "inodes_used_pct": 1.53,
            "holds": ["/var/lib/docker", "/var/lib/containerd", "/var/log/journal"],
        }
    ]
    assert data["images"] == {"count": 2, "active": 1, "size_bytes": 1600, "reclaimable_bytes": 900}
    assert data["containers"] == {"count": 2, "active": 1, "size_bytes": 75, "reclaimable_bytes": 70}
    assert data["volumes"] == {"count": 1, "active": 0, "size_bytes": 300, "reclaimable_bytes": 300}
    assert data["build_cache"] == {"count": 1, "active": 0, "size_bytes": 40, "reclaimable_bytes": 40}
    assert data["logs"][0]["name"] == "job"
    assert data["logs"][0]["size_bytes"] == 2_000_500
    assert (data["df_complete"], data["unaccounted_bytes"], data["truncated"]) == (True, None, False)
    assert data["summary"] == "/var/lib/docker 42 % full, 1.3 kB not in use, 2.0 MB of logs"


def test_objects_come_biggest_first_and_no_more_than_asked() -> None:
    data = read(a_host(full_engine()), max_objects=1).data
    assert [item["name"] for item in data["objects"]["images"]] == ["big:1"]
    assert data["truncated"]
    assert "objects" not in read(a_host(full_engine()), detail="summary").data


def test_a_log_with_a_hole_is_told() -> None:
    verdict = read(a_host(full_engine()))
    assert [found.code for found in verdict.findings] == ["W_LOG_SPARSE"]


def test_du_shows_what_neither_the_engine_nor_the_logs_explain() -> None:
    host = a_host(full_engine(), ionice="9000\t/var/lib/docker/overlay2\n90000\t/var/lib/docker\n")
    data = read(host, du=True).data
    assert data["directories"] == {"overlay2": 9000, "(files)": 81000}
    assert data["unaccounted_bytes"] == 90000 - (1600 + 75 + 300 + 40) - 8192


def test_the_engine_asleep_behind_its_socket_is_not_woken_and_the_disk_is_still_measured() -> None:
    engine = full_engine()
    verdict = read(a_host(engine, **{"systemctl show": ASLEEP_UNITS}))
    assert engine.calls == []
    assert not verdict.ok
    assert verdict.data["df_complete"] is False
    assert verdict.data["filesystems"][0]["used_pct"] == 42.11
    assert verdict.data["images"]["count"] is None
    assert "E_DAEMON_DOWN" in {found.code for found in verdict.findings}


@pytest.mark.parametrize("call", ["info", "disk_usage"])
def test_an_engine_that_does_not_answer_leaves_the_account_unknown_and_never_zero(call: str) -> None:
    engine = full_engine()
    engine.failures[call] = EngineError("hangs", code="E_DAEMON_UNRESPONSIVE")
    verdict = read(a_host(engine))
    assert verdict.data["df_complete"] is False
    assert verdict.data["images"]["size_bytes"] is None
    assert "E_DAEMON_UNRESPONSIVE" in {found.code for found in verdict.findings}


def test_a_disk_that_cannot_be_measured_is_told() -> None:
    verdict = read(a_host(full_engine(), df=(1, "", "df: no such file")))
    assert verdict.data["filesystems"] == []
    assert "W_DISK_UNKNOWN" in {found.code for found in verdict.findings}


def test_nothing_it_runs_could_change_the_host() -> None:
    host = a_host(full_engine(), ionice="5\t/var/lib/docker\n", df=df())
    read(host, du=True)
    assert {command.argv[0] for command in host.ran} <= {
        "systemctl",
        "df",
        "stat",
        "find",
        "ionice",
        "containerd",
    }
    assert {command.argv[1] for command in host.ran if command.argv[0] == "systemctl"} == {"show"}


@pytest.mark.parametrize("values", [{"detail": "all"}, {"max_objects": 0}, {"du": "maybe"}, {"depth": 1}])
def test_a_wrong_parameter_is_refused_by_its_name(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        parse_params(PROCEDURE, values)
    assert next(iter(values)) in caught.value.message
