"""The rules of style that a machine can check, each a pure function from a text to its complaints.

test_tidy.py runs them on the tree and proves of each that it can fail. The last letter of a pattern
stands in brackets where this file would otherwise break the rule itself.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

UNFINISHED = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X]|NotImplementedErro[r])\b|\b(?i:for no[w])\b")
VAGUE_NAMES = re.compile(r"(?:manager|helper|util|handler)s?", re.IGNORECASE)
WORDS_OF_A_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
PLACES = re.compile(
    r"(?<![\w.~])/(?:tm[p]|wor[k]|roo[t]|far[m]|User[s])/"
    r"|\b(?:pypi\.or[g]|pythonhosted\.or[g]|npmjs\.(?:or[g]|co[m])|crates\.i[o]"
    r"|proxy\.golang\.or[g]|repo1?\.mave[n]\.|deb\.debian\.or[g])"
    r"|index-ur[l]|find-link[s]|trusted-hos[t]"
)
FIXED_PORT = re.compile(r"(?:\bport\s*=\s*|localhost:|127\.0\.0\.1:|\[::1\]:)(?!0\b)\d{2,5}\b")
ASSERTING_CALL = re.compile(r"(?:check|expect|assert)_|(?:raises|warns|fail)$")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.AST) -> Iterator[FunctionNode]:
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            yield node


def _called_name(node: ast.AST) -> str:
    """What a call calls, as far as it is a dotted name: `asyncio.sleep`; else nothing."""
    if not isinstance(node, ast.Call):
        return ""
    return ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""


def long_file(text: str) -> list[str]:
    """A file has one idea, and that fits in FILE_LINES_MAX lines."""
    lines = len(text.splitlines())
    return [f"{lines} lines, {FILE_LINES_MAX} at most"] if lines > FILE_LINES_MAX else []


def long_functions(text: str) -> list[str]:
    """A function fits a screen; its docstring is not counted."""
    found = []
    for node in _functions(ast.parse(text)):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node) is not None:
            lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
        if lines > FUNCTION_LINES_MAX:
            found.append(
                f"{node.lineno}: {node.name} has {lines} lines, {FUNCTION_LINES_MAX} at most"
            )
    return found


def undocumented(text: str) -> list[str]:
    """The module and its public classes and functions say what they are."""
    tree = ast.parse(text)
    found = [] if ast.get_docstring(tree) else ["1: the module has no docstring"]
    for node in tree.body:
        if not isinstance(node, FunctionNode | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            found.append(f"{node.lineno}: {node.name} has no docstring")
    return found


def unfinished(text: str) -> list[str]:
    """Nothing is promised for later."""
    return [
        f"{number}: {found.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := UNFINISHED.search(line))
    ]


def vague_names(path: str, text: str) -> list[str]:
    """No file and no class is named after doing something with something."""
    names = [part.removesuffix(".py") for part in PurePosixPath(path).parts]
    names += [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    return [
        f"{name} says nothing: name what it is"
        for name in names
        if any(VAGUE_NAMES.fullmatch(word) for word in WORDS_OF_A_NAME.findall(name))
    ]


def tests_without_assertion(text: str) -> list[str]:
    """A test can fail: it asserts, expects an error, or calls a check_, expect_ or assert_."""
    return [
        f"{node.lineno}: {node.name} asserts nothing"
        for node in _functions(ast.parse(text))
        if node.name.startswith("test_") and not any(_asserts(inner) for inner in ast.walk(node))
    ]


def _asserts(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    return bool(ASSERTING_CALL.match(_called_name(node).rpartition(".")[2]))


def sleeps(text: str) -> list[str]:
    """A test waits for a condition, never for a time; `asyncio.sleep(0)` only gives way."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module in {"time", "asyncio"}:
            if any(alias.name == "sleep" for alias in node.names):
                found.append(f"{node.lineno}: imports sleep by itself; see tests/wait.py")
        elif isinstance(node, ast.Call) and _called_name(node) in {"time.sleep", "asyncio.sleep"}:
            gives_way = [ast.unparse(argument) for argument in node.args] == ["0"]
            if not gives_way:
                found.append(f"{node.lineno}: sleeps a fixed time; see tests/wait.py")
    return found


def fixed_ports(text: str) -> list[str]:
    """The kernel chooses the port."""
    return [
        f"{number}: {found.group()} is a fixed port; take 0"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := FIXED_PORT.search(line))
    ]


def places(text: str) -> list[str]:
    """No path of one machine and no host of a package registry."""
    return [
        f"{number}: {found.group()} is a place of one machine or registry"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := PLACES.search(line))
    ]
