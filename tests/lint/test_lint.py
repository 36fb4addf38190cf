"""Every check sees the violation that is planted for it, where it is, and says nothing of a clean tree."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lint import CHECKS, Allowed, main, run_checks, show
from tree import Tree

HEADER = "/* What {0} promises to its callers. */\n#ifndef {0}_H\n#define {0}_H\n{1}#endif\n"
CLEAN = {
    ".clang-format": Path(__file__).parents[2].joinpath(".clang-format").read_text(),
    "README.md": "# A product\n\nIt does one thing.\n",
    "include/base/base.h": HEADER.format("BASE", "\n#include <stddef.h>\n\n"),
    "include/base/log.h": HEADER.format("LOG", '\n#include "base/base.h"\n\n'),
    "include/base/strbuf.h": HEADER.format("STRBUF", '\n#include "base/base.h"\n\nvoid strbuf_add(const char *text);\n\n'),
    "include/core/cluster.h": HEADER.format("CLUSTER", '\n#include "base/base.h"\n\nint count(const char *text);\n\n'),
    "include/io/loop.h": HEADER.format("LOOP", '\n#include "base/base.h"\n\n'),
    "include/io/pg.h": HEADER.format("PG", '\n#include "io/loop.h"\n\n'),
    "include/io/http_server.h": HEADER.format("SERVER", '\n#include "io/loop.h"\n\n'),
    "include/dcs/dcs.h": HEADER.format("DCS", '\n#include "io/loop.h"\n\n'),
    "include/postgres/postgres.h": HEADER.format("POSTGRES", '\n#include "io/pg.h"\n\n'),
    "include/supervisor/protocol.h": HEADER.format("PROTOCOL", '\n#include "base/base.h"\n\n'),
    "src/base/log.c": '#include "base/log.h"\n',
    "src/codec/json.c": '#include "core/cluster.h"\n\n#include <cjson/cJSON.h>\n#include <stdlib.h>\n',
    "src/core/facts.h": HEADER.format("FACTS", "\nint add(int a, int b);\n\n"),
    "src/core/facts.c": '#include "facts.h"\n\nint add(int a, int b)\n{\n\treturn a + b;\n}\n',
    "src/core/cluster.c": '#include "core/cluster.h"\n#include "base/strbuf.h"\n#include "facts.h"\n\n#include <string.h>\n\n'
                          'int count(const char *text)\n{\n\tstrbuf_add("strcpy(a, b) is only a text {");\n'
                          "\treturn add((int)strlen(text), '{'); /* not system(text) */\n}\n",
    "src/dcs/kubernetes/private.h": HEADER.format("PRIVATE", '\n#include "dcs/dcs.h"\n\n'),
    "src/dcs/kubernetes/store.c": '#include "dcs/kubernetes/private.h"\n',
    "src/io/loop.c": '#include "io/loop.h"\n\n#include <uv.h>\n',
    "src/supervisor/main.c": '#include "supervisor/protocol.h"\n\n#include <unistd.h>\n\n'
                             "int main(void)\n{\n\treturn getpid() == 1;\n}\n",
    "tests/unit/test_cluster.c": '#include "core/facts.h"\n\n#include <cmocka.h>\n',
    "tests/tools/run.py": "print('the step')\n",
}


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def compile_objects(root, *flags):
    for layer in ("core", "supervisor"):
        for source in sorted((root / "src" / layer).glob("*.c")):
            made = root / "build/obj" / layer / (source.stem + ".o")
            made.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-O1", "-fno-builtin", "-w", *flags, "-I", root / "include", "-iquote", root / "src",
                            "-c", "-o", made, source], check=True, timeout=60)


@pytest.fixture
def root(tmp_path):
    write(tmp_path, CLEAN)
    return tmp_path


def found(root, check, exceptions=()):
    """The findings of one check as (path, line, text)."""
    report = run_checks(Tree(root), {check: CHECKS[check]}, exceptions)
    if check in report.skipped:
        pytest.skip(report.skipped[check])
    return [(f.path, f.line, f.text) for f in report.findings[check]]


def sole(root, check):
    findings = found(root, check)
    assert len(findings) == 1, findings
    return findings[0]


def test_a_clean_tree_passes_every_check(root, capsys):
    compile_objects(root)
    report = run_checks(Tree(root), CHECKS, ())
    assert show(report) == 0, capsys.readouterr().out
    passed = len(CHECKS) + 1 - len(report.skipped)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{passed} passed, 0 failed")


@pytest.mark.parametrize("path, include, says", [
    ("src/base/a.c", '"core/cluster.h"', "base includes core/cluster.h"),
    ("src/core/a.c", '"base/log.h"', "core may include core, base/base.h"),
    ("src/core/a.c", "<time.h>", "core includes <time.h>"),
    ("src/core/a.c", "<stdio.h>", "of libc it may include assert.h"),
    ("src/codec/a.c", '"io/loop.h"', "codec includes io/loop.h"),
    ("src/codec/a.c", "<uv.h>", "it may include cjson/, yaml.h"),
    ("src/io/a.c", '"core/cluster.h"', "io may include io, base"),
    ("src/io/a.c", "<yaml.h>", "io includes <yaml.h>"),
    ("include/io/a.h", "<curl/curl.h>", "libraries may be seen in src/io/ only"),
    ("src/dcs/kubernetes/a.c", '"io/pg.h"', "io/file.h, io/http_client.h, io/loop.h"),
    ("src/dcs/a.c", '"postgres/postgres.h"', "dcs includes postgres/postgres.h"),
    ("src/platform/kubernetes/a.c", '"dcs/dcs.h"', "platform includes dcs/dcs.h"),
    ("src/platform/kubernetes/a.c", '"io/http_server.h"', "platform includes io/http_server.h"),
    ("src/postgres/a.c", '"dcs/dcs.h"', "postgres includes dcs/dcs.h"),
    ("src/postgres/a.c", "<libpq-fe.h>", "beside libc it may include nothing"),
    ("src/rest/a.c", '"io/loop.h"', "rest may include rest, base, core, codec, io/http_server.h"),
    ("src/agent/a.c", '"supervisor/protocol.h"', "agent includes supervisor/protocol.h"),
    ("src/cli/a.c", '"io/http_server.h"', "cli includes io/http_server.h"),
    ("src/cli/a.c", '"postgres/postgres.h"', "cli includes postgres/postgres.h"),
    ("src/supervisor/a.c", '"base/log.h"', "supervisor includes base/log.h"),
    ("src/supervisor/a.c", '"core/cluster.h"', "supervisor includes core/cluster.h"),
    ("src/dcs/other/a.c", '"dcs/kubernetes/private.h"', "which is private"),
    ("include/core/a.h", '"core/facts.h"', "which is private"),
    ("src/codec/a.c", '"../core/facts.h"', "write the path from include/ or src/"),
    ("src/codec/a.c", '"nowhere.h"', "neither beside it nor"),
])
def test_an_include_that_its_layer_may_not_have_is_found(root, path, include, says):
    write(root, {path: f"/* A planted violation of the rules. */\n#include {include}\n"})
    where, line, text = sole(root, "layers")
    assert (where, line) == (path, 2)
    assert says in text


def test_a_folder_that_is_no_layer_is_found(root):
    write(root, {"src/util/a.c": "int a;\n"})
    assert "`util` is no layer" in sole(root, "layers")[2]


def test_an_include_in_a_comment_is_none(root):
    write(root, {"src/base/a.c": '/*\n#include "core/cluster.h"\n*/\n'})
    assert not found(root, "layers")


def test_a_cycle_of_headers_is_found(root):
    write(root, {"include/base/base.h": HEADER.format("BASE", '#include "base/strbuf.h"\n')})
    text = sole(root, "cycles")[2]
    assert "include/base/base.h -> include/base/strbuf.h -> include/base/base.h" in text


def test_a_call_from_core_that_has_an_effect_is_found(root):
    write(root, {"src/core/a.c": "#include <stdlib.h>\n\nvoid *a(void)\n{\n\treturn malloc(1);\n}\n"})
    compile_objects(root)
    assert sole(root, "core symbols")[:2] == ("src/core/a.c", 5)


def test_sanitizers_and_fortify_are_no_calls_of_core(root):
    write(root, {"src/core/a.c": "#include <string.h>\n\nvoid a(char *to, const char *from, int n)\n{\n\tchar b[8];\n"
                                 "\tmemcpy(b, from, n);\n\tmemcpy(to, b, 8);\n}\n"})
    compile_objects(root, "-fsanitize=address,undefined")
    assert not found(root, "core symbols")


@pytest.mark.parametrize("call, says", [
    ("free(strdup(s))", "allocation"), ("printf(s)", "the printf family"), ("snprintf(b, n, s)", "the printf family"),
    ("getpwnam(s)", "the name services"), ("getaddrinfo(s, s, 0, 0)", "the name services"),
])
def test_what_the_supervisor_must_not_call_is_found(root, call, says):
    write(root, {"src/supervisor/a.c": f"void a(char *b, long n, const char *s)\n{{\n\t{call};\n}}\n"})
    compile_objects(root, "-Wno-implicit-function-declaration")
    findings = found(root, "supervisor symbols")
    assert findings and all(path == "src/supervisor/a.c" and line == 3 and says in text for path, line, text in findings)


@pytest.mark.parametrize("check, path", [("core symbols", "src/core/facts.c"), ("supervisor symbols", "src/supervisor/main.c")])
def test_a_source_without_its_object_is_found(root, check, path):
    compile_objects(root)
    (root / "build/obj" / Path(path).relative_to("src").with_suffix(".o")).unlink()
    assert any(p == path and "no object file" in text for p, _, text in found(root, check))


@pytest.mark.parametrize("call", [
    "strcpy(a, b)", "sprintf (a, b)", "atoi(a)", "sscanf(a, b)", "system(a)", "localtime(a)", "rand()", "signal(1, a)",
])
@pytest.mark.parametrize("path", ["src/io/a.c", "include/io/a.h", "tests/unit/test_a.c"])
def test_a_banned_call_is_found(root, path, call):
    write(root, {path: f"\nint x = {call};\n"})
    assert sole(root, "banned")[:2] == (path, 2)


@pytest.mark.parametrize("code", [
    "/* strcpy(a, b) */", 'f("system(a)");', "x.signal(1);", "x->system(a);", "my_rand();", "kill(pid, signal);",
])
def test_what_only_looks_like_a_banned_call_is_none(root, code):
    write(root, {"src/io/a.c": code + "\n"})
    assert not found(root, "banned")


@pytest.mark.parametrize("path", ["src/io/a.c", "include/io/a.h", "tests/tools/a.py", "tests/tools/a.sh"])
def test_a_file_of_801_lines_is_found_and_one_of_800_is_not(root, path):
    write(root, {path: "\n" * 800})
    assert not found(root, "file sizes")
    write(root, {path: "\n" * 801})
    assert sole(root, "file sizes")[:2] == (path, 801)


def c_function(lines, head="static int f(void)"):
    return "int before;\n\n" + head + "\n{\n" + "\tx();\n" * (lines - 3) + "}\n\nint g(void)\n{\n\treturn 0;\n}\n"


def test_a_function_of_71_lines_is_found_and_one_of_70_is_not(root):
    write(root, {"src/io/a.c": c_function(70)})
    assert not found(root, "functions")
    write(root, {"src/io/a.c": c_function(71)})
    path, line, text = sole(root, "functions")
    assert (path, line) == ("src/io/a.c", 3) and "function f has 71 lines" in text


@pytest.mark.parametrize("head", [
    "__attribute__((noreturn)) void f(void)", "static void (*f(int a))(int)", "int f(int a)\n#ifdef X\n{\n#else\n{\n#endif",
])
def test_a_long_function_with_an_odd_head_is_found(root, head):
    text = c_function(90, head)
    write(root, {"src/io/a.c": text.replace("#endif\n{", "#endif") if "#endif" in head else text})
    assert len(found(root, "functions")) == 1


def test_a_long_table_is_no_function(root):
    table = "static const struct row rows[SIZE(a)] = {\n" + '\t{ F(1), "}" },\n' * 100 + "};\n"
    write(root, {"src/io/a.c": table + "struct s {\n" + "\tint a;\n" * 90 + "};\n"})
    assert not found(root, "functions")


def test_a_long_python_function_is_found(root):
    write(root, {"tests/tools/a.py": "def f():\n" + "    x()\n" * 70})
    assert sole(root, "functions")[:2] == ("tests/tools/a.py", 1)


@pytest.mark.parametrize("parameters, bad", [
    ("int a, int b, int c, int d, int e", False), ("int a, int b, int c, int d, int e, int f", True),
    ("void (*done)(int, int, int), int b, int c, int d, int e", False), ("void", False),
])
def test_a_sixth_parameter_is_found(root, parameters, bad):
    write(root, {"src/io/a.c": f"int f({parameters})\n{{\n}}\n"})
    assert bool(found(root, "functions")) == bad


@pytest.mark.parametrize("path, line, bad", [
    ("src/io/a.c", "\tint a = " + "1" * 103 + ";", False), ("src/io/a.c", "\tint a = " + "1" * 104 + ";", True),
    ("src/io/a.c", "/* " + "a" * 174 + " */", False), ("src/io/a.c", "/* " + "a" * 175 + " */", True),
    ("src/io/a.c", "int a; /* " + "a" * 110 + " */", True),
    ("tests/tools/a.py", "#" * 140, False), ("tests/tools/a.py", "#" * 141, True),
])
def test_a_line_that_is_too_long_is_found(root, path, line, bad):
    write(root, {path: "\n" + line + "\n"})
    assert [f[:2] for f in found(root, "line lengths")] == ([(path, 2)] if bad else [])


@pytest.mark.parametrize("text", ["#ifndef A\n#endif\n", "/* */\n", "/* a.h */\n", "\n/* What this header is for. */\n"])
def test_a_header_that_does_not_say_what_it_is_for_is_found(root, text):
    write(root, {"include/io/a.h": text})
    assert sole(root, "header comments")[:2] == ("include/io/a.h", 1)


# Put together here, so that this file does not contain them.
@pytest.mark.parametrize("word", ["TO" "DO", "FIX" "ME", "X" "XX", "farm-" "studio", "/wo" "rk/", "helper" "-3"])
@pytest.mark.parametrize("path", ["README.md", "src/io/a.c", "charts/values.yaml", "Makefile"])
def test_a_forbidden_word_is_found_in_any_file(root, path, word):
    write(root, {path: f"first\n# {word}: later\n"})
    assert sole(root, "words")[:2] == (path, 2)


@pytest.mark.parametrize("text", ["name-XXXXXX", "a helper function", "work/here", "TODOS"])
def test_what_only_looks_like_a_forbidden_word_is_none(root, text):
    write(root, {"src/io/a.c": f"/* {text} */\n"})
    assert not found(root, "words")


def test_only_files_that_git_would_track_are_looked_at(root):
    subprocess.run(["git", "init", "-q", root], check=True)
    write(root, {".gitignore": "/build/\n", "build/a.c": "TO" "DO\n", "src/io/new.c": "TO" "DO\n"})
    assert sole(root, "words")[0] == "src/io/new.c"


def test_code_that_is_not_formatted_is_found(root):
    write(root, {"src/io/a.c": "int  a( void );\nint b;\n"})
    assert sole(root, "format")[:2] == ("src/io/a.c", 1)


@pytest.mark.parametrize("path", ["README.md", "docs/a.md", "src/io/a.c"])
def test_a_misspelled_word_is_found(root, path):
    write(root, {path: "first\n/* accom" "odate */\n"})
    assert sole(root, "spelling")[:2] == (path, 2)


@pytest.mark.parametrize("check, program", [("format", "clang-format"), ("spelling", "codespell")])
def test_a_missing_program_is_said_and_counted(root, monkeypatch, capsys, check, program):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    show(run_checks(Tree(root), {check: CHECKS[check]}, ()))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"SKIPPED {check}: {program} is not installed", "1 passed, 0 failed, 1 skipped"]


def test_an_exception_excuses_what_it_names_and_nothing_else(root):
    write(root, {"src/postgres/a.c": '#include "supervisor/protocol.h"\n', "src/rest/a.c": '#include "supervisor/protocol.h"\n'})
    exceptions = (Allowed("layers", "src/postgres/*", "supervisor/protocol.h", "two ends of one socket"),)
    assert [f[0] for f in found(root, "layers", exceptions)] == ["src/rest/a.c"]


def test_an_exception_that_excuses_nothing_is_found(root):
    exceptions = (Allowed("layers", "src/postgres/*", "supervisor/protocol.h", "no longer so"),)
    report = run_checks(Tree(root), {"layers": CHECKS["layers"]}, exceptions)
    assert [f.about for f in report.findings["exceptions"]] == ["src/postgres/*"]


def test_the_program_fails_with_the_findings_and_a_count(root, monkeypatch, capsys):
    write(root, {"src/io/a.c": "int x = rand();\n"})
    monkeypatch.setattr(sys, "argv", ["lint.py", "--root", str(root), "--only", "banned"])
    assert main() == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "src/io/a.c:1: rand is banned; use getrandom, or the simulator's generator [banned]"
    assert last == "1 passed, 1 failed"
