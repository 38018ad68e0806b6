"""The home's Dagster instance, as the command line and its workers open it. What is run on it is `runs`' business."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from typing import Any, Final

import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef

from stock_assets.errors import HomeUnwritable
from stock_assets.resources.compute_logs import captured_only
from stock_assets.resources.sqlite_storage import kept_open
from stock_assets.settings import PipelineSettings

INSTANCE: Final = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "concurrency": {"runs": {"max_concurrent_runs": 2}},
}
# An instance that says one of these keeps its history its own way.
STORAGE: Final = frozenset({"storage", "run_storage", "event_log_storage", "compute_logs", "instance_class"})


def open_instance(settings: PipelineSettings) -> DagsterInstance:
    """The home's instance, made if need be; several processes may do so at once."""
    try:
        settings.dagster.mkdir(parents=True, exist_ok=True)
        with (settings.dagster / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            config = settings.dagster / "dagster.yaml"
            if not config.exists():
                # JSON is YAML too.
                config.write_text(json.dumps(INSTANCE, indent=2), "utf-8")
            overrides = _quicker(settings, told=yaml.safe_load(config.read_text("utf-8")) or {})
            return DagsterInstance.from_ref(InstanceRef.from_dir(str(settings.dagster), overrides=overrides))
    except OSError as error:
        raise HomeUnwritable(f"home: expected a writable folder, got {settings.home} ({error.strerror})") from error


def _quicker(settings: PipelineSettings, *, told: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the same instance cost less in our own processes; one that names storage of its own is left alone."""
    quicker = captured_only(settings.dagster / "storage") | kept_open(settings.dagster / "history")
    return quicker if not STORAGE & set(told) else {}
