from streamlit.testing.v1 import AppTest

from app.widgets.text import plain


def test_markdown_in_a_label_is_escaped():
    assert plain("Tomato: :red[late] :leaf:") == r"Tomato: \:red\[late\] \:leaf:"
    assert plain("a_b *c* [d](e) $f$ #1") == r"a\_b \*c\* \[d\](e) \$f\$ \#1"


def test_a_sentence_with_html_is_shown_as_text():
    def page():
        from app.widgets import sentence

        sentence("<b>x</b>", "below")

    assert AppTest.from_function(page).run().get("html")[0].proto.body == ('<p class="below">&lt;b&gt;x&lt;/b&gt;</p>')
