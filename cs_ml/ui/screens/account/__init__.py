"""The pieces of the Account page.

What few readers open is drawn when they open it: a fragment around `st.popover`, `st.expander` or `st.tabs` with a key
and `on_change="rerun"`, and nothing asked for or drawn while `.open` is false (`chooser._draw_search`). Time and bytes
of a page follow the number of its elements (`benchmarks/page.py`), so a fact is one element (`components.facts`).
"""
