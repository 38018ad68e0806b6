"""The dashboard's weight and speed in a real Chromium: what is loaded, when it can be used, what it takes to run.

The whole path runs: ticks over a real Valkey through the engine to one gateway and its page. Then, in the same run, a
bare page that takes the same frames from the same gateway, parses them and shows nothing.
`python benchmarks/dashboard.py [--loads N] [--minutes M] [--tickers N] [--json]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[1]
# This file's folder comes first on the path, and would make benchmarks/serving.py the package of its name.
sys.path[0] = str(REPOSITORY)
sys.path.insert(1, str(REPOSITORY / "tests"))

from real_browser import FLAGS, GIVEN, program  # noqa: E402

from benchmarks.load.callers import Server  # noqa: E402
from benchmarks.load.live_home import TICKERS, closes, engine, prepared  # noqa: E402
from benchmarks.stream import HERTZ, Feed, gateway, wait_for_first_price  # noqa: E402
from serving import bundle  # noqa: E402

THROTTLE = 4
QUIET_SECONDS = 1.0
SAMPLE_SECONDS = 30.0
FLOOR_SECONDS = 60.0
TARGET_JS_KB = 120.0
TARGET_PAINT_MS = 1000.0
TARGET_INTERACTIVE_MS = 2000.0
# Of use is a page with prices in the watchlist and candles on the canvas.
USABLE = """() => [...document.querySelectorAll(".market-last")].some((cell) => /\\d/.test(cell.textContent))
  && document.querySelector(".market-canvas canvas") !== null"""
QUIET = f"() => performance.now() - Math.max(0, ...__long) > {1e3 * QUIET_SECONDS}"

# Paint and long tasks from the start on; the frame in which the page became usable.
WATCH = """
window.__long = [];
new PerformanceObserver((list) => { for (const e of list.getEntries()) __long.push(e.startTime + e.duration); })
  .observe({ type: "longtask", buffered: true });
window.__shift = 0;
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) __shift += e.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
PAINTED = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime'
BARE = """() => {
window.__taken = 0;
const socket = new WebSocket(location.origin.replace("http", "ws") + "/v1/stream");
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data);
  if (frame.type === "hello") socket.send('{"type":"subscribe"}');
  if (frame.type === "delta") window.__taken += frame.messages.length;
};
}"""


def sizes(folder: Path) -> dict[str, float]:
    """KB of what a browser is sent, gzipped and with Brotli."""
    files = bundle.load(folder)
    if not files:
        raise SystemExit("dashboard: expected a bundle, found none; make bundle")
    found: dict[str, float] = {}
    for kind in ("js", "css"):
        of_kind = [file for name, file in files.items() if name.endswith(f".{kind}")]
        for encoding in ("gzip", "br"):
            found[f"{kind}_{encoding}_kb"] = (
                sum(len(file.encoded.get(encoding, file.identity)) for file in of_kind) / 1e3
            )
    return found


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The real browser."""
    path = program()
    if path is None:
        raise SystemExit(f"chromium: expected it on the path or in {GIVEN}, found none")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def load(browser: Browser, url: str, *, throttle: int) -> dict[str, float]:
    """One load with nothing cached: ms to the first paint, and until it is usable and the main thread quiet."""
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 900})) as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": throttle})
        page.add_init_script(WATCH)
        sent = _bytes_received(session)
        page.goto(url, wait_until="commit")
        page.wait_for_function(USABLE)
        usable = page.evaluate("performance.now()")
        page.wait_for_function(QUIET)
        last = page.evaluate("Math.max(0, ...__long)")
        return {
            "paint_ms": page.evaluate(PAINTED),
            "interactive_ms": max(usable, last),
            "shift": page.evaluate("__shift"),
            "received_kb": sent[0] / 1e3,
        }


def _bytes_received(session: CDPSession) -> list[float]:
    """Grows with every byte that comes over the network."""
    total = [0.0]
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: total.__setitem__(0, total[0] + event["encodedDataLength"]))
    return total


def loads(browser: Browser, url: str, *, throttle: int, times: int) -> dict[str, float]:
    """The median of several, the first left out: it fills the server's caches."""
    each = [load(browser, url, throttle=throttle) for _ in range(times + 1)][1:]
    return {name: statistics.median(one[name] for one in each) for name in each[0]}


class Renderer:
    """The process that draws a page, found by what it does: the browser says which process is which page's."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable")
        self.session.send("HeapProfiler.enable")

    def look(self) -> dict[str, float]:
        """Main-thread seconds so far, and MB of heap after a collection."""
        self.session.send("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in self.session.send("Performance.getMetrics")["metrics"]}
        return {
            "task_seconds": metrics["TaskDuration"],
            "script_seconds": metrics["ScriptDuration"],
            "heap_mb": metrics["JSHeapUsedSize"] / 1e6,
            "nodes": metrics["Nodes"],
            "listeners": metrics["JSEventListeners"],
        }


def browser_processes() -> list[psutil.Process]:
    """Of ours: every Chromium process below this one."""
    return [child for child in psutil.Process().children(recursive=True) if "chrom" in child.name()]


def processor_seconds() -> float:
    """Of all of Chromium, GPU work done in software included."""
    total = 0.0
    for process in browser_processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system
    return total


def resident_mb() -> float:
    """Of its largest renderer."""
    found = [0.0]
    for process in browser_processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "--type=renderer" in process.cmdline():
                found.append(process.memory_info().rss / 1e6)
    return max(found)


def soak(page: Page, *, seconds: float) -> dict[str, Any]:
    """What a page that is looked at takes meanwhile, sampled."""
    renderer, samples = Renderer(page), []
    renderer.look()
    begun, busy, used = time.monotonic(), renderer.look(), processor_seconds()
    while (gone := time.monotonic() - begun) < seconds:
        page.wait_for_timeout(1e3 * min(SAMPLE_SECONDS, seconds - gone))
        samples.append({"at": time.monotonic() - begun, **renderer.look(), "rss_mb": resident_mb()})
    took, now = time.monotonic() - begun, samples[-1]
    return {
        "seconds": took,
        "main_thread_share": (now["task_seconds"] - busy["task_seconds"]) / took,
        "script_share": (now["script_seconds"] - busy["script_seconds"]) / took,
        "processor_share": (processor_seconds() - used) / took,
        "samples": samples,
    }


@contextlib.contextmanager
def ticking(feed: Feed) -> Iterator[None]:
    """Every ticker, ten times a second, until the end."""
    over = threading.Event()

    def run() -> None:
        begun, turn = time.monotonic(), 0
        while not over.wait(max(0.0, begun + turn / HERTZ - time.monotonic())):
            feed.tick()
            turn += 1

    thread = threading.Thread(target=run, name="feed")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def live(browser: Browser, server: Server, feed: Feed, *, seconds: float) -> dict[str, Any]:
    """The market page, then the bare page, each told the same."""
    with ticking(feed):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(WATCH)
        page.goto(server.url + "/market")
        page.get_by_text("Live", exact=True).first.wait_for()
        ours = soak(page, seconds=seconds)
        ours["long_tasks"] = page.evaluate("__long.length")
        ours["shift"] = page.evaluate("__shift")
        page.close()
        bare = browser.new_page()
        bare.goto(server.url + "/livez")
        bare.evaluate(BARE)
        bare.wait_for_function("() => __taken > 0")
        taken = bare.evaluate("__taken")
        floor = soak(bare, seconds=min(FLOOR_SECONDS, seconds))
        floor["messages_per_second"] = (bare.evaluate("__taken") - taken) / floor["seconds"]
        bare.close()
    return {"ours": ours, "bare": floor}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Everything, in turn."""
    tickers = [*TICKERS, *(f"TWIN{k:02d}" for k in range(options.tickers - len(TICKERS)))][: options.tickers]
    found: dict[str, Any] = {"size": sizes(bundle.FOLDER)}
    with prepared(tickers) as (home, valkey):
        feed = Feed(valkey.url, {ticker: close for ticker, close in closes(home).items() if ticker in tickers})
        with engine(home, valkey), gateway(home, valkey) as server, chromium() as browser:
            wait_for_first_price(server, feed)
            url = server.url + "/market"
            found["full_speed"] = loads(browser, url, throttle=1, times=options.loads)
            found["throttled"] = loads(browser, url, throttle=THROTTLE, times=options.loads)
            if options.minutes:
                found["live"] = live(browser, server, feed, seconds=60.0 * options.minutes)
    return found


def table(found: dict[str, Any]) -> str:
    """The results for a person."""
    size, fast, slow = found["size"], found["full_speed"], found["throttled"]
    rows = [
        ("JavaScript, all of it", f"{size['js_gzip_kb']:.1f} KB gzip", f"target <= {TARGET_JS_KB:g}"),
        ("  the same by Brotli", f"{size['js_br_kb']:.1f} KB", ""),
        ("styles", f"{size['css_gzip_kb']:.1f} KB gzip", ""),
        ("first load receives", f"{fast['received_kb']:.1f} KB", "answers of the API included"),
        ("first paint", f"{fast['paint_ms']:.0f} ms", f"target < {TARGET_PAINT_MS:g}"),
        (f"  at {THROTTLE}x throttle", f"{slow['paint_ms']:.0f} ms", ""),
        ("interactive", f"{fast['interactive_ms']:.0f} ms", ""),
        (f"  at {THROTTLE}x throttle", f"{slow['interactive_ms']:.0f} ms", f"target < {TARGET_INTERACTIVE_MS:g}"),
        ("layout shift", f"{slow['shift']:.3f}", f"at {THROTTLE}x throttle"),
    ]
    if "live" in found:
        rows += _live_rows(**found["live"])
    return "\n".join(f"{label:28s} {value:>14s}   {more}".rstrip() for label, value, more in rows)


def _live_rows(ours: dict[str, Any], bare: dict[str, Any]) -> list[tuple[str, str, str]]:
    first, last, floor = ours["samples"][0], ours["samples"][-1], bare["samples"][-1]
    then = f"after {first['at']:.0f} s; {{}} at the end"
    return [
        ("told", f"{bare['messages_per_second']:.0f} messages/s", f"for {ours['seconds'] / 60:.1f} minutes"),
        ("  main thread busy", f"{ours['main_thread_share']:.1%}", f"bare page {bare['main_thread_share']:.1%}"),
        ("  all of Chromium", f"{ours['processor_share']:.2f} cores", f"bare page {bare['processor_share']:.2f}"),
        ("  heap after collection", f"{first['heap_mb']:.1f} MB", then.format(f"{last['heap_mb']:.1f}")),
        ("  of the bare page", f"{floor['heap_mb']:.1f} MB", ""),
        ("  renderer resident", f"{first['rss_mb']:.0f} MB", then.format(f"{last['rss_mb']:.0f}")),
        ("  DOM nodes", f"{first['nodes']:.0f}", then.format(f"{last['nodes']:.0f}")),
        ("  tasks over 50 ms", f"{ours['long_tasks']}", ""),
        ("  layout shift", f"{ours['shift']:.3f}", ""),
    ]


def main() -> int:
    """Run and print; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1.0, help="of live ticking; the figures of record are of 10")
    parser.add_argument("--tickers", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run(options)
    print(json.dumps(found, indent=1) if options.json else table(found))
    met = found["size"]["js_gzip_kb"] <= TARGET_JS_KB and found["full_speed"]["paint_ms"] < TARGET_PAINT_MS
    return 0 if met and found["throttled"]["interactive_ms"] < TARGET_INTERACTIVE_MS else 1


if __name__ == "__main__":
    sys.exit(main())
