"""The dashboard: python -m streamlit run app/main.py"""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Streamlit puts only app/ on the path; the only place in the project that touches it
    sys.path.insert(0, str(ROOT))

from app import theme  # noqa: E402

st.set_page_config(page_title="HViT", page_icon=str(theme.ICON), layout="wide", initial_sidebar_state="collapsed")
for sheet in theme.STYLE_SHEETS:
    st.html(sheet)
st.logo(str(theme.LOGO), size="large")
pages = {
    "Use": [st.Page(ROOT / "pages/diagnose.py", title="Diagnose", default=True)],
    "Understand": [
        st.Page(ROOT / "pages/attention.py", title="Attention"),
        st.Page(ROOT / "pages/feature_space.py", title="Feature space"),
    ],
    "Judge": [
        st.Page(ROOT / "pages/compare_runs.py", title="Compare runs"),
        st.Page(ROOT / "pages/evaluation.py", title="Evaluation"),
        st.Page(ROOT / "pages/ablations.py", title="Ablations"),
        st.Page(ROOT / "pages/data.py", title="Data"),
        st.Page(ROOT / "pages/models.py", title="Models"),
    ],
}
st.navigation(pages, position="top").run()
