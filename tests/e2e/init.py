"""Process 1 of a machine of the bed: `init.py SPEC`, in namespaces of its own (network, mount, pid, uts).

Makes the machine's file system what it should be, starts the programs of SPEC and starts them again when they end, and
reaps orphans. Whoever kills this process has cut the machine's power.
"""
import glob
import json
import os
import subprocess
import sys
import time
import uuid

PAUSE_S = 0.5


def join_cgroups(path):
    """In every hierarchy; what the machine starts is counted and frozen with it."""
    for tasks in glob.glob(f"/sys/fs/cgroup/*{path}/cgroup.procs"):
        write(tasks, "0")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def make_file_system(spec):
    mount("--make-rprivate", "/")
    # copies of other people's mounts would keep their layers and namespaces alive
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        places = [line.split()[1] for line in mounts]
    for place in reversed(places):
        if place.startswith(("/var/lib/", "/run/")):
            subprocess.run(["umount", "--lazy", place], check=True)
    mount("-t", "proc", "proc", "/proc")
    for source, place in spec["binds"]:
        mount("--bind", source, place)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.makedirs("/run/lock")
    write("/run/boot_id", str(uuid.uuid4()))
    mount("--bind", "/run/boot_id", "/proc/sys/kernel/random/boot_id")  # each start is another boot
    mount("--make-rshared", "/")


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def set_switches(switches):
    for name, value in switches.items():
        path = "/proc/sys/" + name
        if os.path.exists(path):
            write(path, value)


def start(program, logs):
    with open(f"{logs}/{program['name']}.log", "ab") as log:
        return subprocess.Popen(program["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")


def keep(programs, logs):
    """Each runs as soon as what it needs is there, and again after it has ended."""
    running, earliest = {}, {}
    while True:
        now = time.monotonic()
        for program in programs:
            name = program["name"]
            if name not in running and now >= earliest.get(name, 0) and os.path.exists(program.get("after", "/")):
                running[name] = start(program, logs)
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            for name in [n for n, process in running.items() if process.pid == pid]:
                running.pop(name).returncode = 0
                earliest[name] = now + PAUSE_S
        time.sleep(0.05)


def main():
    with open(sys.argv[1], encoding="utf-8") as text:
        spec = json.load(text)
    join_cgroups(spec["cgroup"])
    make_file_system(spec)
    subprocess.run(["hostname", spec["name"]], check=True)
    set_switches(spec["switches"])
    write("/run/ready", "")
    keep(spec["programs"], spec["logs"])


if __name__ == "__main__":
    main()
