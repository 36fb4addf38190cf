"""What `make install` puts where."""
import os
import subprocess

import pytest

from conftest import BUILD
from member import ROOT, sh


@pytest.mark.parametrize("patronictl", ["", "1"])
def test_programs_and_names(tmp_path, patronictl):
    sh("make", "-s", f"BUILD={BUILD}", f"DESTDIR={tmp_path}", "PREFIX=/opt/howdah", f"PATRONICTL={patronictl}", "install", cwd=ROOT)
    there = tmp_path / "opt/howdah/bin"
    names = {"howdah", "howdah-supervisor", "howdahctl", "kubectl-howdah"} | ({"patronictl"} if patronictl else set())
    assert {p.name for p in there.iterdir()} == names
    for name in names - {"howdah", "howdah-supervisor", "howdahctl"}:
        assert os.readlink(there / name) == "howdahctl"
    if patronictl:
        said = subprocess.run([there / "patronictl", "version"], capture_output=True, text=True, timeout=10)
        assert said.stdout.startswith("patronictl version "), said
