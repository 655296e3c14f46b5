"""Pages opened through `app/main.py` as a browser opens them, without a browser."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
MAIN = ROOT / "app" / "main.py"


def leaf(seed: int) -> bytes:
    """A small drawn leaf as JPEG."""
    draw = np.random.default_rng(seed)
    pixels = np.full((160, 160, 3), 190, np.uint8)
    y, x = np.mgrid[:160, :160]
    inside = ((x - 80) / 45) ** 2 + ((y - 80) / 65) ** 2 < 1
    pixels[inside] = [60, 120 + 10 * (seed % 5), 50]
    pixels = np.clip(pixels + draw.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def change_card(runs: Path, change) -> None:
    path = runs / "tiny" / "model.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def open_page(page: str = "diagnose", /, **query: str | list[str]) -> AppTest:
    """Opens a page of `pages/` through the router, with these query parameters."""
    app = AppTest.from_file(MAIN, default_timeout=300)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"../pages/{page}.py").run()


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, data, "image/jpeg") for name, data in files])
    return app.run()


def page_text(app: AppTest) -> str:
    """Text of the page: HTML as its source, Markdown, headings, code, labels of expanders and buttons."""
    assert not app.exception
    parts = [element.proto.body for element in app.get("html")]
    parts += [element.value for element in (*app.markdown, *app.subheader, *app.code)]
    return "\n".join(parts + [element.label for element in (*app.expander, *app.button)])


def figure(app: AppTest, number: int = 0) -> dict:
    """A Plotly figure of the page."""
    return json.loads(app.get("plotly_chart")[number].proto.spec)


def bars(app: AppTest) -> dict:
    return figure(app)["data"][0]


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()
