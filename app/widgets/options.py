"""Controls that choose one of several options and keep it in the query parameters."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app import query_params, state


def choice(label: str, titles: Mapping[str, str], key: str, labelled: bool = True, initially: str | None = None) -> str:
    """Segmented control; its value is a query parameter.

    Args:
        titles: label of each option.
        labelled: whether the label is visible, or for screen readers only.
        initially: default option; the first where left out.
    """
    state.keep_among(key, list(titles))
    return st.segmented_control(
        label,
        list(titles),
        default=next(iter(titles)) if initially is None else initially,
        required=True,
        key=key,
        format_func=titles.get,
        bind="query-params",
        label_visibility="visible" if labelled else "collapsed",
    )


def choose_shared(label: str, options: Sequence[str], key: str, **settings) -> str:
    """Select box whose value is shared by pages and is a query parameter; `settings` are those of `st.selectbox`."""
    title = settings.get("format_func", str)
    query_params.restore(key, options, title)
    value = st.selectbox(label, options, key=key, **settings)
    query_params.store(key, value, options, title)
    return value
