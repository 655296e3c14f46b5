"""Pure Plotly builders, one file a subject: arrays in, `go.Figure` out. No Streamlit, no torch, no files."""
