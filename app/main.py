"""The dashboard: python -m streamlit run app/main.py

Streamlit reads this file twice: when it starts it imports it and serves `app`, with access control in front; for every
session it runs it as a script, which shows a page.
"""

import os
import sys
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Streamlit puts only app/ on the path; the only place in the project that touches it
    sys.path.insert(0, str(ROOT))

from app import access_control, theme  # noqa: E402

PAGES = {
    "Use": [("diagnose", "Diagnose"), ("batch", "Batch"), ("guess_first", "Guess first")],
    "Understand": [("attention", "Attention"), ("feature_space", "Feature space")],
    "Judge": [
        ("compare_runs", "Compare runs"),
        ("evaluation", "Evaluation"),
        ("calibration", "Calibration"),
        ("robustness", "Robustness"),
        ("severity", "Severity"),
        ("ablations", "Ablations"),
        ("data", "Data"),
        ("models", "Models"),
    ],
}
HISTORY = Path(__file__).with_name("history.js")


def show_page() -> None:
    """Navigation and the selected page."""
    pages = {
        group: [st.Page(ROOT / f"pages/{name}.py", title=title, default=name == "diagnose") for name, title in names]
        for group, names in PAGES.items()
    }
    page = st.navigation(pages, position="top")
    st.set_page_config(
        page_title=f"{page.title} - HViT", page_icon=str(theme.ICON), layout="wide", initial_sidebar_state="collapsed"
    )
    st.html(theme.variables(theme.palette(st.context.theme.type)))
    for sheet in theme.STYLE_SHEETS:
        st.html(sheet)
    st.html(f"<script>{HISTORY.read_text(encoding='utf-8')}</script>", unsafe_allow_javascript=True)
    st.logo(str(theme.LOGO), size="large")
    from app import widgets
    from app.cache import records

    if problem := records.missing_folder():
        widgets.notice(problem)
        return
    page.run()


if get_script_run_ctx(suppress_warning=True) is None:
    from starlette.middleware import Middleware

    guard = Middleware(
        access_control.AccessControl,
        code=os.environ.get(access_control.CODE_VARIABLE),
        names=st.get_option("server.allowedHosts"),
        origins=st.get_option("server.corsAllowedOrigins"),
    )
    app = st.App(Path(__file__).resolve(), middleware=[guard])
else:
    show_page()
