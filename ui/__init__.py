"""What several pages share and what knows Streamlit."""
