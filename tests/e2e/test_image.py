"""Our image: what is in it, and what it says when something is missing."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

import figures
import images

SIZE_LIMIT = 30 << 20
PROGRAMS = ("howdah", "howdah-supervisor", "howdahctl", "kubectl-howdah")
ALLOWED = {*(f"usr/bin/{program}" for program in PROGRAMS), "etc/ssl/certs/ca-certificates.crt"}


@pytest.fixture(scope="module")
def root(archives):
    """The file system of the image, mounted."""
    container = run("buildah", "from", "--pull-never", images.SIDECAR)
    yield pathlib.Path(run("buildah", "mount", container))
    run("buildah", "rm", container)


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def files(root):
    return [path for path in root.rglob("*") if path.is_file() or path.is_symlink()]


def test_nothing_is_in_it_but_programs_libraries_certificates_and_their_papers(root):
    found = {str(path.relative_to(root)) for path in files(root)}
    rest = {path for path in found if not path.startswith(("usr/share/doc/", "usr/lib")) and path not in {"lib", "lib64"}}
    assert rest == ALLOWED
    libraries = [path for path in found if path.startswith("usr/lib")]
    assert all(".so" in path for path in libraries), libraries


def test_every_library_is_needed_by_one_of_our_programs(root):
    loaded = run("ldd", str(root / "usr/bin/howdah"), str(root / "usr/bin/howdahctl"))
    names = {os.path.basename(line.split()[0]) for line in loaded.splitlines() if ".so" in line}
    there = {path.name for path in files(root) if ".so" in path.name}
    assert there - names == {"libwebsockets-evlib_uv.so"}


def test_it_is_small(root, note):
    size = sum(path.stat().st_size for path in files(root) if not path.is_symlink())
    note("size_mib", round(size / (1 << 20), 1))
    figures.add("image", "configmaps", size / 1e6)
    assert size < SIZE_LIMIT


def test_it_says_what_it_is_and_runs_as_nobody_special(archives):
    config = json.loads(run("buildah", "inspect", "--type", "image", images.SIDECAR))["OCIv1"]["config"]
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items() if key.startswith("org.opencontainers.image.")}
    assert labels["title"] == "howdah" and labels["licenses"] == "Apache-2.0" and labels["version"] and labels["revision"]
    assert config["User"] == "65532:65532" and config["Entrypoint"] == ["/usr/bin/howdah"]


def test_the_bill_of_materials_names_the_packages_of_all_libraries(root):
    bill = json.loads((root / "usr/share/doc/howdah/sbom.spdx.json").read_text(encoding="utf-8"))
    named = {package["name"] for package in bill["packages"]}
    documented = {path.name for path in (root / "usr/share/doc").iterdir()}
    assert bill["spdxVersion"] == "SPDX-2.3" and named == documented
    assert {"howdah", "libpq5", "libwebsockets-evlib-uv", "ca-certificates"} <= named
    related = {relation["relatedSpdxElement"] for relation in bill["relationships"]}
    assert related == {package["SPDXID"] for package in bill["packages"]}


def test_without_the_plug_in_it_refuses_to_start_and_names_it(root, tmp_path):
    broken = tmp_path / "root"
    shutil.copytree(root, broken, symlinks=True)
    (broken / "etc/howdah.yaml").write_text(CONFIG, encoding="utf-8")
    started = start_in(broken)
    assert "plug-in" not in started, started
    next(broken.rglob("libwebsockets-evlib_uv.so")).unlink()
    assert "libwebsockets has no libuv plug-in" in start_in(broken)


CONFIG = """
name: one
scope: shop
kubernetes: {labels: {application: howdah}, pod_ip: 127.0.0.1}
restapi: {listen: "not-an-address:8008"}
postgresql:
  listen: "127.0.0.1:5432"
  data_dir: /data
  authentication: {superuser: {username: postgres}, replication: {username: replicator}}
howdah: {run_dir: /run/howdah}
"""


def start_in(root):
    """What it says; it cannot stay up, because its address is none."""
    done = subprocess.run(["chroot", str(root), "/usr/bin/howdah", "/etc/howdah.yaml"], capture_output=True, text=True, timeout=20,
                          env={"PATH": os.environ["PATH"]})
    assert done.returncode == 1
    return done.stdout + done.stderr
