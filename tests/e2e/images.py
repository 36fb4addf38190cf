"""The images of the bed: ours from the Dockerfile of the repository, PostgreSQL from images/, as archives for containerd.

Everything is built with buildah, the base by debootstrap: no registry is asked. The base and PostgreSQL change seldom and
are kept in ${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}; ours is built in every run, from cached layers.
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from server import Unavailable

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BASE = "localhost/debian:bookworm-slim"
PAUSE = "localhost/pause:1"
SIDECAR = "localhost/howdah:e2e"
BACKUP = "localhost/postgres:backup"
SIDECAR_NEXT = "localhost/howdah:e2e-next"  # the same program, another image
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FLAGS = "--isolation chroot --network host --pull-never"


def postgres_name(major=15):
    return f"localhost/postgres:{major}"


def missing():
    """Why images cannot be built here, in one line; None when they can."""
    lacking = [program for program in ("buildah", "debootstrap") if not shutil.which(program)]
    return "images: no " + ", ".join(lacking) if lacking else None


def cache(name):
    home = os.environ.get("HOWDAH_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "howdah")
    os.makedirs(home, exist_ok=True)
    return pathlib.Path(home, name)


def build_program(name):
    """One of build.sh."""
    done = subprocess.run([HERE / "build.sh", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 3:
        raise Unavailable(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def pause_archive():
    return _kept("pause", [HERE / "images" / "pause.c"], PAUSE, _build_pause)


def postgres_archive(major=15):
    source = [HERE / "images" / "postgres.Dockerfile"]
    return _kept(f"postgres-{major}", source, postgres_name(major), lambda name: _build_postgres(name, major))


def version_archive(major):
    """PostgreSQL of another major version; raises Unavailable where it cannot be had."""
    source = [HERE / "images" / "versions.Dockerfile", ROOT / "tests/tools/postgres.sh"]
    return _kept(f"postgres-{major}", source, postgres_name(major), lambda name: _build_version(name, major))


def backup_archive():
    """PostgreSQL with pgBackRest."""
    source = [HERE / "images" / name for name in ("postgres.Dockerfile", "backup.Dockerfile")]
    return _kept("postgres-backup", source, BACKUP, _build_backup)


def sidecar_archives(directory):
    """Ours, and the same program as another image."""
    ensure_base()
    _run("make", "-s", "-C", ROOT, "image", f"IMAGE={SIDECAR}", "IMAGE_TOOL=buildah", f"BUILD_FLAGS={FLAGS}")
    container = _run("buildah", "from", "--pull-never", SIDECAR)
    _run("buildah", "config", "--label", "org.opencontainers.image.version=next", container)
    _run("buildah", "commit", "-q", "--rm", container, SIDECAR_NEXT)
    return [_export(name, pathlib.Path(directory, f"howdah-{i}.tar")) for i, name in enumerate((SIDECAR, SIDECAR_NEXT))]


def ensure_base():
    """Debian's base, found by buildah under the short name in the Dockerfiles; made once."""
    with open(cache("base.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if subprocess.run(["buildah", "inspect", "--type", "image", BASE], capture_output=True).returncode == 0:
            return
        with tempfile.TemporaryDirectory(prefix="howdah-base-") as root:
            _run("debootstrap", "--variant=minbase", "bookworm", root)
            for leftover in ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*_*"):
                for path in pathlib.Path(root).glob(leftover):
                    path.unlink()
            container = _run("buildah", "from", "scratch")
            _run("buildah", "copy", "-q", container, root, "/")
            _run("buildah", "config", "--cmd", "bash", "--env", f"PATH={PATH}", container)
            _run("buildah", "commit", "-q", "--rm", container, BASE)


def _build_pause(name):
    container = _run("buildah", "from", "scratch")
    _run("buildah", "copy", "-q", container, build_program("pause"), "/pause")
    _run("buildah", "config", "--entrypoint", '["/pause"]', container)
    _run("buildah", "commit", "-q", "--rm", container, name)


def _build_postgres(name, major):
    ensure_base()
    folder = HERE / "images"
    _run("buildah", "bud", *FLAGS.split(), "--build-arg", f"MAJOR={major}", "-t", name, "-f", folder / "postgres.Dockerfile", folder)


def _build_backup(name):
    base, folder = postgres_name(), HERE / "images"
    if subprocess.run(["buildah", "inspect", "--type", "image", base], capture_output=True).returncode:
        _build_postgres(base, 15)  # of it there was only the archive
    _run("buildah", "bud", *FLAGS.split(), "--build-arg", f"BASE={base}", "-t", name, "-f", folder / "backup.Dockerfile", folder)


def _build_version(name, major):
    got = subprocess.run([ROOT / "tests/tools/postgres.sh", str(major)], capture_output=True, text=True)
    if got.returncode == 3:
        raise Unavailable(got.stderr.strip().splitlines()[-1])
    if got.returncode:
        raise RuntimeError(got.stderr)
    ensure_base()
    programs = pathlib.Path(got.stdout.strip())
    tree = programs.parents[2]
    _run("buildah", "bud", *FLAGS.split(), "--build-arg", f"BIN={programs.relative_to(tree)}", "-t", name,
         "-f", HERE / "images" / "versions.Dockerfile", tree)


def _kept(what, sources, name, build):
    """The archive from the cache, built when it is not there or its source has changed."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    archive = cache(f"image-{what}-{digest}.tar")
    with open(cache(f"image-{what}.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            build(name)
            _export(name, archive)
    return archive


def _export(name, archive):
    fresh = f"{archive}.new"
    pathlib.Path(fresh).unlink(missing_ok=True)
    _run("buildah", "push", "-q", name, f"oci-archive:{fresh}:{name}")
    os.rename(fresh, archive)
    return archive


def _run(*argv):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout.strip()
