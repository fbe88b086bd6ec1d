"""Campaign files nobody can mean: each is refused before anything is planned, with file, line, value and limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.campaignfile.load import CampaignFileError, load_campaign_file
from orchestrator.cli.main import app

HEAD = """\
version: 1
procedure: disk.cleanup
params: {preset: safe}
targets: {match: all}
"""
#: the line on which an option added to the head stands
ADDED = 5
BOMB = "a: &a [x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One bad file: the line of the problem and what the message says of value and limit."""

    content: str | bytes
    line: int
    says: tuple[str, ...]


def whole(content: str | bytes, line: int, *says: str) -> Case:
    """A file of its own."""
    return Case(content=content, line=line, says=says)


def added(option: str, *says: str, line: int = ADDED) -> Case:
    """An option added to a sound file."""
    return Case(content=f"{HEAD}{option}\n", line=line, says=says)


def match(pattern: str, *says: str) -> Case:
    """A pattern in the place of the one that is sound."""
    return whole(HEAD.replace("{match: all}", f"{{match: {pattern}}}"), 4, *says)


def params(value: str, *says: str, line: int = 3, procedure: str = "disk.cleanup") -> Case:
    """Parameters in the place of those that are sound."""
    text = HEAD.replace("{preset: safe}", value).replace("disk.cleanup", procedure)
    return whole(text, line, *says)


def reading(option: str, *says: str, line: int = ADDED) -> Case:
    """An option that means nothing where nothing is changed."""
    text = HEAD.replace("disk.cleanup", "health.check").replace("params: {preset: safe}", "params: {}")
    return whole(f"{text}{option}\n", line, *says)


FILES = [
    whole("", 0, "the file is empty"),
    whole("# nothing\n\n", 0, "the file is empty"),
    whole("[]\n", 1, "holds a list"),
    whole("version\n", 1, "holds a single value"),
    whole(HEAD.encode("utf-16"), 1, "UTF-16"),
    whole(b"\xef\xbb\xbf" + HEAD.encode(), 1, "byte-order mark"),
    whole(HEAD.encode() + b"reason: caf\xe9\n", ADDED, "byte 0xe9 is not UTF-8"),
    whole(HEAD + "reason: a\0b\n", ADDED, "NUL byte"),
    whole(HEAD + "rollback:\n\tparallelism: 2\n", 6, "a tab"),
    whole(HEAD + "reason: a\u202eb\n", ADDED, "U+202E"),
    whole(HEAD + "reason: \x1b[2J\n", ADDED, "U+001B"),
    whole("#" * (2 << 20), 0, "larger than 1048576 bytes"),
    whole(HEAD + BOMB, 5, 'anchor "&a"'),
    whole(HEAD + "waves: &w [1]\n", ADDED, 'anchor "&w"'),
    whole(HEAD + "waves: *w\n", ADDED, 'alias "*w"'),
    whole(HEAD + "reason: !!python/object/apply:os.system [id]\n", ADDED, "python/object"),
    whole(HEAD + "parallelism: !!int 3\n", ADDED, "a tag"),
    whole("%YAML 1.1\n---\n" + HEAD, 2, "directive"),
    whole(HEAD + "---\nversion: 1\n", ADDED, "a second document"),
    whole(HEAD + "waves: [1\n", 6, "this is not YAML"),
    whole(HEAD + "reason: 'never closed\n", 6, "this is not YAML"),
    whole(HEAD + "procedure: disk.usage\n", ADDED, '"procedure" is there twice, first on line 2'),
    whole(HEAD + "rollback: {parallelism: 1, parallelism: 2}\n", ADDED, '"parallelism" is there twice'),
    whole(HEAD + "? [a]\n: b\n", ADDED, "a key is not a text"),
    whole(HEAD + "<<: {parallelism: 2}\n", ADDED, '"<<" is unknown here'),
    whole(HEAD + "waves: " + "[" * 20 + "]" * 20 + "\n", ADDED, "deeper than 12 levels"),
]

KEYS = [
    whole(HEAD.replace("version: 1\n", ""), 1, '"version" is missing'),
    whole(HEAD.replace("version: 1", "version: 2"), 1, 'version "2" is unknown', "version: 1"),
    whole(HEAD.replace("version: 1", "version: 0"), 1, 'version "0" is unknown'),
    whole(HEAD.replace("version: 1", "version: -1"), 1, 'version "-1" is unknown'),
    whole(HEAD.replace("version: 1", "version: 1.0"), 1, 'version "1.0" is unknown'),
    whole(HEAD.replace("version: 1", "version: '1'"), 1, 'version "1" is unknown'),
    whole(HEAD.replace("version: 1", "version: one"), 1, 'version "one" is unknown'),
    whole(HEAD.replace("version: 1", "version:"), 1, "there is no value here"),
    whole(HEAD.replace("version: 1", "version: [1]"), 1, "a list stands where one value"),
    whole(HEAD.replace("procedure: disk.cleanup\n", ""), 1, '"procedure" is missing'),
    whole(HEAD.replace("disk.cleanup", "disk.cleanupp"), 2, "'disk.cleanupp'", "Did you mean disk.cleanup"),
    whole(HEAD.replace("disk.cleanup", "''"), 2, "the procedure is empty"),
    whole(HEAD.replace("disk.cleanup", "null"), 2, "there is no value here"),
    whole(HEAD.replace("disk.cleanup", "Disk.Cleanup"), 2, '"Disk.Cleanup" is no procedure\'s name'),
    whole(HEAD.replace("disk.cleanup", "../../etc/passwd"), 2, "is no procedure's name"),
    whole(HEAD.replace("disk.cleanup", "'{{ procedure }}'"), 2, '"{{ procedure }}" is no procedure'),
    whole(HEAD.replace("disk.cleanup", "$(id)"), 2, '"$(id)" is no procedure'),
    whole(HEAD.replace("disk.cleanup", "[disk.cleanup]"), 2, "a list stands where one value"),
    added("kind: Cleanup", '"kind" is unknown here', "Write procedure: NAME"),
    added("serial: 1", '"serial" is unknown here', "waves: [1, 10%, rest]"),
    added("soak: 1m", '"soak" is unknown here', "Write monitor: TIME"),
    added("paralelism: 2", '"paralelism" is unknown here', "Did you mean parallelism"),
    added("Waves: [1]", '"Waves" is unknown here', "Did you mean waves"),
    added("vars: {a: 1}", '"vars" is unknown here', "Nothing is expanded"),
    added("rollback: {paralelism: 2}", '"paralelism" is unknown here', "Did you mean parallelism"),
    added("rollback: {wibble: 2}", '"wibble" is unknown here', "Known keys here: failed_hosts"),
    added("clocks: {hosts: {stop: 1m}}", '"hosts" is unknown here', "targets"),
    added("clocks: {host: {end: 1m}}", '"end" is unknown here', "warn, stop"),
    added(
        "stop_rules: [{tolerate: 0, tolerance: 1}]", '"tolerance" is unknown here', "Did you mean tolerate"
    ),
    added("order: {by: name, reverse: true}", '"reverse" is unknown here'),
    added("retries: 3", '"retries" holds the text "3" where a mapping is expected'),
    added("rollback: []", '"rollback" holds a list where a mapping is expected'),
    added("delivery:", '"delivery" holds nothing where a mapping is expected'),
    added("stop_rules: {tolerate: 0}", '"stop_rules" holds a mapping where a list is expected'),
]

TARGETS = [
    whole(HEAD.replace("targets: {match: all}\n", ""), 1, '"targets" is missing'),
    whole(HEAD.replace("targets: {match: all}", "targets: all"), 4, 'holds the text "all" where a mapping'),
    whole(HEAD.replace("targets: {match: all}", "targets: []"), 4, "holds a list where a mapping"),
    whole(HEAD.replace("targets: {match: all}", "targets:"), 4, "holds nothing where a mapping"),
    whole(HEAD.replace("{match: all}", "{}"), 4, '"match" is missing'),
    whole(HEAD.replace("{match: all}", "{hosts: all}"), 4, '"hosts" is unknown here', "targets: {match"),
    match("", "the pattern is empty", "all for every host"),
    match("''", "the pattern is empty"),
    match("'   '", "the pattern is empty"),
    match("null", "the pattern is empty"),
    match("~", "the pattern is empty"),
    match("'*'", 'the pattern "*" is every host there is', "Write all"),
    match("'**'", 'the pattern "**" is every host there is'),
    match("'web1:*'", '"web1:*" is every host there is'),
    match("'*:!web1'", '"*:!web1" is every host there is'),
    match("*", "this is not YAML"),
    match("'!web1'", "only takes hosts away", "all:!web1"),
    match("'&web'", "only takes hosts away"),
    match("'!*'", "only takes hosts away"),
    match("'!!web1'", "has two signs"),
    match("'web1:'", "a term is empty"),
    match("'web1,db1'", "joins names by ','"),
    match("web1 db1", "contains a space"),
    match("'{{ hosts }}'", "contains a space"),
    match("'{{hosts}}'", '"{{hosts}}" is no name of hosts', "Nothing is expanded here"),
    match("'${HOSTS}'", '"${HOSTS}" is no name of hosts'),
    match("'$(hostname)'", '"$(hostname)" is no name of hosts'),
    match("'`id`'", '"`id`" is no name of hosts'),
    match("'web1;id'", '"web1;id" is no name of hosts'),
    match("'web1|id'", '"web1|id" is no name of hosts'),
    match("'<%=h%>'", 'label key "<%"'),
    match("'%s'", '"%s" is no name of hosts'),
    match("'тest'", "is no name of hosts"),
    match("'region='", "not a label condition"),
    match("'region=e*'", "has a wildcard"),
    match("'@'", "names nothing"),
    match("'~web('", "regular expression"),
    match("'~.*'", '"~.*" matches every name'),
    match('"web\\n1"', "U+000A"),
    match("[web1]", "a list stands where one value"),
    match("{all: true}", "a mapping stands where one value"),
    match("'" + "a" * 5000 + "'", "has 5000 characters, the limit is 4096"),
    match("all, allow_unreachable: yes", '"yes" is neither true nor false'),
    match("all, allow_unreachable: 1", '"1" is neither true nor false'),
    match("all, allow_unreachable: 'true'", '"true" is neither true nor false'),
]

PARAMS = [
    params("{}", "needs exactly one of targets and preset"),
    params("[]", '"params" holds a list where a mapping'),
    params("", '"params" holds nothing where a mapping'),
    params("{preset: safe, targets: [containers]}", "exactly one of targets and preset"),
    params("{preset: fast}", 'parameter "preset" cannot be "fast"', "'safe', 'standard' or 'deep'"),
    params("{preset: null}", "exactly one of targets and preset"),
    params("{preset: '{{ preset }}'}", 'cannot be "{{ preset }}"'),
    params("{preset: safe, wipe: true}", 'no parameter "wipe"'),
    params("{preset: safe, min_age: 1}", 'no parameter "min_age"', "Did you mean min_age_s"),
    params("{preset: safe, min_age_s: -1}", '"min_age_s" cannot be "-1"', "greater than or equal to 0"),
    params("{preset: safe, min_age_s: 1e9}", '"min_age_s" cannot be "1e9"', "valid integer"),
    params("{preset: safe, min_age_s: .inf}", '"min_age_s" cannot be ".inf"'),
    params("{preset: safe, min_age_s: NaN}", '"min_age_s" cannot be "NaN"'),
    params("{preset: safe, min_age_s: 0x10}", '"min_age_s" cannot be "0x10"'),
    params("{preset: safe, min_age_s: 1h}", '"min_age_s" cannot be "1h"'),
    params("{preset: safe, keep_last_tags: 1001}", '"1001"', "less than or equal to 1000"),
    params("{preset: safe, keep_last_tags: 2.5}", '"keep_last_tags" cannot be "2.5"'),
    params("{targets: []}", "targets is empty"),
    params("{targets: [everything]}", '"targets.0" cannot be "everything"'),
    params("{targets: [named_volumes]}", "needs volume_names"),
    params("{preset: safe, volume_names: [data]}", "named_volumes is not among the targets"),
    params("{preset: safe, only_labels: []}", "only_labels is empty"),
    params("{preset: safe, accept_data_loss: maybe}", '"accept_data_loss" cannot be "maybe"'),
    params("{state: open}", 'parameter "state" cannot be "open"', procedure="engine.hold"),
    params("{}", 'needs the parameter "state"', procedure="engine.hold"),
    params("{}", "give either snapshot_id or packages", procedure="engine.rollback"),
    params("{snapshot_id: '../../etc'}", '"snapshot_id" cannot be "../../etc"', procedure="engine.rollback"),
    params("\n  preset: safe\n  min_age_s: soon", '"min_age_s" cannot be "soon"', line=5),
]

WAVES = [
    added("waves: []", "the list waves is empty", "Give 1 to 1000"),
    added("waves:", '"waves" holds nothing where a list'),
    added("waves: 1,10%,rest", 'holds the text "1,10%,rest" where a list'),
    added("waves: {hosts: 1}", "holds a mapping where a list"),
    added("waves: [0]", 'wave size "0"', "the least is 1"),
    added("waves: [-1]", 'wave size "-1"'),
    added("waves: [0%]", 'wave size "0%"', "any percentage above 0"),
    added("waves: [-5%]", 'wave size "-5%"'),
    added("waves: [101%]", 'wave size "101%"', "the most is 100%"),
    added("waves: [100.1%]", "the most is 100%"),
    added("waves: [1.5]", "'1.5' is no whole number of hosts"),
    added("waves: [NaN]", 'wave size "NaN"'),
    added("waves: [NaN%]", 'wave size "NaN%"'),
    added("waves: [.inf]", 'wave size ".inf"'),
    added("waves: [inf%]", 'wave size "inf%"'),
    added("waves: [1e3]", 'wave size "1e3"'),
    added("waves: [0x10]", 'wave size "0x10"'),
    added("waves: [100001]", "above the limit of 100000 hosts"),
    added("waves: [1000000000]", "no count and no percentage"),
    added("waves: [1, null]", "there is no value here"),
    added("waves: [1, '']", "no count and no percentage"),
    added("waves: [1, [2]]", "where a mapping is expected"),
    added("waves: ['{{ size }}']", 'wave size "{{ size }}"'),
    added("waves: [rest, 1]", "Wave 1 takes all hosts that are left", "nothing remains for wave 2"),
    added("waves: [1, all, 1]", "Wave 2 takes all hosts that are left"),
    added("waves: [100%, 1]", "Wave 1 takes all hosts that are left"),
    added("waves: [" + "1," * 1001 + "]", "1001 waves are above the limit", "1 to 1000"),
    added("waves:\n  - 1\n  - 200%", "the most is 100%", line=7),
    added("waves: [{}]", "a wave has no size"),
    added("waves: [{hosts: 0}]", 'hosts "0"', "from 1 to 100000"),
    added("waves: [{hosts: -3}]", 'hosts "-3"'),
    added("waves: [{hosts: 1, percent: 10}]", "a wave has hosts and percent"),
    added("waves: [{percent: 0}]", 'percent "0%"'),
    added("waves: [{percent: 120}]", 'percent "120%"', "the most is 100%"),
    added("waves: [{percent: ten}]", 'percent "ten%"'),
    added("waves: [{size: some}]", 'wave size "some"'),
    added("waves: [1]\nramp: {}", "waves and ramp both say", line=6),
    added("ramp: {first: 0}", 'first "0"', "from 1 to 100000"),
    added("ramp: {factor: 1}", 'factor "1"', "from 2 to 10"),
    added("ramp: {factor: 11}", 'factor "11"', "from 2 to 10"),
    added("ramp: {factor: 1.5}", 'factor "1.5"'),
    added("ramp: {first: 10, most: 5}", "most 5 is below first 10"),
    added("ramp: 2", 'holds the text "2" where a mapping'),
]

GOING = [
    added("order: name", 'holds the text "name" where a mapping'),
    added("order: {}", '"by" is missing'),
    added("order: {by: random}", 'order "random" is unknown', "Did you mean rank"),
    added("order: {by: weather}", 'order "weather" is unknown', "name, label, rank, shuffle"),
    added("order: {by: label}", "order by label needs label"),
    added("order: {by: rank}", "order by rank needs label"),
    added("order: {by: shuffle}", "order by shuffle needs seed"),
    added("order: {by: shuffle, seed: -1}", 'seed "-1"', "from 0 to 2147483647"),
    added("order: {by: shuffle, seed: lucky}", 'seed "lucky"'),
    added("order: {by: shuffle, seed: 1, label: region}", "has no use for label"),
    added("order: {by: name, seed: 1}", "order by name has no use for seed"),
    added("order: {by: label, label: 'a b'}", 'label key "a b"'),
    added("order: {by: label, label: region}\nspread: region", "spread takes them apart", line=6),
    added("spread: ''", 'label key ""'),
    added("spread: [region]", "a list stands where one value"),
    added("spread: '*'", 'label key "*"'),
    added("canary: ''", 'label key ""'),
    added("canary: tier=", 'label value ""'),
    added("canary: 'tier=a*'", 'label value "a*"'),
    added("canary: '!tier'", 'label key "!tier"'),
    added("canary: {label: tier}", "a mapping stands where one value"),
    added("parallelism: 0", 'parallelism "0"', "from 1 to 1000"),
    added("parallelism: -1", 'parallelism "-1"'),
    added("parallelism: 1001", 'parallelism "1001"', "from 1 to 1000"),
    added("parallelism: 1e9", 'parallelism "1e9"'),
    added("parallelism: 1000000000", 'parallelism "1000000000"'),
    added("parallelism: NaN", 'parallelism "NaN"'),
    added("parallelism: .inf", 'parallelism ".inf"'),
    added("parallelism: 10%", 'parallelism "10%"'),
    added("parallelism: 2.0", 'parallelism "2.0"'),
    added("parallelism: '4'", 'parallelism "4"'),
    added("parallelism: many", 'parallelism "many"'),
    added("parallelism: 99999999999999999999999", "from 1 to 1000"),
    added("parallelism: '{{ n }}'", 'parallelism "{{ n }}"'),
    added("parallelism:", "there is no value here"),
    added("delay: 5", 'delay "5" is not a duration', "30s, 5m, 1h30m"),
    added("delay: -5s", 'delay "-5s" is not a duration'),
    added("delay: 8d", 'delay "8d" is outside its limits', "0s to 7d"),
    added("delay: soon", 'delay "soon"'),
    added("delay: 1m1h", 'delay "1m1h"'),
    added("delay: 5 m", 'delay "5 m"'),
    added("delay: null", "there is no value here"),
    added("monitor: 1000000000s", 'monitor "1000000000s" is outside its limits', "0s to 7d"),
    added("monitor: 1e9s", 'monitor "1e9s" is not a duration'),
    added("monitor: NaN", 'monitor "NaN"'),
    added("monitor: inf", 'monitor "inf"'),
    added("monitor: -1m", 'monitor "-1m"'),
    added("monitor: PT5M", 'monitor "PT5M"'),
    added("monitor: [1m]", "a list stands where one value"),
    added("reason: ''\nmonitor: 7d1s", '"7d1s"', "to 7d", line=6),
    added("reason: " + "x" * 501, "has 501 characters", "at most 500"),
    added('reason: "a\\nb"', "one line"),
]

RULES = [
    added("max_failures: -1", 'max_failures "-1"'),
    added("max_failures: 101%", 'max_failures "101%"', "the most is 100%"),
    added("max_failures: NaN", 'max_failures "NaN"'),
    added("max_failures: 0.1", "'0.1' is no whole number of hosts", "0.1%"),
    added("max_failures: 1\nstop_rules: [{tolerate: 0}]", "say the same thing twice"),
    added("stop_rules: []", "the list stop_rules is empty"),
    added("stop_rules: [{}]", '"tolerate" is missing'),
    added("stop_rules: [{tolerate: -1}]", 'tolerate "-1"'),
    added("stop_rules: [{tolerate: 101%}]", 'tolerate "101%"', "the most is 100%"),
    added("stop_rules: [{tolerate: NaN}]", 'tolerate "NaN"'),
    added("stop_rules: [{tolerate: 100001}]", "the limit of 100000"),
    added("stop_rules: [{tolerate: 0, kind: dead}]", 'kind "dead" is unknown', "failed, unreachable"),
    added("stop_rules: [{tolerate: 0, scope: rack}]", 'scope "rack" is unknown', "wave, campaign, label"),
    added("stop_rules: [{tolerate: 0, action: explode}]", 'action "explode" is unknown', "continue, pause"),
    added("stop_rules: [{tolerate: 0, min_sample: -1}]", 'min_sample "-1"', "from 0 to 100000"),
    added("stop_rules: [{tolerate: 0, min_sample: 100001}]", 'min_sample "100001"'),
    added("stop_rules: [{tolerate: 0, waves: []}]", "the list waves is empty"),
    added("stop_rules: [{tolerate: 0, waves: [0]}]", 'wave "0"', "from 1 to 1000"),
    added("stop_rules: [{tolerate: 0, waves: [1, 1]}]", "a wave is there twice"),
    added("stop_rules: [{tolerate: 0, waves: [1], from_wave: 2}]", "wave 1 comes before from_wave 2"),
    added("stop_rules: [{tolerate: 0, from_wave: 0}]", 'from_wave "0"'),
    added("stop_rules: [{tolerate: 0, scope: label}]", "scope label needs label"),
    added("stop_rules: [{tolerate: 0, label: region}]", "scope wave has no use for label"),
    added(
        "stop_rules: [{tolerate: 0}, {tolerate: 5}]", "stop rules 1 and 2 do the same at two limits of any"
    ),
    added("stop_rules:\n  - {tolerate: 0}\n  - {tolerate: x}", 'tolerate "x"', line=7),
    added("stop_rules: [0]", "where a mapping is expected"),
    reading("monitor: 5m", "there is no change to watch after", "health.check only reads"),
    reading("rollback: {parallelism: 2}", "there is nothing to roll back"),
    reading("stop_rules: [{tolerate: 0, action: rollback}]", "there is nothing to roll back"),
]

LIMITS = [
    added("clocks: {host: {stop: 0}}", 'stop "0" is outside its limits', "1s to 7d"),
    added("clocks: {host: {stop: 8d}}", 'stop "8d"', "1s to 7d"),
    added("clocks: {host: {stop: forever}}", 'stop "forever"'),
    added("clocks: {host: 30m}", 'holds the text "30m" where a mapping'),
    added("clocks: {host: {warn: 2h, stop: 1h}}", "warn after 7200 s does not come before stop after 3600 s"),
    added("clocks: {host: {warn: 1h, stop: 1h}}", "does not come before"),
    added("clocks: {step: {stop: 2h}, host: {stop: 1h}}", "step stops after 7200 s, later than host"),
    added("clocks: {step: {stop: 2h}, campaign: {stop: 1h}}", "step stops after 7200 s, later than campaign"),
    added(
        "monitor: 2h\nclocks: {campaign: {stop: 1h}}",
        "monitor of 7200 s is not shorter than clocks.campaign.stop",
    ),
    added("delay: 1h\nclocks: {campaign: {stop: 1h}}", "delay of 3600 s is not shorter"),
    added("delay: 1h\nclocks: {progress: {stop: 1h}}", "not shorter than clocks.progress.stop of 3600 s"),
    added("clocks: {step: {action: pause}}", "there is no stop", "Add stop"),
    added("clocks: {step: {stop: 5m, action: rollback}}", 'action "rollback" is unknown', "pause, halt"),
    added("clocks: {host: {stop: 5m, action: pause}}", "clocks.host has no action"),
    added("retries: {attempts: 0}", 'attempts "0"', "from 1 to 100"),
    added("retries: {attempts: 101}", 'attempts "101"', "from 1 to 100"),
    added("retries: {attempts: -1}", 'attempts "-1"'),
    added("retries: {orders: 0}", 'orders "0"'),
    added("rollback: {parallelism: 0}", 'parallelism "0"', "from 1 to 1000"),
    added("rollback: {failed_hosts: no}", '"no" is neither true nor false'),
    added("quorum: all", 'quorum "all" is unknown', "off, label, compose"),
    added("rollback: {control_hosts: 11}", 'control_hosts "11"'),
    added("rollback: {on_failure: retry}", 'on_failure "retry" is unknown', "continue, pause, halt"),
    added("rollback: {monitor: 8d}", 'monitor "8d"', "to 7d"),
    added("delivery: {heartbeat_timeout: 0}", 'heartbeat_timeout "0"', "1s to 7d"),
    added("delivery: {order_ttl: 500ms}", 'order_ttl "500ms"', "1s to 7d"),
    added(
        "delivery: {order_ttl: 10s, resend_after: 10s}", "resend_after of 10 s is not shorter than order_ttl"
    ),
    added("delivery: {unknown_wait: 30d}", 'unknown_wait "30d"', "to 7d"),
    added("delivery: {ask_every: 1000000000s}", 'ask_every "1000000000s"', "to 7d"),
    added("plan: {expires: 0}", 'expires "0"', "1s to 7d"),
    added("plan: {expires: 30d}", 'expires "30d"', "1s to 7d"),
    added("budgets: {max_unavailable: 1}", 'holds the text "1" where a mapping'),
    added("budgets: {max_unavailable: {region: 0}}", 'max_unavailable "0"'),
    added("budgets: {max_unavailable: {region: 150%}}", 'max_unavailable "150%"', "the most is 100%"),
    added("budgets: {max_unavailable: {'a b': 1}}", 'label key "a b"'),
    added("budgets: {fleet: 0}", 'fleet "0"'),
    added("parallelism: 10\nbudgets: {fleet: 5}", "parallelism 10 is above budgets.fleet 5"),
    added("approval: {group: leads}", '"required" is missing'),
    added("approval: {required: 2}", '"group" is missing'),
    added("approval: {required: 0, group: leads}", 'required "0" can never be met'),
    added("approval: {required: 4 of 3, group: leads}", 'required "4 of 3" can never be met'),
    added("approval: {required: two, group: leads}", 'required "two" is no number'),
    added("approval: {required: 1, group: 'a b'}", '"a b" is not a word'),
    added("approval: {required: 1, group: leads, expires: 1s}", 'expires "1s"', "1m to 7d"),
    added("approval: {required: 1, group: leads, on_timeout: approve}", 'on_timeout "approve" is unknown'),
    added("approval: {required: 1, group: leads, on_timeout: abort}", "there is no time", "Add expires"),
    added("notify: [{to: ops, on: []}]", "the list on is empty"),
    added("notify: [{to: ops, on: [midnight]}]", 'event "midnight" is unknown'),
    added("notify: [{on: [halted]}]", '"to" is missing'),
    added("notify: [{to: ops}]", '"on" is missing'),
    added("notify: [{to: 'https://hooks/secret', on: [halted]}]", "is not a word"),
    added("notify: {to: ops, on: [halted]}", "notify"),
]

WINDOWS = [
    added("windows: {}", "windows say neither when nor when not"),
    added("windows: {allow: []}", "the list allow is empty", "empty is not the same as absent"),
    added("windows: {blackout: []}", "the list blackout is empty"),
    added("windows: {allow: ['Mon-Thu 09:00-16:00']}", "a time stands without a time zone"),
    added(
        "windows: {allow: ['Mon 09:00-16:00 UTC', 'Tue 09:00-16:00 Asia/Tokyo'], blackout: [2026-12-24]}",
        "a time stands without a time zone",
    ),
    added("windows: {blackout: [2026-12-24]}", "a time stands without a time zone"),
    added("windows: {allow: [always]}", '"always" is not days, hours and a time zone'),
    added("windows: {allow: ['Mon-Fry 09:00-16:00 UTC']}", '"Mon-Fry" is no day of the week'),
    added("windows: {allow: ['Lundi 09:00-16:00 UTC']}", '"Lundi" is no day of the week'),
    added("windows: {allow: ['Mon,Mon 09:00-16:00 UTC']}", 'a day is there twice in "Mon,Mon"'),
    added("windows: {allow: ['Mon 25:00-26:00 UTC']}", '"25:00-26:00" is no time of day', "24:00 at the end"),
    added("windows: {allow: ['Mon 09:60-16:00 UTC']}", '"09:60-16:00" is no time of day'),
    added("windows: {allow: ['Mon 09:00-24:01 UTC']}", '"09:00-24:01" is no time of day'),
    added("windows: {allow: ['Mon 9-16 UTC']}", '"9-16" is no span of hours'),
    added("windows: {allow: ['Mon 09:00-09:00 UTC']}", "either nothing or a whole day"),
    added("windows: {allow: ['Mon 24:00-02:00 UTC']}", '"24:00-02:00" is no time of day'),
    added("windows: {allow: ['Mon 09:00-16:00 Mars/Olympus']}", 'time zone "Mars/Olympus" is unknown'),
    added("windows: {allow: ['Mon 09:00-16:00 CEST']}", '"CEST" is no area and city', "no summer time"),
    added("windows: {allow: ['Mon 09:00-16:00 +02:00']}", '"+02:00" is no area and city'),
    added("windows: {allow: ['Mon 09:00-16:00 ../../etc/passwd']}", "is no area and city"),
    added("windows: {allow: ['Mon 09:00-16:00 europe/nowhere']}", '"europe/nowhere" is unknown'),
    added("windows: {allow: ['Mon  09:00-16:00 UTC extra']}", "is not days, hours and a time zone"),
    added("windows: {time_zone: Local, allow: ['Mon 09:00-16:00']}", '"Local" is no area and city'),
    added("windows: {time_zone: UTC, blackout: [tomorrow]}", '"tomorrow" is neither a date'),
    added("windows: {time_zone: UTC, blackout: [2026-02-30]}", '"2026-02-30" is no date of the calendar'),
    added("windows: {time_zone: UTC, blackout: [2026-13-01]}", '"2026-13-01" is no date'),
    added("windows: {time_zone: UTC, blackout: [2027-01-02..2026-12-24]}", "ends before it begins"),
    added("windows: {time_zone: UTC, blackout: [2026-01-01..2030-01-01]}", "is 1462 days; the limit is 366"),
    added("windows: {time_zone: UTC, blackout: [9999-12-31]}", "outside the years 2000 to 2200"),
    added("windows: {time_zone: UTC, blackout: [nosuch.ics]}", "cannot be read: No such file"),
    added("windows: {time_zone: UTC, blackout: ['https://x/freeze.ics']}", "is no path of a file"),
    added("windows: {time_zone: UTC, blackout: ['~root/freeze.ics']}", "is no path of a file"),
]

GATES = [
    added("gates: []", "the list gates is empty"),
    added("gates: [health]", "where a mapping is expected"),
    added("gates: [{}]", '"kind" is missing'),
    added("gates: [{kind: horoscope}]", 'gate "horoscope" is unknown', "health, delta"),
    added("gates: [{kind: health, at: midnight}]", 'moment "midnight" is unknown', "after-wave"),
    added("gates: [{kind: prometheus}]", "needs url"),
    added("gates: [{kind: prometheus, url: 'http://p:9090'}]", "needs query"),
    added("gates: [{kind: http, url: 'file:///etc/passwd'}]", "is no http or https address"),
    added("gates: [{kind: http, url: 'http://u:p@h/'}]", "holds a user name or password"),
    added("gates: [{kind: command, argv: rm -rf /}]", 'holds the text "rm -rf /" where a list'),
    added("gates: [{kind: command, argv: []}]", "needs argv"),
    added("gates: [{kind: http, url: 'http://h', most: NaN}]", '"NaN" is not a plain number'),
    added("gates: [{kind: http, url: 'http://h', most: .inf}]", '".inf" is not a plain number'),
    added(
        "gates: [{kind: prometheus, url: 'http://h', query: up, least: 2, most: 1}]",
        "least 2 is above most 1",
    ),
    added("gates: [{kind: human, group: sre, url: 'http://h'}]", "human has no use for url", "Remove url"),
    added("gates: [{kind: http, url: 'http://h', query: up}]", "http has no use for query"),
    added("gates: [{kind: http, url: 'http://h', least: 1}]", "http has no use for least"),
    added("gates: [{kind: health, argv: [/bin/true]}]", "health has no use for argv"),
    added("gates: [{kind: http, url: 'http://h', timeout: 1h}]", 'timeout "1h"', "1s to 10m"),
    added("gates: [{kind: running-set, at: campaign}]", "running-set cannot be asked at campaign"),
    added(
        "gates: [{kind: human, group: sre, at: host}]", "human cannot be asked at host", "ask them for waves"
    ),
    added("gates: [{kind: delta, at: campaign}]", "delta cannot be asked at campaign"),
    added("gates: [{kind: human, group: sre, warnings: true}]", "human has no use for warnings"),
    added("gates: [{kind: health, warnings: maybe}]", '"maybe"'),
    added("gates: [{kind: http, url: 'http://{host}/'}]", "about no single host", "Write at: host"),
    added("gates: [{kind: command, argv: [ping, '{address}'], at: background}]", "so {address} says nothing"),
    added("gates: [{kind: prometheus, url: 'http://h', query: up}]", "needs least or most"),
    added("gates: [{kind: http, url: 'http://h', action: continue}]", 'action "continue" is unknown'),
    added("gates: [{kind: human}]", "needs group"),
    added("gates: [{kind: human, group: sre, at: background}]", "human cannot be asked at background"),
    added("gates: [{kind: human, group: sre, every: 5s}]", "human has no use for every"),
    added("gates: [{kind: human, group: sre, required: 3 of 2}]", "can never be met"),
    added("gates: [{kind: human, group: sre, on_timeout: fail}]", "there is no time", "Add expires"),
    added("gates: [{kind: human, group: sre, expires: 4h, on_timeout: abort}]", 'on_timeout "abort"'),
    added("gates: [{kind: http, url: 'http://h', required: 2}]", "http has no use for required"),
    added("gates: [{kind: http, url: 'http://h', at: background, waves: [1]}]", "has no use for waves"),
    added("gates: [{kind: http, url: 'http://h', waves: [0]}]", 'wave "0"'),
    added("one_way_hosts: -1", 'one_way_hosts "-1"'),
    added("gates: [{kind: http, url: 'http://h', passes: 0}]", 'passes "0"', "from 1 to 100"),
    added("gates: [{kind: http, url: 'http://h', inconclusive: maybe}]", 'inconclusive "maybe"'),
    added("gates: [{kind: health, failures: -1}]", 'failures "-1"', "from 0 to 1000"),
]

MORE = [
    match("all, allow_empty: maybe", '"maybe" is neither true nor false'),
    added("stop_rules: [{tolerate: 0, scope: label, label: region, action: rollback}]", "how far"),
    added("waves: [{hosts: 1, name: a b}]", '"a b" is not a word of letters'),
    added("waves: [{hosts: 1, name: ''}]", '"" is not a word of letters'),
    added("waves: [{hosts: 1, name: eu}, {size: rest, name: eu}]", 'two waves have the name "eu"'),
    added("waves: [{hosts: 1, parallel: 0}]", 'parallelism "0"', "from 1 to 1000"),
    added("waves: [{hosts: 1, parallel: 10%}]", 'parallelism "10%"'),
    added("waves: [{size: rest, parallel: 4}]\nbudgets: {fleet: 3}", "parallel 4 is above budgets.fleet 3"),
    added("rollback: {monitor: -1s}", 'monitor "-1s"'),
]

CASES = [*FILES, *KEYS, *TARGETS, *PARAMS, *WAVES, *GOING, *RULES, *LIMITS, *WINDOWS, *GATES, *MORE]


def written(tmp_path: Path, case: Case) -> Path:
    path = tmp_path / "campaign.yaml"
    path.write_bytes(case.content if isinstance(case.content, bytes) else case.content.encode())
    return path


def name_of(case: Case) -> str:
    return f"{case.says[0][:50]}-{case.line}"


def test_there_are_as_many_cases_as_promised() -> None:
    assert len(CASES) >= 200
    assert len({case.content for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_file_nobody_can_mean_is_refused_with_its_place(tmp_path: Path, case: Case) -> None:
    path = written(tmp_path, case)
    with pytest.raises(CampaignFileError) as caught:
        load_campaign_file(path)
    there = [problem for problem in caught.value.problems if problem.line == case.line]
    texts = [f"{problem.what} {problem.fix}" for problem in there]
    assert any(all(words in text for words in case.says) for text in texts), str(caught.value)
    for problem in caught.value.problems:
        assert problem.file == str(path)
        assert problem.fix
        assert "Traceback" not in problem.what
        assert problem.what.isprintable()


@pytest.mark.parametrize("case", CASES[::6], ids=name_of)
def test_the_command_line_tells_it_with_file_and_line_and_exit_code_2(tmp_path: Path, case: Case) -> None:
    path = written(tmp_path, case)
    done = CliRunner().invoke(app, ["campaign", "validate", str(path)])
    assert done.exit_code == 2
    assert done.stdout == ""
    place = f"error: {path}:{case.line}:" if case.line else f"error: {path}:"
    assert place in done.stderr
    assert "Traceback" not in done.stderr


def test_everything_wrong_is_told_at_once_and_in_order(tmp_path: Path) -> None:
    text = HEAD.replace("version: 1", "version: 3") + "waves: [0]\nparallelism: 0\nmonitor: 8d\nnotify: []\n"
    with pytest.raises(CampaignFileError) as caught:
        load_campaign_file(written(tmp_path, whole(text, 1)))
    assert [problem.line for problem in caught.value.problems] == [1, 5, 6, 7, 8]
    for words in (
        'version "3"',
        'wave size "0"',
        'parallelism "0"',
        'monitor "8d"',
        "the list notify is empty",
    ):
        assert words in str(caught.value)


def test_what_cannot_be_read_as_a_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml", Path("/dev/null")):
        with pytest.raises(CampaignFileError):
            load_campaign_file(path)


def test_the_head_of_every_case_is_sound(tmp_path: Path) -> None:
    assert load_campaign_file(written(tmp_path, whole(HEAD, 0))).params == {"preset": "safe"}
