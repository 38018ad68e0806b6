"""The real nginx with the configuration that we ship, in front of two servers on ports of a test's own."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from real_server import LOOPBACK, REPOSITORY, free_port

SHIPPED = REPOSITORY / "deploy" / "nginx" / "stock-assets.conf"
# Everything that nginx writes goes into the test's folder; a single process, which the test can end.
AROUND = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr notice;
events {{ worker_connections 4096; }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include {configuration};
}}
"""


def program() -> str | None:
    """Where nginx is; None where it isn't installed. Debian puts it where only root's PATH looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx(folder: Path, *ports: int) -> Iterator[str]:
    """nginx in front of servers on two ports; gives the URL to ask. Its errors are in ``error.log`` of the folder."""
    listening = free_port()
    text = SHIPPED.read_text()
    for shipped, own in (("127.0.0.1:8001", ports[0]), ("127.0.0.1:8002", ports[1])):
        assert text.count(f"server {shipped} ") == 2
        text = text.replace(f"server {shipped} ", f"server {LOOPBACK}:{own} ")
    text, listens = re.subn(r"listen 8000;", f"listen {LOOPBACK}:{listening};", text)
    assert listens == 1
    (folder / "stock-assets.conf").write_text(text)
    (folder / "nginx.conf").write_text(AROUND.format(configuration=folder / "stock-assets.conf"))
    with (folder / "error.log").open("w") as errors:
        command = [program() or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        process = subprocess.Popen(command, stdout=errors, stderr=errors)
    try:
        while not _listens(listening):
            assert process.poll() is None, (folder / "error.log").read_text()
        yield f"http://{LOOPBACK}:{listening}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
