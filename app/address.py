"""Choices that several pages share and the address carries: run, crop, split.

Streamlit's own binding of a widget to the address (`bind="query-params"`) belongs to one page: Back in the browser to
another page would lose the parameter and choose the default. These choices are kept here instead. As with Streamlit's
binding the address has their titles, and leaves out the default, which is the first option.
"""

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_KEPT = "_kept_choices"  # by key: the choice made last
_PUT = "_put_into_address"  # by key: its title, as put into the address last; None for the default


def prepare(key: str, options: Sequence[str], title: Callable[[str], str] = str) -> str:
    """To be called before the widget of this key: sets it to what the address asks for, else to what was chosen last.

    Args:
        title: how an option is called in the address; the option itself is understood too.
    Returns:
        The value the widget will have: the first option where what was chosen is none of these.
    """
    chosen = [st.session_state.get(key), st.session_state.get(_KEPT, {}).get(key)]
    value = next((value for value in [_asked(key, options, title), *chosen] if value in options), options[0])
    st.session_state[key] = value  # even where it stands there: that may be the value of another page's widget
    return value


def _asked(key: str, options: Sequence[str], title: Callable[[str], str]) -> str | None:
    """The option that the address asks for, where that is not what a page put there; None for none."""
    found = st.query_params.get(key)
    if found is None:
        return options[0] if _came_back() else None
    if found == st.session_state.get(_PUT, {}).get(key):
        return None
    return {title(option): option for option in options}.get(found, found)


def _came_back() -> bool:
    """Whether Back or Forward in the browser led here: then a parameter that is missing means the default."""
    ctx = get_script_run_ctx(suppress_warning=True)
    return bool(getattr(ctx, "is_history_navigation", False))


def keep(key: str, value: str, options: Sequence[str], title: Callable[[str], str] = str) -> None:
    """To be called after the widget: remembers its value for other pages and puts it into the address."""
    put = None if value == options[0] else title(value)
    st.session_state.setdefault(_KEPT, {})[key] = value
    st.session_state.setdefault(_PUT, {})[key] = put
    if put is None:
        forget(key)
    elif st.query_params.get(key) != put:
        st.query_params[key] = put


def forget(key: str) -> None:
    """Takes a choice that the page does not offer out of the address; other pages still know it."""
    if key in st.query_params:
        del st.query_params[key]
