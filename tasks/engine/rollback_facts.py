"""What a rollback knows of its host: the host itself, the snapshot to return to, and what both come to."""

from __future__ import annotations

from tasks.engine.family import COMPANIONS
from tasks.engine.goal import Goal
from tasks.engine.host_facts import HostFacts
from tasks.engine.transaction import Action


class RollbackFacts(HostFacts):
    """A host, with the snapshot it is to return to."""

    #: None = versions of the archive were asked for instead, or no such snapshot is here
    goal: Goal | None = None

    def target(self) -> dict[str, str]:
        """Engine packages that are to be there in the end, with the version of each."""
        if self.goal is not None:
            return self.goal.snapshot.versions()
        going = set(self.going())
        return {name: version for name, version in self.resolution.target.items() if name not in going}

    def going(self) -> tuple[str, ...]:
        """Companions the older main package of the archive contains itself, so that apt takes them away."""
        simulation = self.resolution.simulation
        if simulation is None:
            return ()
        removed = {change.name for change in simulation.changes if change.action is Action.REMOVE}
        return tuple(sorted(removed & set(COMPANIONS.get(self.family, ()))))

    def moving(self) -> dict[str, str]:
        """Versions now of every package that moves or goes, which an undo of this rollback needs again."""
        target = self.target()
        return {name: version for name, version in self.versions().items() if target.get(name) != version}
