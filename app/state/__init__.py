"""Session state, kept between reruns and pages; the only place that names keys of `st.session_state`.

Of the choices that several pages share, `app.query_params` keeps the values.
"""

# ruff: noqa: F403 (one name space: pages say `state.photos()`)
from app.state.area_corrections import *
from app.state.attention_page import *
from app.state.batch_page import *
from app.state.galleries import *
from app.state.keys import *
from app.state.map_selection import *
from app.state.options import *
from app.state.photo_list import *
from app.state.rating import *
from app.state.reviewing import *
from app.state.uploads import *
