"""`make demo`: builds, then three members on an API server of this machine, a client that writes all the time, a leader that is
killed, an agent that is frozen. One line an event, with times. KUBE=real takes kube-apiserver instead of devkube, KEEP=1 goes on
until Ctrl-C.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system" / "stories"))
import bed  # noqa: E402
import writer as writerlib  # noqa: E402

COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
WIDTH = 44
now = time.monotonic
# on MEMBER COMMAND ...: on the member's machine, with what howdahctl needs to find the cluster
ON = """#!/bin/sh
member=$1
shift
case $member in
{cases}
*) echo "usage: on {names} COMMAND ..." >&2; exit 2 ;;
esac
exec nsenter -t "$pid" -n env {environment} HOWDAH_CONFIG="$home/howdah.yaml" HOWDAH_RUN_DIR="$home/run" PGHOST="$home/run/pg" \\
	PGUSER=postgres PATH="{build}:{bin}:$PATH" "$@"
"""


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def line(what, when="", said=""):
    """What, when it was, and a word about it."""
    print(f"{what:<{WIDTH}}{f'{when:<8}' if when else ''}{said}".rstrip(), flush=True)


def s(seconds):
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def lines(events):
    """In the order of time; each was looked for by itself."""
    for when, what, said in sorted(events):
        line(what, s(when), said)


class Stage:
    """The cluster, the client, and who leads."""

    def __init__(self, cluster):
        self.cluster, self.writer, self.leader = cluster, None, None

    def other_leader(self, former):
        def found():
            leader = self.cluster.leader()
            return leader if leader is not former else None
        return bed.wait(found, "another leader", 60)

    def replica_again(self, member, moment):
        self.cluster.wait_ready(60)
        line(f"{member.name} is a replica again", s(now() - moment))


# ---- what happens: each act begins with a leader and ends with one, all others streaming

def begin(stage):
    began = now()
    stage.cluster.start()
    stage.leader = bed.wait(stage.cluster.leader, "a leader", 60)
    leads = now() - began
    stage.cluster.wait_ready()
    line(f"three members on {stage.what}", "", f"{stage.leader.name} leads after {s(leads)}, all streaming after {s(now() - began)}")
    stage.leader.psql(writerlib.CREATE)


def write(stage):
    stage.writer.__enter__()
    began = now()
    bed.wait(lambda: len(stage.writer.snapshot()) > 100, "rows", 20)
    rate = len(stage.writer.snapshot()) / (now() - began)
    line("a client writes to whoever takes it", "", f"{rate:.0f} rows/s, all taken by {stage.leader.name}")


def kill_leader(stage):
    old, writer = stage.leader, stage.writer
    moment = now()
    os.kill(old.postmaster(), signal.SIGKILL)
    line(f"kill -9 of {old.name}'s PostgreSQL", "0.00 s")
    bed.wait(lambda: stage.cluster.leader_object().get("leader") != old.name, "the lock moves", 30)
    line("  the lock left it", s(now() - moment), f"nothing of {old.name} can commit any more")
    stage.leader = stage.other_leader(old)
    leads = now() - moment
    first = bed.wait(lambda: writer.first_after(moment, old.name), "a write", 30).acknowledged - moment
    bed.wait(lambda: stage.cluster.labelled() == [stage.leader.name], "the label", 30)
    labelled = now() - moment
    waited = bold(f"the client waited {s(writer.gap_around(moment))}")
    lines([(leads, f"  {stage.leader.name} leads", ""), (first, "  first write", f"<- {waited}"),
           (labelled, "  role=primary", f"{stage.leader.name} alone")])
    stage.replica_again(old, moment)


def switch_over(stage):
    old, writer = stage.leader, stage.writer
    to = next(m for m in stage.cluster.members if m is not old)
    before = {c.row for c in writer.snapshot()}
    moment = now()
    argv = [str(bed.BUILD / "howdahctl"), "-c", str(old.config), "switchover", "--leader", old.name, "--candidate", to.name, "--force"]
    with old.cluster.net.inside(old.machine):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env={**os.environ, **stage.cluster.account.environment()})
    if done.returncode:
        sys.exit(f"demo: the switchover was refused: {done.stdout}{done.stderr}")
    line(f"howdahctl switchover --candidate {to.name}", "0.00 s")
    stage.leader = stage.other_leader(old)
    bed.wait(lambda: writer.first_after(moment, old.name), "a write", 30)
    there = set(map(int, stage.leader.psql("select id from story").split()))
    lost = len(before - there)
    waited = f"the client waited {s(writer.gap_around(moment))}, {lost or 'no'} row lost"
    line(f"  {stage.leader.name} leads", s(now() - moment), bold(waited))
    stage.replica_again(old, moment)


def freeze_agent(stage):
    old, writer = stage.leader, stage.writer
    ttl = stage.cluster.leader_object()["ttl"]
    moment = now()
    old.agent.send_signal(signal.SIGSTOP)
    line(f"{old.name}'s agent is frozen", "0.00 s", f"ttl {ttl} s")
    first = bed.wait(lambda: writer.first_after(moment, old.name), "a write elsewhere", 60)
    line("  its PostgreSQL took its last write", s(writer.last_by(old.name) - moment), "stopped by its supervisor in time")
    line(f"  {first.member} took the first one", s(first.acknowledged - moment), bold("never two at once"))
    stage.leader = stage.cluster[first.member]
    old.agent.send_signal(signal.SIGCONT)
    stage.replica_again(old, moment)


def judge(stage):
    """What the client saw, from its own records."""
    stage.writer.stop()
    owners = stage.writer.check_one_primary()
    acknowledged = {c.row for c in stage.writer.snapshot()}
    there = set(map(int, stage.leader.psql("select id from story").split()))
    lost = len(acknowledged - there)
    line("the client's verdict", "", bold("never two primaries") + "; timeline " + ", ".join(f"{t} of {m}" for t, m in owners.items()))
    line("", "", f"{lost or 'none'} of {len(acknowledged):,} acknowledged rows lost" + (" (replication is asynchronous)" if lost else ""))


ACTS = (begin, write, kill_leader, switch_over, freeze_agent, judge)


# ---- around it

def build():
    began = now()
    make = ["make", "-s", "-C", str(ROOT), f"-j{os.cpu_count()}", f"BUILD={bed.BUILD}", "all"]
    if bed.choice.choose(default="devkube").start is bed.choice.CHOICES["devkube"].start:
        make.append(str(bed.BUILD / "devkube"))
    done = subprocess.run(make, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(done.stdout)
    line("building", "", f"done in {now() - began:.0f} s")


def write_on(cluster):
    cases = [f"{m.name}) pid={m.supervisor.pid} home={m.home} ;;" for m in cluster.members]
    environment = " ".join(f"{key}={value}" for key, value in cluster.account.environment().items())
    script = pathlib.Path(cluster.home) / "on"
    script.write_text(ON.format(cases="\n".join(cases), names="|".join(m.name for m in cluster.members), environment=environment,
                                build=bed.BUILD, bin=bed.BIN))
    script.chmod(0o755)
    return script


def show(on, member):
    for command in ("list", "explain -n 8"):
        print(bold(f"\n$ howdahctl {command}"), flush=True)
        subprocess.run([on, member.name, "howdahctl", *command.split()], timeout=20, check=False)


def keep(cluster, on, leader):
    print(f"""
The cluster goes on. As root in another terminal:
  {on} {leader.name} howdahctl list
  {on} {leader.name} howdahctl explain
  {on} {leader.name} psql -c 'select count(*) from story'
  kill -9 $(head -1 {leader.data}/postmaster.pid)
Logs: {cluster.home}/*/agent.log and supervisor.log
Ctrl-C here, or kill {os.getpid()}, ends it and removes everything.""", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("\nending")


def run(server):
    server.namespace("demo")
    cluster = bed.Cluster(server, "demo", ttl=10)
    stage = Stage(cluster)
    stage.what, stage.writer = bed.choice.choose(default="devkube").what, writerlib.Writer(cluster.members)
    try:
        for act in ACTS:
            act(stage)
        on = write_on(cluster)
        show(on, stage.leader)
        if os.environ.get("KEEP") == "1":
            keep(cluster, on, stage.leader)
    except TimeoutError:
        cluster.tell()
        raise
    finally:
        stage.writer.stop()
        cluster.close()


def main():
    began = now()
    try:
        build()
        with bed.bed(["m0", "m1", "m2"], default="devkube") as server:
            run(server)
    except (bed.kubelib.Unavailable, ValueError) as why:
        sys.exit(f"demo: {why}")
    print(f"\n{now() - began:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
