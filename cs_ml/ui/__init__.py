"""The app: everything of Streamlit that is not a page."""
