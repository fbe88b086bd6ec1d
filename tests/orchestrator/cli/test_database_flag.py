"""A password on a command line is refused and never repeated; every other URL is taken as it is."""

from __future__ import annotations

import pytest

from orchestrator.cli.database_flag import named
from tasks.errors import BadInput
from tests.orchestrator.cli.conftest import Dockwave

SECRETS = ("postgresql://ops:geheim@db/dockwave", "postgresql://ops@db/dockwave?password=geheim")
COMMANDS = (("audit", "head"), ("audit", "list"), ("audit", "verify"), ("stop-all", "--reason", "restored"))


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[:2]))
def test_a_password_in_the_url_is_refused_by_every_command_that_takes_one(
    bare: Dockwave, command: tuple[str, ...], url: str
) -> None:
    refused = bare(*command, "--database-url", url)
    assert refused.exit_code == 2
    assert "PGPASSFILE" in refused.stderr
    assert "geheim" not in refused.output


@pytest.mark.parametrize(
    "url", ["sqlite:////var/lib/dockwave.db", "postgresql://ops@db/dockwave?sslmode=require", "no url", ""]
)
def test_any_other_url_is_taken_as_it_is(url: str) -> None:
    assert named(url) == url


@pytest.mark.parametrize("url", SECRETS)
def test_the_refusal_does_not_repeat_the_password(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        named(url)
    assert "geheim" not in f"{caught.value.message}{caught.value.hint}"
