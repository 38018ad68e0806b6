"""Built files as they are sent: which bytes, to whom, and for how long they may be kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bundle import StaticFile, load, media_type, static_file

SCRIPT = "assets/index-0a1b2c3d.js"
PLAIN, GZIP, BROTLI = b"plain bytes", b"gzip's", b"brotli's"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built bundle: compressed twins of the script, none of the picture."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_bytes(b"<!doctype html>")
    (tmp_path / "icon.svg").write_bytes(b"<svg/>")
    (tmp_path / ".sources").write_text("digest")
    for suffix, content in (("", PLAIN), (".gz", GZIP), (".br", BROTLI)):
        (tmp_path / f"{SCRIPT}{suffix}").write_bytes(content)
    return tmp_path


@pytest.fixture
def script(folder: Path) -> StaticFile:
    return load(folder)[SCRIPT]


def sent(file: StaticFile, *, accept: str = "", held: str | None = None):
    return file.response(accept=accept, held=held, headers={"x-ours": "1"})


def test_a_bundle_has_every_file_once_and_no_hidden_one(folder):
    assert sorted(load(folder)) == [SCRIPT, "icon.svg", "index.html"]


def test_what_has_no_index_is_no_bundle(folder):
    (folder / "index.html").unlink()

    assert load(folder) == {}
    assert load(folder / "nowhere") == {}


@pytest.mark.parametrize(
    ("accept", "encoding", "body"),
    [
        ("", None, PLAIN),
        ("identity", None, PLAIN),
        ("gzip", "gzip", GZIP),
        ("GZip, deflate", "gzip", GZIP),
        ("gzip, deflate, br, zstd", "br", BROTLI),
        ("br;q=0.1, gzip;q=1.0", "br", BROTLI),
        ("br;q=0, gzip", "gzip", GZIP),
        ("br; q=0.000, gzip ;q=0", None, PLAIN),
        ("zstd", None, PLAIN),
    ],
)
def test_the_best_encoding_that_is_accepted_is_sent(script, accept, encoding, body):
    response = sent(script, accept=accept)

    assert response.headers.get("content-encoding") == encoding
    assert response.body == body
    assert response.headers["content-length"] == str(len(body))
    assert response.headers["vary"] == "accept-encoding"


def test_what_has_no_compressed_twin_is_sent_as_it_is(folder):
    response = sent(load(folder)["icon.svg"], accept="gzip, br")

    assert "content-encoding" not in response.headers
    assert response.body == b"<svg/>"


@given(accept=st.text(max_size=40))
def test_no_header_breaks_it(tmp_path_factory, accept):
    path = tmp_path_factory.getbasetemp() / "once.js"
    path.write_bytes(PLAIN)

    assert sent(static_file("once.js", path), accept=accept, held=accept).status_code in (200, 304)


@pytest.mark.parametrize("held", ["{etag}", '"another", {etag}', "{strong}", "*"])
def test_who_holds_the_file_gets_a_304_without_a_body(script, held):
    held = held.format(etag=script.etag, strong=script.etag.removeprefix("W/"))

    response = sent(script, accept="br", held=held)

    assert (response.status_code, response.body) == (304, b"")
    assert response.headers["etag"] == script.etag
    assert response.headers["x-ours"] == "1"
    assert "content-encoding" not in response.headers


def test_who_holds_another_gets_the_file(script):
    assert sent(script, held='"another"').status_code == 200


def test_a_tag_is_of_the_content(folder, script):
    (folder / SCRIPT).write_bytes(b"others")

    assert load(folder)[SCRIPT].etag != script.etag
    assert load(folder)["icon.svg"].etag != script.etag


def test_what_is_named_by_its_content_may_be_kept_for_ever_and_the_rest_is_asked_for_again(folder):
    kept = {name: sent(file).headers["cache-control"] for name, file in load(folder).items()}

    assert kept == {
        SCRIPT: "public, max-age=31536000, immutable",
        "icon.svg": "no-cache",
        "index.html": "no-cache",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boot.js", "text/javascript; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("app.webmanifest", "application/manifest+json"),
        ("icon-192.png", "image/png"),
        ("what.is-this", "application/octet-stream"),
    ],
)
def test_a_type_is_told_by_the_name(name, expected):
    assert media_type(name) == expected
