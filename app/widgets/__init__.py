"""Inputs and displays that several pages share; pages say `widgets.notice(text)`."""

from app.widgets.crop_choice import ANOTHER, NOT_SURE, choose_crop, known_crop
from app.widgets.display import metrics, picture, progress
from app.widgets.empty_pages import (
    EVALUATED,
    FROM_NOTHING,
    QUICK_COMMAND,
    TRAIN_COMMAND,
    empty_page,
    example_run,
    how_to_train,
    no_evaluated_run,
    no_run_yet,
    unreadable_runs,
)
from app.widgets.errors import call_noting_errors, errors_noted, user_errors_shown
from app.widgets.options import choice, choose_shared
from app.widgets.run_choice import Need, asked_run, choose_record, choose_run, explain_other_run, trouble_with_address
from app.widgets.tables import csv_of, table
from app.widgets.text import notice, plain, sentence, unseen_title

__all__ = [
    "ANOTHER",
    "EVALUATED",
    "FROM_NOTHING",
    "NOT_SURE",
    "Need",
    "QUICK_COMMAND",
    "TRAIN_COMMAND",
    "asked_run",
    "call_noting_errors",
    "choice",
    "choose_crop",
    "choose_record",
    "choose_run",
    "choose_shared",
    "csv_of",
    "empty_page",
    "errors_noted",
    "example_run",
    "explain_other_run",
    "how_to_train",
    "known_crop",
    "metrics",
    "no_evaluated_run",
    "no_run_yet",
    "notice",
    "picture",
    "plain",
    "progress",
    "sentence",
    "table",
    "trouble_with_address",
    "unreadable_runs",
    "unseen_title",
    "user_errors_shown",
]
