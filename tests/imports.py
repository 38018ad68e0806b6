"""What importing a module brings along, seen in a process of its own."""

from __future__ import annotations

import subprocess
import sys


def imported_by(module: str, *, among: set[str]) -> list[str]:
    """Which of the top-level packages `among` are loaded once `module` is."""
    script = f"import sys, {module}; print(*sorted({among!r} & {{name.split('.')[0] for name in sys.modules}}))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return ended.stdout.split()
