"""Which layer may include what. A row is a layer; what is not in it is not allowed."""
import posixpath

from tree import Finding

ALL = None  # every public header of that layer

PURE_BASE = {"base/base.h", "base/err.h", "base/mutant.h", "base/strbuf.h", "base/time.h"}  # no log, no clock, no allocation
STORE_IO = {"io/file.h", "io/http_client.h", "io/loop.h"}  # what the simulator has its own of
CLIENT_IO = {"io/file.h", "io/http_client.h", "io/loop.h", "io/pg.h"}

MAY_INCLUDE = {
    "base": {},
    "core": {"base": PURE_BASE},
    "codec": {"base": ALL, "core": ALL},
    "io": {"base": ALL},
    "dcs": {"base": ALL, "core": ALL, "codec": ALL, "io": STORE_IO},
    "platform": {"base": ALL, "core": ALL, "codec": ALL, "io": STORE_IO},
    "postgres": {"base": ALL, "core": ALL, "codec": ALL, "io": ALL},
    "rest": {"base": ALL, "core": ALL, "codec": ALL, "io": {"io/http_server.h"}},
    "agent": {"base": ALL, "core": ALL, "codec": ALL, "io": ALL, "dcs": ALL, "platform": ALL, "postgres": ALL, "rest": ALL},
    "cli": {"base": ALL, "core": ALL, "codec": ALL, "dcs": ALL, "io": CLIENT_IO},
    "supervisor": {"base": PURE_BASE},
}

# Libraries are seen by the private part of one layer only.
LIBRARIES = {
    "codec": ("cjson/", "yaml.h"),
    "io": ("curl/", "libpq-fe.h", "libwebsockets.h", "lws_config.h", "openssl/", "uv.h"),
}

C_HEADERS = frozenset("""
    aio assert byteswap complex ctype dirent dlfcn elf endian err errno error execinfo fcntl features fenv float fnmatch ftw getopt glob grp
    iconv ifaddrs inttypes langinfo libgen limits link locale malloc math mntent mqueue netdb paths poll pthread pwd regex sched search
    semaphore setjmp shadow signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdio_ext stdlib stdnoreturn string strings
    syscall sysexits syslog termios tgmath threads time uchar ucontext unistd utime utmp wchar wctype wordexp""".split())
C_FOLDERS = ("arpa/", "asm/", "linux/", "net/", "netinet/", "sys/")
# Headers that bring values and pure functions; all that core may have of libc.
PURE_HEADERS = frozenset(("assert.h", "inttypes.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"))


def is_libc(name):
    return name.startswith(C_FOLDERS) or ("/" not in name and name.removesuffix(".h") in C_HEADERS)


def words(names):
    return ", ".join(sorted(names)) or "nothing"


def what_may(layer):
    parts = [other if headers is ALL else words(headers) for other, headers in MAY_INCLUDE[layer].items()]
    return f"{layer} may include {layer}" + "".join(f", {part}" for part in parts)


def judge_library(path, layer, name):
    """What is wrong with `#include <name>`, or None."""
    if is_libc(name):
        if layer == "core" and name not in PURE_HEADERS:
            return f"core includes <{name}>; of libc it may include {words(PURE_HEADERS)}"
        return None
    allowed = LIBRARIES.get(layer, ())
    if not name.startswith(allowed):
        return f"{layer} includes <{name}>; beside libc it may include {words(allowed)}"
    if path.startswith("include/"):
        return f"a public header includes <{name}>; libraries may be seen in src/{layer}/ only"
    return None


def judge_private(path, target):
    folder = posixpath.dirname(target)
    if not path.startswith(folder + "/"):
        return f"includes {target}, which is private; only files of {folder}/ may"
    return None


def judge_own(tree, path, layer, name):
    """What is wrong with `#include "name"`, or None."""
    target = tree.resolve(path, name)
    if ".." in name.split("/"):
        return f'includes "{name}"; write the path from include/ or src/'
    if target is None:
        return f'includes "{name}", which is neither beside it nor in include/ or src/'
    if target.startswith("src/"):
        return judge_private(path, target)
    if not target.startswith("include/"):
        return f"includes {target}; product code may include include/ and src/ only"
    other = target.split("/")[1]
    if other == layer:
        return None
    headers = MAY_INCLUDE[layer].get(other, frozenset())
    if headers is ALL or target.removeprefix("include/") in headers:
        return None
    return f"{layer} includes {name}; {what_may(layer)}"


def check_layers(tree):
    """Include rules between layers."""
    for path in tree.matching(".c", ".h", tops=("include", "src")):
        layer = path.split("/")[1]
        if layer not in MAY_INCLUDE:
            yield Finding(path, 1, f"`{layer}` is no layer; layers are {words(MAY_INCLUDE)}")
            continue
        for line, name, quoted in tree.includes(path):
            wrong = judge_own(tree, path, layer, name) if quoted else judge_library(path, layer, name)
            if wrong:
                yield Finding(path, line, wrong, name)


def check_cycles(tree):
    """No header includes itself by way of others."""
    state = {}  # path: True while it is being walked, False afterwards

    def walk(path, trail):
        state[path] = True
        for line, name, quoted in tree.includes(path):
            target = tree.resolve(path, name) if quoted else None
            if target is None:
                continue
            if state.get(target):
                circle = trail[trail.index(target):]
                yield Finding(path, line, f"#include cycle: {' -> '.join(circle + [target])}; no cycle is allowed", name)
            elif target not in state:
                yield from walk(target, trail + [target])
        state[path] = False

    for path in tree.matching(".c", ".h"):
        if path not in state:
            yield from walk(path, [path])
