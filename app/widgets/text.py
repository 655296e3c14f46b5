"""Sentences and headings as HTML, and text that Markdown leaves as it is."""

import html
import re

import streamlit as st


def plain(text: str) -> str:
    """Escapes Markdown in a label."""
    return re.sub(r"([\\`*_\[\]$~<>#|]|:(?=\w))", r"\\\1", text)


def sentence(text: str, style: str = "caution") -> None:
    """Paragraph; `style` is a class of the style sheet."""
    st.html(f'<p class="{style}">{html.escape(text)}</p>')


def unseen_title(text: str) -> None:
    """Heading for screen readers only."""
    st.html(f'<h1 class="unseen">{html.escape(text)}</h1>')


def notice(text: str) -> None:
    """Highlighted sentence."""
    st.html(f'<p class="notice" role="status">{html.escape(text)}</p>')
