"""JupyterLab or Notebook 7 on loopback, a caged Chromium in front of it: what only a real front end can show."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.eventually import eventually
from tests.free_port import free_port
from tests.notebook.leaks import leaks, live_tokens

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

CHROMIUM = shutil.which("chromium")
BROWSER_MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="NO BROWSER TEST RAN: chromium is not installed (apt-get install chromium)",
    ),
    pytest.mark.timeout(120),  # the browser's start and the server's count too
]
SECONDS = 30.0
"""How long a browser may take for what it does in a few: the machine may be busy."""

SHOTS_VARIABLE = "BLAZEN_NB_SHOTS"

_BROWSER_OPTIONS = [
    "--no-sandbox",  # containers run as root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
_STATE = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    if (!kernel || !panel.sessionContext.isReady || kernel.connectionStatus !== 'connected') return 'no kernel';
    if (!document.querySelector('.jp-Notebook .jp-CodeCell')) return 'no cells';
    const waits = [...document.querySelectorAll('.jp-InputPrompt')].some(p => p.textContent.includes('[*]'));
    return waits ? 'busy' : kernel.status;
}"""
_GROUND = "() => getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim()"
_CHANGE_THEME = (
    "async theme => { await window.jupyterapp.commands.execute('apputils:change-theme', {theme}); }"
)
_RUN = """([first, last]) => {
    const cells = window.jupyterapp.shell.currentWidget.content;
    cells.deselectAll();
    cells.activeCellIndex = first;
    if (last > first) cells.extendContiguousSelectionTo(last);
    window.jupyterapp.commands.execute('notebook:run-cell');
}"""


@dataclass(frozen=True)
class Flavour:
    """What differs between the two front ends."""

    name: str
    module: str
    options: tuple[str, ...]
    page: str
    """Where a notebook of this name is shown."""
    flaws: tuple[str, ...] = ()
    """Errors of its own that its pages report whatever they show."""


LAB = Flavour(
    "JupyterLab",
    "jupyterlab",
    (
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",
    ),
    "lab/tree/{name}?reset",
)
# An option that Notebook does not know, such as those above, makes it forget this one, too.
NOTEBOOK = Flavour(
    "Notebook",
    "notebook",
    ("--JupyterNotebookApp.expose_app_in_browser=True",),
    "notebooks/{name}?",
    ("Cannot read properties of undefined (reading 'schema')",),
)


class Lab:
    """A Jupyter server whose notebooks lie in ``folder``."""

    def __init__(self, folder: Path, flavour: Flavour = LAB) -> None:
        self.folder = folder
        self.flavour = flavour
        self._token = secrets.token_hex(16)
        self._port = free_port()

    @contextmanager
    def serving(self) -> Iterator[Lab]:
        """The server answers; at the end it and its kernels are gone."""
        log = self.folder / "lab.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self._command(), cwd=self.folder, stdout=file, stderr=file, env=self._environment()
            )
            try:
                self._wait(process, log)
                yield self
            finally:
                process.terminate()
                process.wait(SECONDS)

    def url(self, name: str) -> str:
        """Where the browser finds the notebook."""
        page = self.flavour.page.format(name=name)
        return f"http://127.0.0.1:{self._port}/{page}&token={self._token}"

    def write(self, name: str, cells: list[str]) -> Path:
        """A notebook with these cells lies in the folder."""
        notebook = new_notebook(  # type: ignore[no-untyped-call]
            cells=[new_code_cell(text) for text in cells],  # type: ignore[no-untyped-call]
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        path = self.folder / name
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
        return path

    def use_theme(self, *, dark: bool) -> None:
        """Pages that are opened from now on have JupyterLab's dark theme, or its light one."""
        folder = self.folder / "settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        (folder / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            self.flavour.module,
            f"--ServerApp.root_dir={self.folder}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.allow_root=True",
            "--ServerApp.open_browser=False",
            f"--IdentityProvider.token={self._token}",
            *self.flavour.options,
        ]

    def _environment(self) -> dict[str, str]:
        config = self.folder / "config"
        (config / "labconfig").mkdir(parents=True)
        # No question about news in the way of the first click.
        asks = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (config / "labconfig" / "page_config.json").write_text(json.dumps(asks))
        # Every cell is in the page, also one that is out of sight.
        tracker = self.folder / "settings" / "@jupyterlab" / "notebook-extension"
        tracker.mkdir(parents=True)
        whole = {"windowingMode": "none"}
        (tracker / "tracker.jupyterlab-settings").write_text(json.dumps(whole))
        own = {
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.folder / "workspaces"),
        }
        return {**os.environ, **own}

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                api = f"http://127.0.0.1:{self._port}/api?token={self._token}"
                urllib.request.urlopen(api, timeout=1).close()
            except (urllib.error.URLError, OSError):
                continue
            return
        raise RuntimeError(f"{self.flavour.name} did not start:\n{log.read_text()[-3000:]}")


class Notebook:
    """A notebook in the browser."""

    def __init__(self, page: Page, path: Path, flavour: Flavour) -> None:
        self.page = page
        self.path = path
        self.flavour = flavour

    def run_all(self) -> None:
        """All cells are told to run; the kernel is there."""
        self._wait_for("idle")
        self._command("notebook:run-all-cells")

    def run(self, first: int, last: int | None = None) -> None:
        """The cell, or all from the first to the last, are told to run."""
        self._wait_for("idle")
        self.page.evaluate(_RUN, [first, first if last is None else last])

    def restart_kernel(self) -> None:
        """A new kernel process is there; what ran in the old one is gone with it."""
        restart = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }"
        self.page.evaluate(restart)
        self._wait_for("idle")

    def wait_until_idle(self) -> None:
        """No cell runs or waits."""
        self._wait_for("idle")

    def press_stop(self) -> None:
        """The button of the toolbar was clicked."""
        self.page.click(
            '[data-command="notebook:interrupt-kernel"], [title^="Interrupt the kernel"]'
        )

    def saved(self) -> Any:
        """The notebook as it lies on disk after saving."""
        save = "async () => { await window.jupyterapp.commands.execute('docmanager:save'); }"
        self.page.evaluate(save)
        assert leaks(self.path, live_tokens()) == []
        return nbformat.read(self.path, as_version=4)  # type: ignore[no-untyped-call]

    def outputs(self, cell: int) -> str:
        """The text in the outputs of the cell, as a reader sees it."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea").inner_text()

    def shot(self, cell: int, name: str) -> None:
        """Pictures of the cell's outputs, light and dark, where BLAZEN_NB_SHOTS names a folder for them."""
        if not (folder := os.environ.get(SHOTS_VARIABLE)):
            return
        area = self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea")
        for theme in ("Dark", "Light"):
            self.page.evaluate(_CHANGE_THEME, f"JupyterLab {theme}")
            # The body says the theme's name before its style sheet is there.
            ground = "white" if theme == "Light" else "#111"
            eventually(lambda ground=ground: str(self.page.evaluate(_GROUND)).startswith(ground))  # type: ignore[misc]
            self.page.wait_for_selector("#jupyterlab-splash", state="detached")
            area.screenshot(path=Path(folder) / f"{name}-{self.flavour.name}-{theme}.png")

    def _command(self, name: str) -> None:
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def _wait_for(self, wanted: str) -> None:
        # Once is not enough: the page says idle before its session has settled.
        deadline, seen = time.monotonic() + SECONDS, 0
        while seen < 5:
            state = self.page.evaluate(_STATE)
            seen = seen + 1 if state == wanted else 0
            if time.monotonic() > deadline:
                raise TimeoutError(f"the notebook is {state}, not {wanted}")
            self.page.wait_for_timeout(50)


class Browser:
    """A Chromium that reaches loopback only, and remembers what it was refused and what went wrong in its pages."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.refused: list[str] = []
        self.errors: list[str] = []
        self._flaws: tuple[str, ...] = ()
        self._file = ""
        page.context.route("**/*", self._gate)
        page.on("pageerror", lambda error: self._note(str(error)))

    def open(self, lab: Lab, path: Path) -> Notebook:
        """The notebook is open in the browser."""
        self._flaws = lab.flavour.flaws
        self.page.goto(lab.url(path.name))
        return Notebook(self.page, path, lab.flavour)

    @contextmanager
    def file_open(self, path: Path) -> Iterator[Page]:
        """A page of its own shows the HTML file; what it asks for beside itself is refused and noted."""
        self._file = path.as_uri()
        page = self.page.context.new_page()
        try:
            page.goto(self._file)
            yield page
        finally:
            page.close()

    def _note(self, error: str) -> None:
        if error not in self._flaws:
            self.errors.append(error)

    def _gate(self, route: Route) -> None:
        url = route.request.url
        if url == self._file or url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            self.refused.append(url)
            route.abort()


@contextmanager
def chromium(dark: bool = False) -> Iterator[Browser]:
    """A browser with one page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=_BROWSER_OPTIONS
        )
        try:
            context = program.new_context(
                viewport={"width": 1200, "height": 1000}, color_scheme="dark" if dark else "light"
            )
            page = context.new_page()
            yield Browser(page)
        finally:
            program.close()
