import pytest
from streamlit.testing.v1 import AppTest


def page(formats=None):
    from app.widgets import table

    assert table([{"Class": "Rust", "Share, %": 12.34, "Count": 3}], "shares", formats=formats) is None


@pytest.mark.parametrize(("formats", "expected"), [(None, {"Share, %"}), ({"Count": "%d"}, {"Share, %", "Count"})])
def test_columns_of_percentages_have_a_number_format_without_asking(formats, expected):
    import json

    app = AppTest.from_function(page, args=(formats,)).run()
    assert not app.exception
    columns = json.loads(app.dataframe[0].proto.columns)
    assert {name for name, column in columns.items() if "format" in column.get("type_config", {})} == expected
