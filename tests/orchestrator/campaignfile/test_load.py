"""A campaign file is read as it is meant: scalars by what they are for, flags over the file, parameters typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from orchestrator.campaign.rollout import Share
from orchestrator.campaignfile.load import CampaignFileError, load_campaign_file
from orchestrator.campaignfile.params import typed
from orchestrator.campaignfile.schema import CampaignFile, campaign_json_schema
from orchestrator.campaignfile.template import template
from orchestrator.campaignfile.wish import ramp_sizes, share_text, wish_of
from orchestrator.documents.document import Text
from orchestrator.documents.problems import Place
from tasks import catalog

HEAD = "version: 1\nprocedure: disk.cleanup\nparams: {preset: safe}\ntargets: {match: all}\n"
PROCEDURES = sorted(catalog.load_all())


def load(tmp_path: Path, text: str, *options: str) -> CampaignFile:
    path = tmp_path / "campaign.yaml"
    path.write_text(text)
    return load_campaign_file(path, options=options).model


def schema_errors(text: str) -> list[str]:
    value: Any = YAML(typ="safe", pure=True).load(text)
    return [error.message for error in Draft202012Validator(campaign_json_schema()).iter_errors(value)]


@pytest.mark.parametrize("name", PROCEDURES)
def test_the_file_begun_for_any_procedure_is_valid(tmp_path: Path, name: str) -> None:
    text = template(catalog.find(name))
    model = load(tmp_path, text)
    assert model.procedure == name
    assert schema_errors(text) == []
    assert max(len(line) for line in text.splitlines() if "#" not in line) < 100


@pytest.mark.parametrize("name", PROCEDURES)
def test_every_option_in_the_comments_of_a_begun_file_is_known(tmp_path: Path, name: str) -> None:
    text = template(catalog.find(name))
    known = set(CampaignFile.model_fields)
    for line in text.splitlines():
        word = line.removeprefix("# ").partition(":")[0]
        if line.startswith("# ") and word.isidentifier() and word.islower():
            assert word in known, line


WISHES: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("waves: [1, 10%, rest]", {"waves": "1,10%,100%"}),
    ("waves: [{hosts: 4}, {percent: 12.5}, {size: all}]", {"waves": "4,12.5%,100%"}),
    ("ramp: {most: 10}", {"waves": "1,2,4,8,10"}),
    ("ramp: {first: 5, factor: 10, most: 5}", {"waves": "5"}),
    ("parallelism: 4", {"parallelism": 4}),
    (
        "budgets: {max_unavailable: {rack: 1, tier: 25%}, fleet: 10}",
        {"budgets": {"max_unavailable": {"rack": "1", "tier": "25%"}, "fleet": "10"}},
    ),
    (
        "stop_rules: [{tolerate: 1, scope: label, label: rack, action: pause}]",
        {
            "stop_rules": [
                {
                    "kind": "any",
                    "tolerate": "1",
                    "min_sample": 0,
                    "scope": "label",
                    "label": "rack",
                    "action": "pause",
                    "waves": [],
                    "from_wave": 1,
                }
            ]
        },
    ),
    ("delay: 1h30m", {"delay_s": 5400.0}),
    ("monitor: 0", {"monitor_s": 0.0}),
    ("max_failures: 0", {"max_failures": "0"}),
    ("max_failures: 2.5%", {"max_failures": "2.5%"}),
    (
        "rollback: {failed_hosts: false, parallelism: 3}",
        {"rollback_failed": False, "rollback_parallelism": 3},
    ),
    ("clocks: {host: {stop: 20m}}", {"timeout_s": 1200.0}),
    ("plan: {expires: 2h}", {"ttl_s": 7200.0}),
    ("reason: why not", {"reason": "why not"}),
    ("retries: {attempts: 2, orders: 5}", {"delivery": {"max_attempts": 2, "max_orders": 5}}),
    (
        "delivery: {heartbeat_timeout: 1m, order_ttl: 2m, resend_after: 20s, ask_every: 1m, unknown_grace: 0}",
        {
            "delivery": {
                "heartbeat_timeout_s": 60.0,
                "order_ttl_s": 120.0,
                "resend_after_s": 20.0,
                "ask_every_s": 60.0,
                "unknown_grace_s": 0.0,
            }
        },
    ),
    ("rollback: {monitor: 90s}", {"rollback_monitor_s": 90.0}),
    (
        "waves: [{size: 1, name: canary}, 10%, {size: rest, parallel: 4}]",
        {"waves": "1,10%,100%", "wave_names": ["canary", "", ""], "wave_parallelism": [None, None, 4]},
    ),
    ("delivery: {unknown_wait: 1h}", {"delivery": {"unknown_wait_s": 3600.0}}),
    (
        "stop_rules: [{kind: failed, tolerate: 10%, min_sample: 5, scope: campaign, action: rollback, waves: [2, 3]}]",
        {
            "stop_rules": [
                {
                    "kind": "failed",
                    "tolerate": "10%",
                    "min_sample": 5,
                    "scope": "campaign",
                    "action": "rollback-campaign",
                    "waves": [2, 3],
                    "from_wave": 1,
                }
            ]
        },
    ),
]


@pytest.mark.parametrize(("option", "wish"), WISHES, ids=[option[:40] for option, _ in WISHES])
def test_an_option_asks_for_what_it_says_and_fits_the_schema(
    tmp_path: Path, option: str, wish: dict[str, Any]
) -> None:
    text = f"{HEAD}{option}\n"
    assert wish_of(load(tmp_path, text)) == wish
    assert schema_errors(text) == []


@pytest.mark.parametrize(
    ("option", "wish"), [item for item in WISHES if item[0]], ids=[w[0][:40] for w in WISHES[1:]]
)
def test_every_option_can_be_given_as_a_flag(tmp_path: Path, option: str, wish: dict[str, Any]) -> None:
    assert wish_of(load(tmp_path, HEAD, option.replace(": ", "=", 1))) == wish


def test_a_flag_wins_over_the_file_and_leaves_the_rest(tmp_path: Path) -> None:
    text = HEAD + "rollback: {parallelism: 2, failed_hosts: false}\nwaves: [1]\n"
    wish = wish_of(load(tmp_path, text, "rollback.parallelism=5", "waves=[3, rest]"))
    assert wish == {"rollback_parallelism": 5, "rollback_failed": False, "waves": "3,100%"}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("waves", '"waves" is not KEY=VALUE'),
        ("=1", "is not KEY=VALUE"),
        ("Waves=1", "is not KEY=VALUE"),
        ("a..b=1", "is not KEY=VALUE"),
        ("waves=", '--option waves: "waves" holds nothing'),
        ("wave=[1]", '--option wave: the key "wave" is unknown here'),
        ("waves=[1", "--option waves:1:3: this is not YAML"),
        ("waves=[0]", '--option waves:1:2: wave size "0"'),
        ("waves=[*a]", 'alias "*a"'),
        ("parallelism=!!int 3", "a tag"),
        ("parallelism=1001", '--option parallelism:1:1: parallelism "1001"'),
        ("rollback.parallelism=0", '--option rollback.parallelism:1:1: parallelism "0"'),
        ("windows.time_zone=UTC", "windows say neither when nor when not"),
        ("reason=" + "x" * 20_000, "the value has 20000 characters; the limit is 10000"),
    ],
)
def test_a_bad_option_is_told_with_its_flag(tmp_path: Path, option: str, words: str) -> None:
    with pytest.raises(CampaignFileError) as caught:
        load(tmp_path, HEAD, option)
    assert words in str(caught.value)


def test_another_procedure_than_the_file_is_about_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(HEAD)
    assert load_campaign_file(path, procedure="disk.cleanup").params == {"preset": "safe"}
    with pytest.raises(CampaignFileError, match=r'campaign.yaml:2:12: the file is about "disk.cleanup"'):
        load_campaign_file(path, procedure="disk.usage")


def test_parameters_of_flags_win_and_count_for_what_is_required(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text("version: 1\nprocedure: engine.hold\ntargets: {match: all}\n")
    assert load_campaign_file(path, given=lambda _: {"state": "held"}).params == {"state": "held"}
    with pytest.raises(
        CampaignFileError, match=r'--set state: engine.hold: parameter "state" cannot be "open"'
    ):
        load_campaign_file(path, given=lambda _: {"state": "open"})


ANY: dict[str, Any] = {"type": "string"}
SCALARS: list[tuple[str, bool, dict[str, Any], Any]] = [
    ("26.1", True, {"type": "string"}, "26.1"),
    ("26.1", True, {"type": "number"}, 26.1),
    ("26.1", True, {}, 26.1),
    ("12", True, {"type": "integer"}, 12),
    ("12", False, {"type": "integer"}, "12"),
    ("-3", True, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, -3),
    ("null", True, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
    ("null", False, {"type": "string"}, "null"),
    ("true", True, {"type": "boolean"}, True),
    ("yes", True, {"type": "boolean"}, "yes"),
    ("1e9", True, {"type": "integer"}, "1e9"),
    (".inf", True, {"type": "number"}, ".inf"),
    ("NaN", True, {"type": "number"}, "NaN"),
    ("0x10", True, {"type": "integer"}, "0x10"),
    ("9" * 30, True, {"type": "integer"}, "9" * 30),
    ("true", True, {"$ref": "#/$defs/Word"}, "true"),
]


@pytest.mark.parametrize(("text", "plain", "schema", "value"), SCALARS)
def test_a_scalar_is_what_its_parameter_takes(
    text: str, plain: bool, schema: dict[str, Any], value: object
) -> None:
    root = {"$defs": {"Word": {"type": "string"}}, "properties": {"x": schema}}
    scalar = Text.at(text, Place(file="f"), plain=plain)
    found = typed({"x": scalar}, root | {"type": "object"}, root)["x"]
    assert found == value
    assert type(found) is type(value)
    assert typed([scalar], {"type": "array", "items": schema}, root) == [value]


@settings(deadline=None)
@given(
    st.one_of(
        st.integers(1, 100_000).map(lambda n: Share(value=n)),
        st.integers(1, 10_000).map(lambda n: Share(value=n / 100, percent=True)),
    )
)
def test_a_share_written_down_is_read_as_the_same(share: Share) -> None:
    from orchestrator.campaign.waves import parse_share

    assert parse_share(share_text(share)) == share


def test_a_ramp_without_an_end_reaches_any_fleet(tmp_path: Path) -> None:
    ramp = load(tmp_path, HEAD + "ramp: {}\n").ramp
    assert ramp is not None
    sizes = ramp_sizes(ramp)
    assert sizes[:5] == (1, 2, 4, 8, 16)
    assert sizes[-1] == 100_000


def test_the_exported_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(campaign_json_schema())


@pytest.mark.parametrize(
    "change",
    [
        ("version: 1", "version: 2"),
        ("procedure: disk.cleanup\n", ""),
        ("{match: all}", "{}"),
        ("{match: all}", "{match: all, hosts: x}"),
        ("version: 1", "version: 1\nparallelism: 0"),
        ("version: 1", "version: 1\nparallelism: 1001"),
        ("version: 1", "version: 1\norder: {by: random}"),
        ("version: 1", "version: 1\nstop_rules: [{}]"),
        ("version: 1", "version: 1\nwaves: 1"),
        ("version: 1", "version: 1\nwibble: 1"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(tmp_path: Path, change: tuple[str, str]) -> None:
    text = HEAD.replace(*change)
    assert schema_errors(text)
    with pytest.raises(CampaignFileError):
        load(tmp_path, text)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(CampaignFile.model_fields)),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_any_value_of_any_key_is_read_or_refused_with_places(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "any.yaml"
    lines = [line for line in HEAD.splitlines() if not line.startswith(f"{key}:")]
    path.write_text("\n".join([*lines, f"{key}: {json.dumps(value)}"]))
    try:
        loaded = load_campaign_file(path)
    except CampaignFileError as error:
        problems = error.problems
    else:
        problems = ()
        assert json.dumps(wish_of(loaded.model))
    assert all(problem.file == str(path) and problem.fix for problem in problems)
