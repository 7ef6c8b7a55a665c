"""The command line starts without what only the app, the charts or the training need."""

import subprocess
import sys

HEAVY = {"streamlit", "pandas", "sklearn", "plotly", "openai", "alembic"}


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import sys, cs_ml.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    loaded = set(done.stdout.split())
    assert "sqlalchemy" in loaded
    assert loaded & HEAVY == set()
