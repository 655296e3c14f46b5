"""Docstrings describe arguments and attributes that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Source|Yields):")
ENTRY = re.compile(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*):(?: |$)")


def described(docstring):
    """Names of the entries of Args and Attributes."""
    section, names = None, []
    for line in docstring.splitlines():
        if found := SECTION.match(line):
            section = found[1]
        elif line and not line.startswith(" "):
            section = None
        elif section in ("Args", "Attributes") and (found := ENTRY.match(line)):
            names += [name.lstrip("*") for name in found[1].split(", ")]
    return names


def existing(node):
    """Parameters of a function; fields, methods and attributes of a class, with the parameters of its `__init__`."""
    if isinstance(node, ast.FunctionDef):
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        return {each.arg for each in every if each is not None}
    names = {name for each in node.body if isinstance(each, ast.FunctionDef) for name in (each.name, *existing(each))}
    names |= {each.target.id for each in node.body if isinstance(each, ast.AnnAssign)}
    names |= {each.id for line in node.body if isinstance(line, ast.Assign) for each in line.targets}
    names |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return names | ({"extra"} if node.bases else set())  # of the records of hvit.runs


def unknown_entries(source):
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [
        f"{node.name}: {name}"
        for node in nodes
        for name in described(ast.get_docstring(node) or "")
        if name not in existing(node)
    ]


def test_documented_arguments_exist():
    files = [path for package in ("hvit", "training", "app") for path in sorted((ROOT / package).rglob("*.py"))]
    found = {path.relative_to(ROOT).as_posix(): unknown_entries(path.read_text(encoding="utf-8")) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


def test_an_argument_that_does_not_exist_is_found():
    source = 'def f(a, b):\n    """Does it.\n\n    Args:\n        a, c: text: more.\n            d: none.\n    """\n'
    assert unknown_entries(source) == ["f: c"]
