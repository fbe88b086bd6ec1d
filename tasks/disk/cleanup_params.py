"""What a person may ask of disk.cleanup, checked as a whole before any host is asked."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tasks.commas import Commas
from tasks.disk.keys import VOLUME_NAME
from tasks.disk.rules import DAY_S, PRESETS, Preset, Target
from tasks.errors import BadInput
from tasks.procedure import Params

#: a label key, optionally with a value
Selector = Annotated[
    str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^=\s][^=\n]*(=[^\n]*)?$")
]
ImageGlob = Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=r"^\S+$")]
VolumeName = Annotated[str, StringConstraints(pattern=VOLUME_NAME)]
BackupId = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class CleanupParams(Params):
    """What may go. Exactly one of `targets` and `preset` must be given: there is no default choice."""

    targets: Annotated[tuple[Target, ...] | None, Commas] = Field(
        default=None, description="kinds of object that may go; volumes only ever by this list, in no preset"
    )
    preset: Preset | None = Field(
        default=None,
        description="safe = build cache and dangling images; standard = and containers stopped for 24 h, and "
        "networks; deep = and images unused for 7 d",
    )
    min_age_s: int = Field(default=DAY_S, ge=0, description="seconds an object must have been idle")
    keep_labels: Annotated[tuple[Selector, ...], Commas] = Field(
        default=("dockwave.protect",), description="objects with one of these labels (key or key=value) stay"
    )
    only_labels: Annotated[tuple[Selector, ...] | None, Commas] = Field(
        default=None, description="only objects with all of these labels may go; the build cache has none"
    )
    keep_images: Annotated[tuple[ImageGlob, ...], Commas] = Field(
        default=(), description="images with a name matching one of these globs stay"
    )
    keep_last_tags: int = Field(default=2, ge=0, le=1000, description="newest images kept per repository")
    build_cache_keep_bytes: int = Field(default=0, ge=0, description="bytes of build cache that may stay")
    max_delete_bytes: int | None = Field(
        default=None, ge=0, description="refuse when more than this could come free"
    )
    volume_names: Annotated[tuple[VolumeName, ...], Commas] = Field(
        default=(), description="the named volumes that may go, one by one; required by named_volumes"
    )
    backup_ids: dict[VolumeName, BackupId] = Field(
        default_factory=dict, description="volume name to id of its volume.backup artefact"
    )
    accept_data_loss: bool = Field(default=False, description="named volumes may go without a backup")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.targets is None) == (self.preset is None):
            raise BadInput(
                "disk.cleanup needs exactly one of targets and preset",
                hint=f"Give --set preset={'|'.join(Preset)} or --set targets=LIST of {', '.join(Target)}.",
            )
        if self.targets is not None and not self.targets:
            raise BadInput(
                "disk.cleanup: targets is empty, so nothing could go",
                hint=f"Name at least one of {', '.join(Target)}.",
            )
        if self.only_labels is not None and not self.only_labels:
            # an empty restriction must not turn into no restriction
            raise BadInput(
                "disk.cleanup: only_labels is empty, which no object can match",
                hint="Name a label, or leave only_labels out to put no restriction on labels.",
            )
        self._volumes_are_accounted_for()
        return self

    def _volumes_are_accounted_for(self) -> None:
        named = self.targets is not None and Target.NAMED_VOLUMES in self.targets
        if not named:
            if self.volume_names:
                raise BadInput(
                    "disk.cleanup: volume_names is given, but named_volumes is not among the targets",
                    hint="Add named_volumes to targets, or leave volume_names out.",
                )
            return
        if not self.volume_names:
            raise BadInput(
                "disk.cleanup removes named volumes only one by one: named_volumes needs volume_names",
                code="E_VOLUME_ALLOWLIST_REQUIRED",
                hint="Give --set volume_names=NAME,NAME with the volumes that may go.",
            )
        bare = sorted(set(self.volume_names) - self.backup_ids.keys())
        if bare and not self.accept_data_loss:
            raise BadInput(
                f"disk.cleanup: no backup is named for {', '.join(bare[:5])}; their data would be gone for good",
                code="E_BACKUP_REQUIRED",
                hint="Name the artefacts in backup_ids, or give --set accept_data_loss=true.",
            )

    @property
    def ages(self) -> dict[Target, int]:
        """Target -> least age in seconds; a preset's own ages are floors."""
        if self.preset is not None:
            return {target: max(self.min_age_s, floor) for target, floor in PRESETS[self.preset].items()}
        return dict.fromkeys(self.targets or (), self.min_age_s)
