"""`make demo`: three members on a real Kubernetes API server, a client that writes, and a leader that is killed. Plain lines with times."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system" / "stories"))
import bed  # noqa: E402
import writer as writerlib  # noqa: E402

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
now = time.monotonic


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def line(what, said):
    print(f"{what:<44}{said}", flush=True)


def take_time(what, action, said):
    began = now()
    result = action()
    line(what, said(result).format(f"{now() - began:.1f} s"))
    return result


def first_leader(cluster):
    return bed.wait(cluster.leader, "a leader", 60)


def kill_leader(cluster, leader, writer):
    pid = leader.postmaster()
    moment = now()
    os.kill(pid, signal.SIGKILL)
    line(f"kill -9 of {leader.name}'s PostgreSQL", "0.00 s")
    bed.wait(lambda: cluster.leader_object().get("leader") not in (leader.name,), "the lock moves", 30)
    line("  the lock left it", f"{now() - moment:.2f} s   nothing of {leader.name} can commit any more")
    successor = bed.wait(lambda: found(cluster, leader), "another leader", 30)
    line(f"  {successor.name} leads", f"{now() - moment:.2f} s")
    first = bed.wait(lambda: writer.first_after(moment, leader.name), "a write", 30)
    gap = writer.gap_around(moment)
    line("  first write", bold(f"{first.acknowledged - moment:.2f} s") + f"   <- the client waited {gap * 1000:.0f} ms")
    bed.wait(lambda: cluster.labelled() == [successor.name], "the label", 30)
    line("  role=primary", f"{now() - moment:.2f} s   {successor.name} alone")
    cluster.wait_ready(60)
    line(f"{leader.name} is a replica again", f"{now() - moment:.1f} s")
    return successor


def found(cluster, former):
    leader = cluster.leader()
    return leader if leader is not former else None


def freeze_agent(cluster, leader, writer):
    ttl = int(cluster.leader_object()["ttl"])
    leader.agent.send_signal(signal.SIGSTOP)
    moment = now()
    line(f"{leader.name}'s agent is frozen", f"ttl {ttl} s")
    first = bed.wait(lambda: writer.first_after(moment, leader.name), "a write elsewhere", 60)
    line("  its PostgreSQL took its last write", f"{writer.last_by(leader.name) - moment:.2f} s   stopped by its supervisor")
    line(f"  {first.member} took the first one", bold(f"{first.acknowledged - moment:.2f} s") + "   never two at once")
    leader.agent.send_signal(signal.SIGCONT)
    cluster.wait_ready(60)
    line(f"{leader.name} is a replica again", f"{now() - moment:.1f} s")


def show(cluster, leader):
    env = {**os.environ, **cluster.account.environment(), "HOWDAH_CONFIG": str(leader.config), "HOWDAH_RUN_DIR": str(leader.run)}
    for command in (["list"], ["explain", "-n", "2"]):
        print(bold("\n$ howdahctl " + " ".join(command)), flush=True)
        cluster.net.run(leader.machine, [str(bed.BUILD / "howdahctl"), *command], user=bed.USER, env=env, cwd="/").wait(timeout=20)


def main():
    try:
        bed.kubelib.binary()
    except bed.kubelib.Unavailable as why:
        sys.exit(f"the demo needs a Kubernetes API server: {why}")
    with bed.netlib.Net("m0", "m1", "m2") as net, bed.kubelib.Kube(net) as kube:
        line("a Kubernetes API server", "kube-apiserver and etcd on this machine")
        kube.namespace("demo")
        cluster = bed.Cluster(kube, "demo", ttl=10)
        try:
            cluster.start()
            leader = take_time("three members, three empty volumes", lambda: first_leader(cluster), lambda m: m.name + " leads after {}")
            take_time("", cluster.wait_ready, lambda _: "both others stream {} later")
            leader.psql(writerlib.CREATE)
            with writerlib.Writer(cluster.members) as writer:
                bed.wait(lambda: len(writer.snapshot()) > 100, "rows", 20)
                line("a client writes to whoever accepts", f"{len(writer.snapshot())} rows so far")
                successor = kill_leader(cluster, leader, writer)
                freeze_agent(cluster, successor, writer)
            owners = writer.check_one_primary()
            line("the client's verdict", ", ".join(f"timeline {t}: {m}" for t, m in owners.items()) + "; " + bold("never two primaries"))
            show(cluster, cluster.leader())
        except TimeoutError:
            cluster.tell()
            raise
        finally:
            if os.environ.get("KEEP") != "1":
                cluster.close()


if __name__ == "__main__":
    main()
