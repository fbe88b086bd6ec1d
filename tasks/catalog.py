"""Finds procedures: one module is one PROCEDURE, named by its path (tasks/disk/cleanup.py: disk.cleanup)."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from typing import Any

from pydantic import ValidationError

import tasks
from tasks.errors import BadDocument, BadInput, Problem
from tasks.procedure import Params, Procedure

AnyProcedure = Procedure[Any, Any]


@cache
def load_all() -> dict[str, AnyProcedure]:
    """Every procedure by name, in alphabetical order."""
    found: dict[str, AnyProcedure] = {}
    for module in pkgutil.walk_packages(tasks.__path__, prefix="tasks."):
        candidate = getattr(importlib.import_module(module.name), "PROCEDURE", None)
        if candidate is not None:
            name = module.name.removeprefix("tasks.")
            if candidate.spec.name != name:
                raise TypeError(
                    f"{module.name} calls itself {candidate.spec.name!r}; its name must be its path"
                )
            found[name] = candidate
    return dict(sorted(found.items()))


def find(name: str) -> AnyProcedure:
    """Give the procedure of that name; BadInput names the nearest ones when there is none."""
    procedures = load_all()
    if name in procedures:
        return procedures[name]
    near = difflib.get_close_matches(name, procedures, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`dockwave procedures` lists them all."
    raise BadInput(f"There is no procedure named {name[:80]!r}", code="E_PARAM", hint=hint)


def parse_params(procedure: AnyProcedure, values: dict[str, Any]) -> Params:
    """Check and type the parameters of a procedure; BadDocument lists every problem at once."""
    try:
        params: Params = procedure.params_type.model_validate(values)
    except ValidationError as error:
        raise BadDocument(tuple(_problem(procedure, item) for item in error.errors())) from None
    return params


def _problem(procedure: AnyProcedure, item: Any) -> Problem:
    path = ".".join(str(part) for part in item["loc"]) or "parameters"
    known = list(procedure.params_type.model_fields)
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path, known, n=1, cutoff=0.5)
        fix = f"Did you mean {near[0]}?" if near else f"It takes: {', '.join(known) or 'no parameters'}"
        return Problem(
            file="", line=0, column=0, what=f"{procedure.spec.name} has no parameter {path!r}", fix=fix
        )
    if item["type"] == "missing":
        what = f"{procedure.spec.name} needs the parameter {path!r}"
        return Problem(file="", line=0, column=0, what=what, fix=f"Give it with --set {path}=VALUE")
    value = repr(item.get("input"))[:80]
    what = f"{procedure.spec.name}: parameter {path!r} cannot be {value}: {item['msg']}"
    return Problem(
        file="", line=0, column=0, what=what, fix=f"See `dockwave procedures {procedure.spec.name}`"
    )
