"""What the object files of core and of the supervisor ask for, read with nm."""
import re
import subprocess

from tree import Finding

# Pure, without state, without allocation.
CORE_MAY_CALL = frozenset("""
    memchr memcmp memcpy memmove memrchr memset
    strcasecmp strchr strchrnul strcmp strcspn strlen strncasecmp strncmp strnlen strpbrk strrchr strspn strstr
    __assert_fail __stack_chk_fail mutant""".split())
CORE_MAY_CALL_BEGINNINGS = ("strbuf_", "text_")

SUPERVISOR_MUST_NOT_CALL = {
    "allocation": """
        aligned_alloc asprintf calloc fdopendir fdopen fopen free getdelim getline malloc memalign opendir open_memstream posix_memalign
        putenv qsort readdir realloc reallocarray realpath scandir setenv strdup strndup vasprintf""".split(),
    "the printf family": """
        dprintf fprintf fputs fwrite perror printf putc putchar puts snprintf sprintf syslog
        vdprintf vfprintf vprintf vsnprintf vsprintf vsyslog""".split(),
    "the name services": """
        getaddrinfo getgrgid getgrgid_r getgrnam getgrnam_r getgrouplist gethostbyaddr gethostbyname getnameinfo getpwent getpwnam
        getpwnam_r getpwuid getpwuid_r getservbyname initgroups""".split(),
}
SUPERVISOR_FORBIDDEN = {name: group for group, names in SUPERVISOR_MUST_NOT_CALL.items() for name in names}

SANITIZER = re.compile(r"__(asan|ubsan|tsan|msan|lsan|sanitizer|sancov|gcov|llvm)_|__start___sanc|__stop___sanc|_GLOBAL_OFFSET_TABLE_$")
FORTIFIED = re.compile(r"__(\w+)_chk$")
NM_LINE = re.compile(r"^(.*):(?:[0-9a-f]+)? +([A-Za-z]) (\S+)$", re.M)


def read_objects(tree, layer):
    """Missing objects as findings, and for each source of the layer what its object defines and asks for."""
    missing, objects = [], {}
    for source in tree.matching(".c", tops=("src",)):
        if source.startswith(f"src/{layer}/"):
            made = tree.build / "obj" / source[len("src/"):-len(".c")]
            objects[str(made) + ".o"] = source
    for made, source in list(objects.items()):
        try:
            open(made, "rb").close()
        except OSError:
            missing.append(Finding(source, 1, f"there is no object file {made}; sources of {layer} must be built to be checked"))
            del objects[made]
    defined, asked = set(), []
    if objects:
        text = subprocess.run(["nm", "-A", *objects], check=True, capture_output=True, text=True).stdout
        for made, kind, symbol in NM_LINE.findall(text):
            if kind in "Uwv":
                asked.append((objects[made], symbol))
            else:
                defined.add(symbol)
    return missing, [(source, s) for source, s in sorted(set(asked)) if s not in defined and not SANITIZER.match(s)]


def plain_name(symbol):
    """memcpy for __memcpy_chk, which is what _FORTIFY_SOURCE makes of it."""
    fortified = FORTIFIED.match(symbol)
    return fortified[1] if fortified else symbol


def line_of_use(tree, source, name):
    used = re.search(rf"\b{re.escape(name)}\b", tree.code(source))
    return tree.line_of(source, used.start()) if used else 1


def check_core_symbols(tree):
    """core calls nothing that has an effect."""
    missing, asked = read_objects(tree, "core")
    yield from missing
    for source, symbol in asked:
        name = plain_name(symbol)
        if name not in CORE_MAY_CALL and not name.startswith(CORE_MAY_CALL_BEGINNINGS):
            yield Finding(source, line_of_use(tree, source, name),
                          f"core calls {name}; outside core it may call mem*, comparisons and searches of str*, strbuf_*, text_*", name)


def check_supervisor_symbols(tree):
    """The supervisor allocates nothing, formats nothing with stdio and asks no name service."""
    missing, asked = read_objects(tree, "supervisor")
    yield from missing
    for source, symbol in asked:
        name = plain_name(symbol)
        if name in SUPERVISOR_FORBIDDEN:
            yield Finding(source, line_of_use(tree, source, name),
                          f"the supervisor calls {name}; it must not use {SUPERVISOR_FORBIDDEN[name]}", name)
