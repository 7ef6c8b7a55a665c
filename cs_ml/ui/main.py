"""The script behind every address: who is here, and which pages there are for them."""

from pathlib import Path

import streamlit as st

from cs_ml.ui.frame import draw_frame
from cs_ml.ui.runtime import signed_in

ROOT = Path(__file__).parents[2]
ICON = Path(__file__).parent / "static" / "icon.svg"
# File in pages/, title, and address; the first is the start page. A page shows itself only to whom it is for.
PAGES = (
    ("portfolio.py", "Portfolio", "portfolio"),
    ("account.py", "Account", "account"),
)


def run() -> None:
    found = signed_in()
    files = [(ROOT / "pages" / file, title, path) for file, title, path in PAGES]
    if found is None:
        # The same addresses, so that a link leads where it points once the user has signed in.
        sign_in = ROOT / "pages" / "sign_in.py"
        pages = [st.Page(sign_in, title="Sign in", default=True)]
        pages += [st.Page(sign_in, title="Sign in", url_path=path) for _, _, path in PAGES[1:]]
        page = st.navigation(pages, position="hidden")
    else:
        pages = [
            st.Page(file, title=title, url_path=path, default=number == 0)
            for number, (file, title, path) in enumerate(files)
            if file.exists()
        ]
        page = st.navigation(pages, position="top")
    st.set_page_config(page_title=f"{page.title} — CS ML", page_icon=str(ICON), layout="wide")
    if found is not None:
        draw_frame(found)
    page.run()


run()
