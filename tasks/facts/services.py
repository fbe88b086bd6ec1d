"""Services of running containers, by the labels they carry: what may be down when the engine is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: label of a container that says of which service it is a replica
SERVICE_LABEL = "dockwave.service"
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"

#: labels are hostile text: what is no plain name is no service
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def services_named(labels: object) -> tuple[str, ...]:
    """Services a container's labels name: "shop" by its own label, "project/service" by Compose's."""
    if not isinstance(labels, Mapping):
        return ()
    own, project, service = (str(labels.get(key) or "") for key in (SERVICE_LABEL, _PROJECT, _SERVICE))
    found = [own] if _NAME.fullmatch(own) else []
    # a job somebody runs by hand (`docker compose run`) is no replica
    if labels.get(_ONE_OFF) != "True" and _NAME.fullmatch(project) and _NAME.fullmatch(service):
        found.append(f"{project}/{service}")
    return tuple(found)
