"""A real PostgreSQL cluster from Debian's packages, in a temporary directory, run as the user postgres."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.support.redis import free_port


class PostgresCluster:
    """One running cluster; each test asks for a database of its own."""

    def __init__(self, directory: Path) -> None:
        """Choose the port; `start` makes and runs the cluster."""
        self.directory = directory
        self.port = free_port()
        self._binaries = _binaries()

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        data = self.directory / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        self.start_again()

    def start_again(self) -> None:
        """Run it after a stop; what was committed is there."""
        data = self.directory / "data"
        options = f"-p {self.port} -h 127.0.0.1 -k {self.directory} -F"
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self.directory / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "-w", "stop")

    def new_database(self) -> str:
        """Make an empty schema and give the URL that works in it: a database each would be 300 files each."""
        name = f"t{uuid4().hex[:12]}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self._address('postgres')}?options=-csearch_path%3D{name}"

    def database_without_encoding(self) -> str:
        """Make a database that takes any bytes, as a cluster made under the locale C has them; give its URL."""
        name = f"d{uuid4().hex[:12]}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            wish = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
            connection.execute(f"CREATE DATABASE {name} {wish}".encode())
        return self._address(name)

    def database_of(self, role: str) -> str:
        """Make a role that may do nothing more than its own database asks for, as an installation has it; its URL."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {role} LOGIN".encode())
            connection.execute(f"CREATE DATABASE {role} OWNER {role}".encode())
        return self._address(role, role)

    def client(self) -> dict[str, str]:
        """What tells PostgreSQL's own programs to come here as its superuser."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"}

    def _address(self, database: str, role: str = "postgres") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root
        user = "postgres" if os.geteuid() == 0 else None
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            user=user,
            extra_groups=[] if user else None,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace')}")


def _binaries() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not versions:
        raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
    return versions[-1].parent


@contextmanager
def running_postgres() -> Iterator[PostgresCluster]:
    """Give a running cluster and remove it afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="dockwave-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        cluster = PostgresCluster(directory)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
