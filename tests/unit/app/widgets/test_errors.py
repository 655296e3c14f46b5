from streamlit.testing.v1 import AppTest


def test_a_user_error_is_shown_as_a_notice_and_stops_the_page():
    def page():
        import streamlit as st

        from app.widgets import user_errors_shown

        with user_errors_shown():
            raise ValueError("a < b is wrong")
        st.write("more")

    app = AppTest.from_function(page).run()
    assert app.get("html")[0].proto.body == '<p class="notice" role="status">a &lt; b is wrong</p>'
    assert not app.markdown and not app.exception


def test_another_error_is_raised():
    def page():
        from app.widgets import user_errors_shown

        with user_errors_shown():
            raise KeyError("a mistake in the program")

    assert AppTest.from_function(page).run().exception
