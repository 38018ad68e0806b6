"""Progress of many jobs at once: bars and names on a terminal, plain lines where there is none."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from stock_assets.cli.console import say, stderr
from stock_assets.workers import Died, Event, Finished, Started
from stock_assets.workers import Progress as Doing


class Board:
    """Shows how far `total` jobs are and which run just now; use it as a context manager."""

    def __init__(self, title: str, *, total: int) -> None:
        self._title = title
        self._running: dict[str, str] = {}
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[running]}", style="cyan"),
            console=stderr(),
            disable=not stderr().is_terminal,
        )
        self._task = self._bars.add_task(title, total=total, running="")

    def __enter__(self) -> Board:
        self._bars.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._running.clear()
        self._show()
        self._bars.stop()

    def hear(self, event: Event) -> None:
        """Take note of what has happened to a job."""
        match event:
            case Started(label):
                self._running[label] = ""
            case Doing(label, doing):
                self._running[label] = doing
            case Finished(label) | Died(label):
                self._running.pop(label, None)
                self._bars.advance(self._task)
        self._show()

    def note(self, line: str, *, style: str = "") -> None:
        """A line that stays, above the bars."""
        say(line, style=style)

    def _show(self) -> None:
        words = (f"{label} {doing}".strip() for label, doing in self._running.items())
        self._bars.update(self._task, running=" · ".join(words))
