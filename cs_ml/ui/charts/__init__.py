"""Values in, figures out; no Streamlit."""
