"""How a run's stdout and stderr get to Dagster's pages: straight into the run's files.

Dagster's own manager also shows them where they went before, through two `tail` processes a stream. In a worker, whose
output nobody watches, that is a fifth of what a short run costs.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

OUT: Final = "out"
ERR: Final = "err"


class CapturedOnly(LocalComputeLogManager):
    """Keeps what a run writes in files of the same names as Dagster's own manager, which therefore shows them."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> CapturedOnly:
        """As Dagster makes it of an instance's configuration."""
        return cls(inst_data=inst_data, **config_value)

    @contextlib.contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Send this process's stdout and stderr to the key's files for as long as it lasts."""
        out, err = (Path(self.get_captured_local_path(log_key, kind)) for kind in (OUT, ERR))
        out.parent.mkdir(parents=True, exist_ok=True)
        with redirect_to_file(sys.stdout, str(out)), redirect_to_file(sys.stderr, str(err)):
            yield CapturedLogContext(log_key)
        Path(self.complete_artifact_path(log_key)).touch()  # type: ignore[no-untyped-call]


def captured_only(folder: Path) -> dict[str, Any]:
    """The instance's configuration that chooses it, for the folder that Dagster keeps such files in."""
    return {"compute_logs": {"module": __name__, "class": CapturedOnly.__name__, "config": {"base_dir": str(folder)}}}
