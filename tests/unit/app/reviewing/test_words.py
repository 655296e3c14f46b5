"""Commands that train on labels."""

import shlex

import yaml

from app.reviewing.words import finetune_command, quick_command
from app.words import shell_word


def test_the_name_of_a_run_stays_one_word_of_a_command():
    assert shlex.split(quick_command("verdicts.csv", "a; $(id)"))[4:6] == ["--run", "a; $(id)"]


def test_a_folder_with_any_letters_is_read_back_from_the_command():
    path = "batches/Blätter 𝐀 it's/verdicts.csv"
    setting = shlex.split(finetune_command(shell_word(path)))[-1]
    assert yaml.safe_load(setting.partition("=")[2]) == [path]
