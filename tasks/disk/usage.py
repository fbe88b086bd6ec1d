"""disk.usage: where the bytes of a Docker host are; reads only.

`/system/df` walks every layer and volume, which takes minutes on a big host, so it is asked here and never on
the way of a health check. Container logs are in no account of the engine and are counted on the disk.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from tasks.connection import Connection
from tasks.disk.accounting import Accounting, Share, parse_accounting
from tasks.disk.logs import ContainerLog, read_directory_sizes, read_logs
from tasks.disk.survey import sleeping_engine
from tasks.disk.wording import human_bytes
from tasks.errors import EngineError, Refused
from tasks.facts.disk import JOURNAL_ROOT, FileSystem, read_containerd_root, read_file_systems
from tasks.model import Kind, UndoClass
from tasks.procedure import Facts, Params, Setting, Spec, Verdict
from tasks.read_only import ReadOnly
from tasks.result import Finding, Severity, StepResult

#: where the engine keeps its data unless told otherwise; looked at when the engine cannot be asked
DEFAULT_ROOT = "/var/lib/docker"
#: a log whose bytes on disk are this much fewer than its size has a hole in it
_SPARSE_BYTES = 1 << 20


class Detail(StrEnum):
    """How much the answer lists."""

    #: totals only
    SUMMARY = "summary"
    #: and the biggest objects of each kind
    OBJECTS = "objects"


class UsageParams(Params):
    """How much to read and to list."""

    detail: Detail = Field(
        default=Detail.OBJECTS, description="summary = totals; objects = and the biggest objects"
    )
    du: bool = Field(default=False, description="also walk the data root with du, at idle priority: slow")
    max_objects: int = Field(
        default=200, ge=1, le=10_000, description="objects listed per kind, biggest first"
    )


class UsageFacts(Facts):
    """What was read."""

    root_dir: str
    file_systems: tuple[FileSystem, ...]
    accounting: Accounting | None = None
    #: why the engine's account is missing or incomplete; "" when it is whole
    problem_code: str = ""
    problem: str = ""
    logs: tuple[ContainerLog, ...] = ()
    #: directory below the data root -> bytes; None when not asked or not readable
    directories: dict[str, int] | None = None


class Usage(ReadOnly[UsageParams, UsageFacts]):
    """Says what fills the disk."""

    params_type = UsageParams
    facts_type = UsageFacts
    spec = Spec(
        name="disk.usage",
        kind=Kind.READ_ONLY,
        seed="2.1",
        summary="file systems, images, containers, volumes, build cache and logs in bytes",
        undo=UndoClass.NONE,
        timeout_s=300,
    )

    def gather(self, host: Connection, params: UsageParams, setting: Setting) -> UsageFacts:
        """File systems always; the engine's account when it can be had."""
        del setting
        root, accounting, code, problem = _ask_engine(host, self.spec.timeout_s)
        paths = (root, read_containerd_root(host), JOURNAL_ROOT)
        return UsageFacts(
            root_dir=root,
            file_systems=read_file_systems(host, paths),
            accounting=accounting,
            problem_code=code,
            problem=problem,
            logs=read_logs(host, root),
            directories=read_directory_sizes(host, root, self.spec.timeout_s) if params.du else None,
        )

    def verify(
        self, before: UsageFacts, after: UsageFacts, params: UsageParams, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """The account, as the result fields of disk.usage."""
        del before, steps
        data = usage_data(after, params)
        whole = not after.problem
        evidence = ("every part was read",) if whole else (after.problem,)
        return Verdict(ok=whole, evidence=evidence, data=data, findings=_findings(after))


def usage_data(facts: UsageFacts, params: UsageParams) -> dict[str, Any]:
    """The result fields, numbers in bytes; what is not known is null, never 0."""
    account = facts.accounting or Accounting(complete=False)
    logs = sorted(facts.logs, key=lambda log: (-log.size_bytes, log.container))
    data: dict[str, Any] = {
        "filesystems": [_file_system(system) for system in facts.file_systems],
        "images": account.images.model_dump(),
        "containers": account.containers.model_dump(),
        "volumes": account.volumes.model_dump(),
        "build_cache": account.build_cache.model_dump(),
        "logs": [_log(log, account) for log in logs[: params.max_objects]],
        "logs_bytes": sum(log.size_bytes for log in facts.logs),
        "unaccounted_bytes": unaccounted_bytes(facts),
        "df_complete": account.complete and not facts.problem,
        "summary": _summary(facts, account),
        "truncated": len(logs) > params.max_objects,
    }
    if params.detail is Detail.OBJECTS:
        lists = {
            "images": _biggest(account.image_bytes, account, params.max_objects),
            "containers": _biggest(account.container_bytes, account, params.max_objects),
            "volumes": _biggest(account.volume_bytes, account, params.max_objects),
            "build_cache": _biggest({r.id: r.size_bytes for r in account.cache}, account, params.max_objects),
        }
        data["objects"] = lists
        counts = (account.image_bytes, account.container_bytes, account.volume_bytes, account.cache)
        data["truncated"] |= any(len(items) > params.max_objects for items in counts)
    if facts.directories is not None:
        data["directories"] = facts.directories
    return data


def unaccounted_bytes(facts: UsageFacts) -> int | None:
    """Bytes below the data root that neither the engine nor the logs explain; None without `du` or an account."""
    account = facts.accounting
    if facts.directories is None or account is None or not account.complete:
        return None
    kinds = (account.images, account.containers, account.volumes, account.build_cache)
    known = [kind.size_bytes for kind in kinds]
    if any(size is None for size in known):
        return None
    logs = sum(log.blocks_bytes for log in facts.logs)
    return sum(facts.directories.values()) - sum(size or 0 for size in known) - logs


def _ask_engine(host: Connection, timeout_s: float) -> tuple[str, Accounting | None, str, str]:
    asleep = sleeping_engine(host)
    if asleep:
        return DEFAULT_ROOT, None, "E_DAEMON_DOWN", asleep
    root = DEFAULT_ROOT
    try:
        engine = host.engine()
        root = str(engine.info().get("DockerRootDir") or DEFAULT_ROOT)
        account = parse_accounting(engine.disk_usage(timeout_s))
    except (EngineError, Refused) as error:
        return root, None, error.code, error.message
    if not account.complete:
        return root, account, "W_DF_INCOMPLETE", "the engine named totals without the objects behind them"
    return root, account, "", ""


def _file_system(system: FileSystem) -> dict[str, Any]:
    return {
        "mount": system.mount,
        "type": system.kind,
        "size_bytes": system.size_bytes,
        "used_bytes": system.used_bytes,
        "avail_bytes": system.avail_bytes,
        "used_pct": system.used_pct,
        "inodes_used_pct": system.inodes_used_pct,
        "holds": list(system.holds),
    }


def _log(log: ContainerLog, account: Accounting) -> dict[str, Any]:
    return {**log.model_dump(exclude={"files"}), "name": account.names.get(log.container)}


def _biggest(sizes: dict[str, int], account: Accounting, count: int) -> list[dict[str, Any]]:
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return [{"id": ref, "name": account.names.get(ref), "size_bytes": size} for ref, size in ranked[:count]]


def _summary(facts: UsageFacts, account: Accounting) -> str:
    if not facts.file_systems:
        return "no file system could be measured"
    fullest = max(facts.file_systems, key=lambda system: system.worst_pct)
    parts = [f"{fullest.mount} {fullest.used_pct:.0f} % full"]
    if (fullest.inodes_used_pct or 0.0) > fullest.used_pct:
        parts = [f"{fullest.mount} {fullest.inodes_used_pct:.0f} % of inodes used"]
    kinds = (account.images, account.containers, account.volumes, account.build_cache)
    if all(kind.reclaimable_bytes is not None for kind in kinds):
        parts.append(f"{human_bytes(sum(_number(kind) for kind in kinds))} not in use")
    if facts.logs:
        parts.append(f"{human_bytes(sum(log.size_bytes for log in facts.logs))} of logs")
    return ", ".join(parts)


def _number(kind: Share) -> int:
    return kind.reclaimable_bytes or 0


def _findings(facts: UsageFacts) -> tuple[Finding, ...]:
    found: list[Finding] = []
    if facts.problem:
        found.append(Finding(code=facts.problem_code, severity=Severity.ERROR, detail=facts.problem))
    if not facts.file_systems:
        detail = f"df could not measure {facts.root_dir}"
        found.append(Finding(code="W_DISK_UNKNOWN", detail=detail))
    for log in facts.logs:
        if log.size_bytes - log.blocks_bytes > _SPARSE_BYTES:
            detail = f"{log.size_bytes} bytes long, {log.blocks_bytes} on disk: somebody else truncated it"
            found.append(Finding(code="W_LOG_SPARSE", object=log.container, detail=detail))
    return tuple(found)


PROCEDURE = Usage()
