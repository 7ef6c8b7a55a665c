"""The browser that is found is one that draws a page."""

import subprocess
from pathlib import Path

import pytest

from tests.support.browser import BROWSER_FLAGS, required_browser


def test_the_browser_draws_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>before</p><script>document.querySelector('p').textContent = 'after ' + 6 * 7</script>")
    command = [
        required_browser(),
        "--headless",
        *BROWSER_FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
    ]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert "<p>after 42</p>" in done.stdout


def test_a_missing_browser_is_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        required_browser()
