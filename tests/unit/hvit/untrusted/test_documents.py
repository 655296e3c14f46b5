"""JSON and YAML that nobody would write by hand."""

import math

import pytest

from hvit.untrusted import UntrustedFileError, parse_json, parse_yaml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "nested more than 50 deep"),
        (b'{"a":' * 51 + b"1" + b"}" * 51, "nested more than 50 deep"),
        (b"9" * 5000, "more than 4,000 digits"),
        (b'{"seed": ' + b"9" * 100 + b"}", "more than 128 bits"),
        (b'{"a": NaN}', "not finite"),
        (b"1e999", "not finite"),
        (b'"\\ud800"', "not Unicode"),
        (b"\xff", "damaged"),
        (b"", "damaged"),
        (b'{"a": 1} x', "damaged"),
    ],
)
def test_json_beyond_the_limits_is_refused(text, expected):
    with pytest.raises(UntrustedFileError, match=expected):
        parse_json(text)


def test_json_that_an_editor_of_windows_saved_is_read():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}\r\n') == {"a": 1}
    with pytest.raises(UntrustedFileError, match="damaged"):
        parse_json(b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}')


def test_brackets_inside_of_text_do_not_count_as_depth():
    assert parse_json(b'["' + b"[" * 1000 + b'\\"[["]') == ["[" * 1000 + '"[[']


def test_numbers_that_are_not_finite_become_null_or_are_kept_where_asked():
    assert parse_json(b"[NaN, -Infinity, 1e999, 1.5]", nan="null") == [None, None, None, 1.5]
    assert parse_json(b"[-Infinity]", nan="keep") == [-math.inf]


def test_a_text_without_an_end_takes_no_quadratic_time():
    with pytest.raises(UntrustedFileError, match="damaged"):
        parse_json(b"[" * 51 + b'"' + b'\\"' * 2_000_000)  # minutes, were each quote looked at again


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 10))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: " + "[" * 100_000, "nested more than 50 deep"),
        ("- " * 3000 + "x", "nested more than 50 deep"),
        (LAUGHS, "more than 20,000 values, aliases unfolded"),
        (MERGES, "more than 20,000 values, aliases unfolded"),
        ("a: &a [*a]", "refers to itself"),
        ("a: 2026-99-99", "month must be in"),
        ("a: " + "9" * 5000, "digits"),
        ("a: 0x" + "f" * 100, "more than 128 bits"),
        ("a: " + "1:" * 20_000 + "1", "more than 10,000 characters"),
        ("a: !!binary aGk=", "of type bytes"),
        ("a: !!set {x}", "of type set"),
        ("a: !!python/object/apply:os.getcwd []", "damaged"),
        ("1: a", "the key 1, which is no text"),
        ("{", "damaged"),
        ("a: *b", "damaged"),
    ],
)
def test_yaml_beyond_the_limits_is_refused(text, expected):
    with pytest.raises(UntrustedFileError, match=expected):
        parse_yaml(text)


def test_dates_become_text_and_a_few_aliases_are_fine():
    assert parse_yaml("a: 2026-01-31\nb: &b [1]\nc: *b\nd: .inf") == {
        "a": "2026-01-31", "b": [1], "c": [1], "d": math.inf,
    }  # fmt: skip
