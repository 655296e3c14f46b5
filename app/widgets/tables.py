"""Tables with a CSV download."""

from collections.abc import Mapping, Sequence

import streamlit as st

from hvit.csv_tables import to_csv


def csv_of(rows: Sequence[dict]) -> bytes:
    """Encodes rows as CSV for spreadsheets."""
    return to_csv(list(rows))


def table(
    rows: Sequence[dict],
    name: str,
    exported: Sequence[dict] | None = None,
    can_choose: bool = False,
    formats: Mapping[str, str] | None = None,
) -> int | None:
    """Sortable table with CSV download; returns the selected row.

    Args:
        name: of the file, and key.
        exported: the rows of the CSV, where they say more than the screen.
        can_choose: rows can be chosen.
        formats: of columns of numbers; those whose names end in `, %` need none.
    Returns:
        The row chosen, if one is.
    """
    import pandas as pd

    frame = pd.DataFrame(rows)
    formats = {column: "%.1f" for column in frame if column.endswith(", %")} | dict(formats or {})
    columns = {column: st.column_config.NumberColumn(column, format=format) for column, format in formats.items()}
    chosen = st.dataframe(
        frame,
        hide_index=True,
        column_config=columns,
        key=f"{name}_table",
        height="content",
        placeholder="",
        **({"on_select": "rerun", "selection_mode": "single-row"} if can_choose else {}),
    )
    st.download_button(
        "CSV", lambda: to_csv(list(exported or rows)), f"{name}.csv", "text/csv", on_click="ignore", key=f"{name}_csv"
    )
    if not can_choose or not chosen["selection"]["rows"]:
        return None
    return chosen["selection"]["rows"][0]
