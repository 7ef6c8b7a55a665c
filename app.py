"""The ASGI app: Streamlit over cs_ml/ui/main.py, with our routes and headers. `streamlit run app.py` serves it."""

from pathlib import Path

import streamlit as st

from cs_ml.ui.frame import show_failure
from cs_ml.ui.web import routes

app = st.App(Path(__file__).parent / "cs_ml" / "ui" / "main.py", routes=routes(), on_script_error=show_failure)
