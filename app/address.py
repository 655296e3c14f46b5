"""Choices that several pages share and the address carries: run, crop, split.

Streamlit's own binding of a widget to the address (`bind="query-params"`) belongs to one page: Back in the browser to
another page would lose the parameter and choose the default. These choices are kept here instead, and are always in the
address, by their titles as Streamlit puts them there, so that the address of a page left behind says what was chosen.
"""

from collections.abc import Callable, Sequence

import streamlit as st

_KEPT = "_kept_choices"  # by key: the choice made last
_PUT = "_put_into_address"  # by key: its title, as put into the address last


def asked(key: str) -> str | None:
    """What the address asks for, where that is not what a page put there: a link was opened, or Back was pressed."""
    found = st.query_params.get(key)
    return None if found == st.session_state.get(_PUT, {}).get(key) else found


def prepare(key: str, options: Sequence[str], title: Callable[[str], str] = str) -> str:
    """To be called before the widget of this key: sets it to what the address asks for, else to what was chosen last.

    Args:
        title: how an option is called in the address; the option itself is understood too.
    Returns:
        The value the widget will have: the first option where what was chosen is none of these.
    """
    by_title = {title(option): option for option in options}
    address = asked(key)
    wanted = [by_title.get(address, address), st.session_state.get(key), st.session_state.get(_KEPT, {}).get(key)]
    value = next((value for value in wanted if value in options), options[0])
    st.session_state[key] = value  # even where it stands there: that may be the value of another page's widget
    return value


def keep(key: str, value: str, title: Callable[[str], str] = str) -> None:
    """To be called after the widget: remembers its value for other pages and puts it into the address."""
    st.session_state.setdefault(_KEPT, {})[key] = value
    st.session_state.setdefault(_PUT, {})[key] = title(value)
    if st.query_params.get(key) != title(value):
        st.query_params[key] = title(value)


def forget(key: str) -> None:
    """Takes a choice that the page does not offer out of the address; other pages still know it."""
    if key in st.query_params:
        del st.query_params[key]
