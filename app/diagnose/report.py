"""The diagnoses of one session as a single HTML file that opens anywhere, without a network."""

import base64
import html
from collections.abc import Sequence

from app.cache.diagnoses import Result
from app.cache.runs import RunChoice
from app.diagnose import truth, words
from app.drawn import TAG, Drawing
from app.words import wrong_material
from hvit.words import PLANTS_UNKNOWN

_STYLE = (
    "body{font:16px/1.5 Georgia,serif;color:#22261f;background:#fcfbf8;max-width:46rem;margin:3rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem}article{display:flex;gap:1rem;border-top:1px solid #d9d5c9;padding:1rem 0}"
    "img{width:112px;height:112px}h2{font-size:1.1rem;margin:0}p{margin:.2rem 0}.quiet{color:#6d6f66;font-size:.85rem}"
)


def page(names: Sequence[str], results: Sequence[Result], drawings: Sequence[Drawing | None], run: RunChoice) -> str:
    """A whole HTML document: one entry a photo, pictures inside, no script.

    Args:
        drawings: what was drawn, for each; None for a photo.
    """
    entries = "".join(_entry(*entry, run) for entry in zip(names, results, drawings))
    num_drawn = sum(drawing is not None for drawing in drawings)
    title = html.escape(words.summary((result.diagnosis for result in results), num_drawn))
    model = html.escape(run.name) + (f". {PLANTS_UNKNOWN}" if run.plants_known is False else "")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Leaf diagnoses</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1>{entries}<p class="quiet">Model: {model}. Probabilities are calibrated. '
        "A model's answer is not a plant pathologist's.</p></html>"
    )


def _entry(name: str, result: Result, drawing: Drawing | None, run: RunChoice) -> str:
    diagnosis = result.diagnosis
    picture = ""
    if result.thumbnail is not None:
        picture = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(result.thumbnail).decode()}">'
    is_drawn = drawing is not None
    lines = [words.one_sentence(diagnosis, name), *words.flag_sentences(diagnosis.flags, is_drawn)]
    if is_drawn:
        lines += [" ".join(truth.judgement(diagnosis, drawing)).strip(), f"{TAG}: {drawing.address}."]
    if warning := wrong_material(run.learned_from, is_drawn, None):
        lines.append(warning)
    told = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return (
        f"<article>{picture}<div><h2>{html.escape(name)}</h2>{told}"
        f'<p class="quiet">SHA-256 {diagnosis.sha256}</p></div></article>'
    )
