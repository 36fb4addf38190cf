"""`kubectl howdah`: what it makes of its command line, by a kubectl that says how it was called. On real nodes: e2e/test_tour.py."""
import os
import pathlib
import subprocess

import pytest

HOWDAHCTL = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "howdahctl"
KUBECTL = """#!/bin/sh
printf '%s|' "$@" >>"$HOME/calls"; echo >>"$HOME/calls"
case " $* " in
*" get "*) cat "$HOME/pods" ;;
*) exit 3 ;;
esac
"""
SELECTOR = "app.kubernetes.io/name=howdah"


@pytest.fixture
def laptop(tmp_path):
    (tmp_path / "kubectl").write_text(KUBECTL, encoding="ascii")
    (tmp_path / "kubectl").chmod(0o755)
    (tmp_path / "kubectl-howdah").symlink_to(HOWDAHCTL)
    (tmp_path / "pods").write_text("shop-0 shop false\nshop-1 shop true\nshop-2 shop true\n", encoding="ascii")
    return tmp_path


def run(laptop, *words, **more):
    environment = {"HOME": str(laptop), "PATH": f"{laptop}:/usr/bin:/bin", **more}
    return subprocess.run([laptop / "kubectl-howdah", *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def calls(laptop):
    return [line.split("|")[:-1] for line in (laptop / "calls").read_text(encoding="ascii").splitlines()]


def test_a_command_runs_beside_the_first_member_that_is_ready(laptop):
    assert run(laptop, "-n", "apps", "--context=prod", "switchover", "--candidate", "shop-2", "-n", "x").returncode == 3
    get, execute = calls(laptop)
    assert get[:5] == ["-n", "apps", "--context=prod", "get", "pods"] and get[-2:] == ["-l", SELECTOR]
    assert execute == ["-n", "apps", "--context=prod", "exec", "-i", "shop-1", "-c", "howdah", "--",
                       "howdahctl", "switchover", "--candidate", "shop-2", "-n", "x"]


def test_of_several_clusters_one_must_be_named(laptop):
    (laptop / "pods").write_text("shop-0 shop true\nbar-0 bar true\n", encoding="ascii")
    done = run(laptop, "list")
    assert done.returncode == 1 and "there are several clusters, shop and bar: say which by --scope" in done.stderr
    run(laptop, "--scope", "bar", "list")
    assert calls(laptop)[-1][-2:] == ["-l", f"{SELECTOR},cluster-name=bar"]


@pytest.mark.parametrize("pods, complaint", [
    ("", "no pod with the label app.kubernetes.io/name=howdah runs there"),
    ("shop-0 shop false\n", "no sidecar of shop is ready"),
    ("shop-0 shop\n", "no sidecar of shop is ready"),
])
def test_where_nobody_answers_that_is_said(laptop, pods, complaint):
    (laptop / "pods").write_text(pods, encoding="ascii")
    done = run(laptop, "list")
    assert done.returncode == 1 and complaint in done.stderr


def test_without_kubectl_that_is_said(laptop):
    (laptop / "kubectl").unlink()
    done = run(laptop, "list", PATH=str(laptop))
    assert done.returncode == 1 and "kubectl cannot be run: No such file or directory" in done.stderr


@pytest.mark.parametrize("words, complaint", [(["-n"], "-n needs a value"), (["-n", "apps"], "which command?")])
def test_half_a_command_line_is_refused(laptop, words, complaint):
    done = run(laptop, *words)
    assert done.returncode == 1 and complaint in done.stderr and not (laptop / "calls").exists()


def test_with_a_configuration_the_members_are_asked_from_here(laptop):
    for words, more in ([["-c", "/nowhere", "list"], {}], [["list"], {"PATRONICTL_CONFIG_FILE": "/nowhere"}]):
        done = run(laptop, *words, **more)
        assert done.returncode == 1 and "/nowhere" in done.stderr
    assert "Usage" in run(laptop, "--help").stdout
    assert not (laptop / "calls").exists()
