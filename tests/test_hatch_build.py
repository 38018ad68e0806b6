"""When the dashboard is built and when it is left, and what a wheel has of it.

Most of it on a small project with the real npm and the wheel's real Node, in which a few lines stand for Vite: what is
tested is the hook. Its `vite` is a folder inside the project, so that npm needs no network.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from dashboard_build import REPOSITORY, SOURCES, bundle, hatch_build

# Puts the sources together and says how often it was run. `HANG` in one of them: half is written, then nothing more.
VITE = """
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
const [command, flag, folder, empty] = process.argv.slice(2);
if (command !== "build" || flag !== "--outDir" || empty !== "--emptyOutDir") throw new Error(process.argv.join(" "));
appendFileSync("runs.log", `${process.version}\\n`);
const source = readFileSync("src/main.ts", "utf8");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
if (source.includes("BROKEN")) {
  console.log("transforming");
  console.error("src/main.ts:1: BROKEN is not defined");
  process.exit(1);
}
writeFileSync(`${folder}/half.js`, "half");
if (source.includes("HANG")) setInterval(() => {}, 1000);
else writeFileSync(`${folder}/index.html`, source + (existsSync("public/robots.txt") ? " with robots" : ""));
"""
PACKAGE = {"name": "tiny", "private": True, "type": "module", "devDependencies": {"vite": "file:vendor/vite"}}
LOCK = {
    "name": "tiny",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "tiny", "devDependencies": {"vite": "file:vendor/vite"}},
        "node_modules/vite": {"resolved": "vendor/vite", "link": True},
        "vendor/vite": {"name": "vite", "version": "1.0.0", "dev": True},
    },
}


class Project:
    """A dashboard of one source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("package.json", json.dumps(PACKAGE))
        self.write("package-lock.json", json.dumps(LOCK))
        self.write("vendor/vite/package.json", json.dumps({"name": "vite", "version": "1.0.0", "type": "module"}))
        self.write("vendor/vite/bin/vite.js", VITE)
        self.write("index.html", "<!doctype html>")
        self.write("src/main.ts", "first")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def build(self) -> bool:
        built: bool = hatch_build().build(self.folder)
        return built

    def built(self) -> str:
        """What the bundle was made of."""
        return (self.folder / "dist" / "index.html").read_text()

    def runs(self) -> int:
        """How often Vite was run."""
        return len((self.folder / "runs.log").read_text().splitlines())


@pytest.fixture(scope="module")
def npm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So that npm leaves the user's own alone."""
    return tmp_path_factory.mktemp("npm")


@pytest.fixture
def project(tmp_path: Path, npm_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that has been built once."""
    monkeypatch.setenv("npm_config_cache", str(npm_cache))
    made = Project(tmp_path)
    assert made.build()
    assert made.built() == "first"
    return made


def test_it_is_built_by_the_node_of_the_wheel(project):
    version = subprocess.run([hatch_build()._wheel() / "bin" / "node", "--version"], capture_output=True, text=True)

    assert (project.folder / "runs.log").read_text() == version.stdout


def test_a_fresh_bundle_is_left_as_it_is(project):
    assert not project.build()
    assert project.runs() == 1


def test_a_source_that_was_only_touched_is_the_same(project):
    os.utime(project.folder / "src" / "main.ts")

    assert not project.build()


def test_a_changed_source_is_built(project):
    project.write("src/main.ts", "second")

    assert project.build()
    assert project.built() == "second"


def test_an_added_and_a_removed_source_are_built(project):
    project.write("public/robots.txt", "")
    assert project.build()
    assert project.built() == "first with robots"

    (project.folder / "public" / "robots.txt").unlink()
    assert project.build()
    assert project.built() == "first"


def test_a_renamed_source_is_built(project):
    project.write("src/a.ts", "")
    project.build()

    (project.folder / "src" / "a.ts").rename(project.folder / "src" / "b.ts")

    assert project.build()


@pytest.mark.parametrize("name", ["src/main.test.ts", "src/parts/row.test.tsx", "README.md"])
def test_what_a_bundle_is_not_made_of_does_not_matter(project, name):
    project.write(name, "anything")

    assert not project.build()


def test_another_lockfile_brings_its_packages(project):
    project.write("vendor/other/package.json", json.dumps({"name": "other", "version": "1.0.0"}))
    package = PACKAGE | {"dependencies": {"other": "file:vendor/other"}}
    lock = LOCK | {
        "packages": LOCK["packages"]
        | {
            "": package,
            "node_modules/other": {"resolved": "vendor/other", "link": True},
            "vendor/other": {"name": "other", "version": "1.0.0"},
        }
    }
    project.write("package.json", json.dumps(package))
    project.write("package-lock.json", json.dumps(lock))

    assert project.build()
    assert (project.folder / "node_modules" / "other" / "package.json").exists()


def test_a_lockfile_that_does_not_fit_is_refused_in_npm_s_words(project):
    project.write("package.json", json.dumps(PACKAGE | {"dependencies": {"other": "1.0.0"}}))
    project.write("package-lock.json", json.dumps(LOCK | {"version": "2"}))

    with pytest.raises(hatch_build().BuildFailed, match=r"npm-cli\.js ci [^\n]*exit 1[\s\S]*Missing: other"):
        project.build()

    assert project.built() == "first"


def test_a_failed_build_says_what_failed_and_leaves_the_bundle(project):
    project.write("src/main.ts", "BROKEN")

    with pytest.raises(hatch_build().BuildFailed) as raised:
        project.build()

    said = str(raised.value)
    assert "vite.js build --outDir dist.next --emptyOutDir" in said
    assert "src/main.ts:1: BROKEN is not defined" in said
    assert "transforming" in said
    assert "STOCK_ASSETS_DASHBOARD=skip" in said
    assert project.built() == "first"


def test_what_failed_is_tried_again(project):
    project.write("src/main.ts", "BROKEN")
    with pytest.raises(hatch_build().BuildFailed):
        project.build()

    project.write("src/main.ts", "mended")

    assert project.build()
    assert project.built() == "mended"


def test_a_build_that_was_cut_short_leaves_the_bundle_and_the_next_one_is_whole(project):
    project.write("src/main.ts", "HANG")
    script = f"import sys, pathlib; sys.path.insert(0, {str(REPOSITORY)!r}); import hatch_build"
    building = subprocess.Popen(
        [sys.executable, "-c", f"{script}; hatch_build.build(pathlib.Path({str(project.folder)!r}))"],
        start_new_session=True,
    )
    try:
        _until_there(project.folder / "dist.next" / "half.js", building)
    finally:
        os.killpg(building.pid, signal.SIGKILL)
        building.wait()

    assert project.built() == "first"

    project.write("src/main.ts", "after")

    assert project.build()
    assert project.built() == "after"
    assert not (project.folder / "dist.next").exists()


def test_two_builds_at_a_time_are_one(project):
    project.write("src/main.ts", "second")
    script = f"import sys, pathlib; sys.path.insert(0, {str(REPOSITORY)!r}); import hatch_build"
    command = [sys.executable, "-c", f"{script}; print(hatch_build.build(pathlib.Path({str(project.folder)!r})))"]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    assert sorted(process.communicate()[0].strip() for process in both) == ["False", "True"]
    assert project.runs() == 2


def test_the_hook_builds_unless_it_is_told_not_to(tmp_path, npm_cache, monkeypatch):
    monkeypatch.setenv("npm_config_cache", str(npm_cache))
    project = Project(tmp_path / hatch_build().DASHBOARD)
    hook = hatch_build().DashboardHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel")

    monkeypatch.setenv("STOCK_ASSETS_DASHBOARD", "skip")
    hook.initialize("standard", {})
    assert not (project.folder / "dist").exists()

    monkeypatch.delenv("STOCK_ASSETS_DASHBOARD")
    hook.initialize("standard", {})
    assert project.built() == "first"


@pytest.mark.parametrize(("told", "built"), [("skip", False), ("", True)])
def test_by_hand_it_builds_unless_it_is_told_not_to(tmp_path, npm_cache, told, built):
    project = Project(tmp_path / hatch_build().DASHBOARD)
    script = shutil.copy(REPOSITORY / "hatch_build.py", tmp_path)
    environment = os.environ | {"npm_config_cache": str(npm_cache), "STOCK_ASSETS_DASHBOARD": told}

    said = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)

    assert (project.folder / "dist" / "index.html").exists() == built
    assert said.stdout == ("dashboard: built\n" if built else "")


def test_packages_whose_bringing_was_cut_short_are_brought_again(project):
    lock = (project.folder / "package-lock.json").read_text()
    project.write("package-lock.json", lock + " ")
    project.write("package.json", json.dumps(PACKAGE | {"dependencies": {"other": "1.0.0"}}))
    with pytest.raises(hatch_build().BuildFailed, match="npm-cli"):
        project.build()
    (project.folder / "node_modules" / "vite").unlink(missing_ok=True)

    project.write("package-lock.json", lock)
    project.write("package.json", json.dumps(PACKAGE))
    project.write("src/main.ts", "second")

    assert project.build()
    assert project.built() == "second"


def test_a_bundle_is_replaced_whole_and_nothing_of_the_one_before_stays(project):
    (project.folder / "dist" / "of-the-first.js").write_text("")
    (project.folder / "dist.old").mkdir()
    (project.folder / "dist.old" / "of-one-cut-short.js").write_text("")
    project.write("src/main.ts", "second")

    assert project.build()

    assert not (project.folder / "dist" / "of-the-first.js").exists()
    assert [path.name for path in project.folder.glob("dist*")] == ["dist"]


def test_the_lockfile_names_no_addresses():
    packages = json.loads((SOURCES / "package-lock.json").read_text())["packages"]

    assert not {name for name, package in packages.items() if "resolved" in package}
    assert all("integrity" in package for name, package in packages.items() if name)


def test_every_source_is_one_that_there_is():
    names = hatch_build().SOURCES

    assert not [name for name in names if not (SOURCES / name).exists()]


@pytest.mark.slow
def test_a_wheel_has_what_is_served_and_none_of_what_it_was_made_from(tmp_path):
    built = bundle()

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=REPOSITORY, check=True
    )

    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("serving/dashboard/")]
    there = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert {name.removeprefix("serving/dashboard/dist/") for name in names} == there
    assert {"index.html", "index.html.br", "sw.js", "app.webmanifest"} <= there
    assert zipfile.ZipFile(wheel).getinfo("serving/bundle.py")


def _until_there(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < deadline, f"{path.name} never came"
