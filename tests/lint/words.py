"""Words that must not be in any tracked file, the format of C, and spelling."""
import re
import shutil
import subprocess
from pathlib import Path

from tree import Finding, Skipped

# Written so that this file does not contain them.
FORBIDDEN = {
    r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b": "what is left to do belongs in the issue tracker",
    r"farm[-]studio": "the repository speaks of the product alone",
    r"[/]work/": "the repository names no path of one machine",
    r"helper[-]": "the repository speaks of the product alone",
}
FORBIDDEN_WORD = re.compile("|".join(f"({pattern})" for pattern in FORBIDDEN))
MADE_BY_TOOLS = ("go.sum",)
SPELLED = ("README.md", "NEWS.md", "docs", "include", "src", "tests", "charts", "deploy")
SPELLED_NOT = ("/corpus/", "/records/", "go.sum", "go.mod", "tests/lint/spelling.txt")
PROCESSES = 2
BADLY_FORMATTED = re.compile(r"^(.*?):(\d+):\d+: error: code should be clang-formatted", re.M)


def check_words(tree):
    """Nothing left to do, nothing that is not about the product."""
    for path in tree.files:
        if path.endswith(MADE_BY_TOOLS):
            continue
        for m in FORBIDDEN_WORD.finditer(tree.text(path)):
            reason = list(FORBIDDEN.values())[m.lastindex - 1]
            yield Finding(path, tree.line_of(path, m.start()), f"`{m[0]}` is not allowed: {reason}", m[0])


def need(program):
    if not shutil.which(program):
        raise Skipped(f"{program} is not installed")


def check_format(tree):
    """C files are as clang-format writes them."""
    need("clang-format")
    files = tree.matching(".c", ".h")
    command = ["clang-format", "--style=file", "--dry-run", "-Werror"]
    running = [subprocess.Popen([*command, *part], cwd=tree.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
               for part in (files[i::PROCESSES] for i in range(PROCESSES)) if part]
    results = [(process.communicate()[1], process.returncode) for process in running]
    places = {}
    for text, _ in results:
        for path, line in BADLY_FORMATTED.findall(text):
            places.setdefault(path, []).append(int(line))
    for path, lines in sorted(places.items()):
        yield Finding(path, lines[0], f"not as clang-format writes it, in {len(lines)} places; `clang-format -i` writes it so")
    if not places and any(code for _, code in results):
        yield Finding(".clang-format", 1, "clang-format failed: " + " ".join(text for text, _ in results).strip())


def check_spelling(tree):
    """Words are spelled as codespell knows them; what it gets wrong is in spelling.txt."""
    need("codespell")
    files = [f for f in tree.files if f.split("/")[0] in SPELLED and not any(part in f for part in SPELLED_NOT)]
    if not files:
        return
    command = ["codespell", "--ignore-words", str(Path(__file__).with_name("spelling.txt")), *files]
    result = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False)
    found = re.findall(r"^(.+?):(\d+): (.+)$", result.stdout, re.M)
    for path, line, text in found:
        yield Finding(path.removeprefix("./"), int(line), f"misspelled: {text}", text.split()[0])
    if result.returncode and not found:
        yield Finding("README.md", 1, "codespell failed: " + result.stderr.strip())
