"""Sizes, and what a C file may look like: functions, parameters, lines, opening comments, banned calls."""
import ast
import re
from typing import NamedTuple

from tree import Finding, blank

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 5
CODE_COLUMNS_MAX = 120
COMMENT_COLUMNS_MAX = 180
PYTHON_COLUMNS_MAX = 140
TAB_WIDTH = 8

# What is banned, and what to write instead.
BANNED = {
    "strbuf or text_copy": "strcpy stpcpy strcat sprintf vsprintf",
    "strcspn and strspn": "strtok",
    "text_to_i64 and its like": "atoi atol atoll atof scanf sscanf fscanf vscanf vsscanf vfscanf",
    "reads with a bound": "gets",
    "memory of a known size": "alloca",
    "argv and a program by its path": "system popen",
    "localtime_r or gmtime_r": "localtime gmtime",
    "getrandom, or the simulator's generator": "rand srand",
    "sigaction or signalfd": "signal",
}
INSTEAD = {name: instead for instead, names in BANNED.items() for name in names.split()}
BANNED_CALL = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(INSTEAD) + r")\s*\(")

DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)(?:[^\n]*\\\n)*[^\n]*", re.M)
HEAD_GROUP = re.compile(r"(\w+)\s*$")
NOT_A_FUNCTION = frozenset(("__attribute__", "__declspec", "static_assert", "_Static_assert"))


class Function(NamedTuple):
    name: str
    first_line: int
    last_line: int
    parameters: int


def one_branch(code):
    """Without directives, and of every #if only the first branch, so that braces match."""
    pieces, last, hidden = [], 0, []

    def add(piece):
        pieces.append(blank(piece) if any(hidden) else piece)

    for m in DIRECTIVE.finditer(code):
        add(code[last:m.start()])
        last = m.end()
        if m[1] in ("if", "ifdef", "ifndef"):
            hidden.append(False)
        elif m[1] in ("else", "elif") and hidden:
            hidden[-1] = True
        elif m[1] == "endif" and hidden:
            hidden.pop()
        pieces.append(blank(m[0]))
    add(code[last:])
    return "".join(pieces)


def closing(code, position, pair):
    """The position after the bracket that closes the one at `position`."""
    depth = 0
    for m in re.compile("[" + re.escape(pair) + "]").finditer(code, position):
        depth += 1 if m[0] == pair[0] else -1
        if depth == 0:
            return m.end()
    return len(code)


def count_parameters(text):
    text = text.strip()
    if text in ("", "void"):
        return 0
    depth, commas = 0, 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        commas += c == "," and depth == 0
    return commas + 1


def name_and_parameters(head):
    """What a text before `{` defines: the name and the inside of its brackets, or None if it is no function."""
    if not head.rstrip().endswith(")"):
        return None
    found, position = None, 0
    while (opened := head.find("(", position)) >= 0:
        position = closing(head, opened, "()")
        before = HEAD_GROUP.search(head, 0, opened)
        if "=" in head[:opened]:
            return None
        if before and before[1] not in NOT_A_FUNCTION:
            found = before[1], head[opened + 1:position - 1]
    return found


def functions_of(tree, path):
    code = one_branch(tree.code(path))
    position = 0
    for m in iter(lambda: re.compile("[;{]").search(code, position), None):
        head, start, position = code[position:m.start()], position, m.end()
        if m[0] == ";":
            continue
        position = closing(code, m.start(), "{}")
        found = name_and_parameters(head)
        if found:
            first = start + len(head) - len(head.lstrip())
            yield Function(found[0], tree.line_of(path, first), tree.line_of(path, position - 1), count_parameters(found[1]))


def too_long(name, lines):
    return f"function {name} has {lines} lines; at most {FUNCTION_LINES_MAX} are allowed"


def too_many(f):
    return f"function {f.name} has {f.parameters} parameters; at most {PARAMETERS_MAX} are allowed"


def check_file_sizes(tree):
    """No file is too long to have one subject."""
    for path in tree.matching(".c", ".h", ".py", ".sh", ".mk"):
        lines = tree.text(path).count("\n")
        if lines > FILE_LINES_MAX:
            yield Finding(path, FILE_LINES_MAX + 1, f"the file has {lines} lines; at most {FILE_LINES_MAX} are allowed")


def check_functions(tree):
    """No function is too long to be seen at once, or takes more than one can remember."""
    for path in tree.matching(".c", ".h"):
        for f in functions_of(tree, path):
            lines = f.last_line - f.first_line + 1
            if lines > FUNCTION_LINES_MAX:
                yield Finding(path, f.first_line, too_long(f.name, lines), f.name)
            if f.parameters > PARAMETERS_MAX:
                yield Finding(path, f.first_line, too_many(f), f.name)
    for path in tree.matching(".py"):
        for node in ast.walk(ast.parse(tree.text(path))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    yield Finding(path, node.lineno, too_long(node.name, lines), node.name)


def check_line_lengths(tree):
    """Lines fit beside each other."""
    for path in tree.matching(".c", ".h"):
        for number, (line, code) in enumerate(zip(tree.text(path).split("\n"), tree.uncommented(path).split("\n")), 1):
            most, what = (CODE_COLUMNS_MAX, "code") if code.strip() else (COMMENT_COLUMNS_MAX, "comment")
            columns = len(line.expandtabs(TAB_WIDTH))
            if columns > most:
                yield Finding(path, number, f"the {what} line has {columns} columns; at most {most} are allowed")
    for path in tree.matching(".py"):
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            if len(line) > PYTHON_COLUMNS_MAX:
                yield Finding(path, number, f"the line has {len(line)} columns; at most {PYTHON_COLUMNS_MAX} are allowed")


def check_banned(tree):
    """Functions that cannot be used safely, or not here."""
    for path in tree.matching(".c", ".h"):
        for m in BANNED_CALL.finditer(tree.code(path)):
            yield Finding(path, tree.line_of(path, m.start(1)), f"{m[1]} is banned; use {INSTEAD[m[1]]}", m[1])


def check_header_comments(tree):
    """A header begins by saying what it is for."""
    for path in tree.matching(".h"):
        comment = re.match(r"/\*(.*?)\*/", tree.text(path), re.S)
        if not comment or len(re.findall(r"\w+", comment[1])) < 4:
            yield Finding(path, 1, "the header does not say what it is for; it must begin with a comment that does")
