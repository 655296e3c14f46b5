"""Query parameters for choices that several pages share: run, crop, split.

Streamlit's own binding of a widget to the address (`bind="query-params"`) belongs to one page: Back in the browser to
another page would lose the parameter and choose the default. These choices are kept here instead. As with Streamlit's
binding the address has their titles, and leaves out the default, which is the first option.
"""

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_STORED = "_kept_choices"  # by key: the last choice
_WRITTEN = "_put_into_address"  # by key: the query parameter written last; None for the default


def restore(key: str, options: Sequence[str], title: Callable[[str], str] = str) -> str:
    """Sets a widget to its query parameter, else to the last choice; call it before the widget.

    Args:
        title: how an option is called in the address; the option itself is understood too.
    Returns:
        The value the widget will have; the first option if the choice is not among the options.
    """
    chosen = [st.session_state.get(key), st.session_state.get(_STORED, {}).get(key)]
    value = next((value for value in [_from_query(key, options, title), *chosen] if value in options), options[0])
    st.session_state[key] = value  # even if it is set: that may be the value of another page's widget
    return value


def _from_query(key: str, options: Sequence[str], title: Callable[[str], str]) -> str | None:
    """The option in the query parameter, unless this page wrote it; None for none."""
    found = st.query_params.get(key)
    if found is None:
        return options[0] if _is_history_navigation() else None
    if found == st.session_state.get(_WRITTEN, {}).get(key):
        return None
    return {title(option): option for option in options}.get(found, found)


def _is_history_navigation() -> bool:
    """Whether the browser's Back or Forward led here: a missing parameter then means the default."""
    ctx = get_script_run_ctx(suppress_warning=True)
    return bool(getattr(ctx, "is_history_navigation", False))


def store(key: str, value: str, options: Sequence[str], title: Callable[[str], str] = str) -> None:
    """Stores the choice for other pages and writes the query parameter; call it after the widget."""
    written = None if value == options[0] else title(value)
    st.session_state.setdefault(_STORED, {})[key] = value
    st.session_state.setdefault(_WRITTEN, {})[key] = written
    if written is None:
        remove(key)
    elif st.query_params.get(key) != written:
        st.query_params[key] = written


def remove(key: str) -> None:
    """Removes the query parameter of a choice that the page does not offer; other pages keep the choice."""
    if key in st.query_params:
        del st.query_params[key]
