#!/usr/bin/env python3
"""Runs every planted bug until an invariant goes red; each must within its number of seeds.

The invariants named are those of which one must be it. With --sound the same runs are made without the bug: all
must be green, else a mutant proves nothing. A mutant without seeds is a switch for what is not there yet
(synchronous modes, pause, failsafe, coordinator) and is not counted."""
import concurrent.futures
import os
import re
import subprocess
import sys

# number: (what is broken, invariants, seeds, hours a seed, further arguments)
CUTS = "cut from the API,cut from all,agent frozen,agent killed,member frozen"
MUTANTS = {
    1: ("deadman off", "I2 I1", 5, 1, []),
    2: ("T counted from the answer", "I1", 600, 1, ["--faults", "API slow,agent frozen", "--loop-wait", "10"]),
    3: ("409-then-equal credited to the last send", "I1", 100, 1,
        ["--faults", "losses,cut from all", "--loop-wait", "10"]),
    4: ("T takes the maximum", "I1", 60, 1, ["--faults", CUTS + ",ttl"]),
    5: ("T raised before the raising write is answered", "I1", 60, 1, ["--faults", CUTS + ",losses"]),
    6: ("margin constant", "I1", 250, 1, ["--faults", "cut from all,ttl", "--one-clock"]),
    7: ("observer counts from the start of its LIST", "I1", 400, 1,
        ["--faults", "API slow,API server restarted,cut from the API,agent frozen,losses", "--loop-wait", "10"]),
    8: ("observer uses its own ttl", "I1", 60, 1, ["--faults", CUTS + ",ttl"]),
    9: ("acquire repeats after 409 with the fresh version", "I1 I9", 60, 1, []),
    10: ("lock write without resourceVersion", "I1 I9", 60, 1, []),
    11: ("own name is enough", "I1 I9", 600, 1, ["--faults", CUTS + ",twin,store restored"]),
    12: ("deleted leader object is free", "I1", 60, 1, ["--faults", CUTS + ",leader object"]),
    13: ("release on the postmaster's death", "I5 I1", 30, 1, ["--faults", "postmaster", "--start-timeout", "0"]),
    14: ("kill of the process group only", "I2", 30, 1, []),
    15: ("PROMOTE before DEADLINE; promoting is not writable", "I2", 30, 1, []),
    16: ("a later DEADLINE cancels a fence", "I2", 400, 1, ["--faults", CUTS]),
    17: ("primary starts before the first answered renewal", "I1 I2", 100, 1,
         ["--faults", "container killed,agent killed,cut from the API"]),
    18: ("equal timeline is no reason to clone", "I4", 700, 1,
         ["--faults", "machine died,leader object,losses,401,403,store restored"]),
    23: ("failsafe: who answers is enough, and T counts from the last answer", "I1", 60, 1,
         ["--faults", "cut from the API,cut from all,two members cut,API outage"]),
    25: ("resume lets others race at once", "I11 I1", 60, 1,
         ["--faults", "paused,cut from the API,agent frozen,agent killed"]),
    26: ("start on a half-made directory", "I6", 30, 1, ["--faults", "agent killed,twin,container killed,machine died"]),
    27: ("directory touched without the volume's lock", "I6", 30, 1, []),
    28: ("eviction without preconditions", "I13 I14 I8 I9", 400, 1, ["--faults", "losses,template,agent killed,cut from the API,API slow"]),
    29: ("label PATCH without version", "I10", 60, 1, ["--faults", CUTS + ",losses"]),
    30: ("observation age reset at every version", "I7", 60, 1, []),
    31: ("renewal without a supervisor", "I7", 60, 1, ["--faults", "container stuck,cut from all"]),
    32: ("T checked before the socket is drained", "I8", 60, 1, ["--faults", "container frozen"]),
    33: ("Retry-After obeyed without a cap", "I8", 200, 1, ["--faults", "429,agent frozen"]),
    34: ("lag check skipped", "I3", 60, 1, ["--faults", "cut from the members,two members,machine died", "--lag", "4000"]),
    35: ("store keeps only newer objects", "I7", 500, 1, ["--faults", CUTS + ",store restored"]),
    36: ("unknown holder counts for the ttl in force", "I1", 300, 1,
         ["--faults", "ttl,leader object deleted,agent killed,API outage,cut from the API,agent frozen"]),
    37: ("a leader object that is gone is made anew although another has led since", "I1", 400, 1,
         ["--faults", "machine paused,leader object deleted"]),
    38: ("failsafe counts on a name, not on a pod", "I1", 100, 1,
         ["--from", "801", "--faults", "twin,cut from the API"]),
    41: ("roll-out goes on while a pod is not back", "I13", 60, 1, ["--faults", "template,no pod is made"]),
    42: ("roll-out goes on while a member does not stream", "I13", 60, 1, ["--faults", "template,no pod is made"]),
    43: ("a patched pod counts as updated at once", "I13", 400, 1, ["--faults", "sidecar image"]),
    44: ("the leader's sidecar is replaced under way, however slow", "I14", 60, 1, ["--faults", "sidecar image changed, slow"]),
    45: ("roll-out without a fresh renewal", "I9", 200, 1, ["--faults", CUTS + ",template,losses,sidecar image,API slow"]),
    46: ("every difference counts as more than the sidecar's", "I14", 30, 1, ["--faults", "sidecar image"]),
    47: ("the cluster is not read before the lock is taken", "I11 I1", 300, 2,
         ["--from", "801", "--faults", "paused,cut from,frozen,API outage,401,API slow"]),
    48: ("a leader object that is missing counts once, however long nobody looked", "I1", 4000, 1,
         ["--faults", "leader object deleted,cut from the API,agent frozen,agent killed"]),
    49: ("the route is written without its version", "I10", 200, 1, ["--slices", "--faults", CUTS + ",losses,API slow"]),
    50: ("the route is written whatever the lock says", "I10", 200, 1, ["--slices", "--faults", CUTS + ",losses,API slow,machine paused"]),
    51: ("a restore that the store knows nothing of counts as the cluster's data", "I4", 600, 0.2,
         ["--restores", "--faults", "pod deleted,no pod is made again"]),
    52: ("a pod counts as resized before its kubelet has done it", "I14", 60, 1, ["--faults", "resources"]),
    53: ("resources count as more than can be changed in place", "I14", 30, 1, ["--faults", "resources"]),
    54: ("a holder says that it has given back what it holds", "I1 I5 I8", 60, 1, ["--faults", CUTS + ",forced deletion"]),
    55: ("what was agreed to in failsafe mode is forgotten at once", "I1", 60, 1, ["--faults", "isolated"]),
    56: ("a leader stays in the replicas' Service", "I10", 10, 1, []),
}


# planted, and so rare that no number of seeds for CI finds it: run by number, not counted
RARE = {7, 48}


def run(program, number, sound):
    what, invariants, seeds, hours, more = MUTANTS[number]
    command = [program, "--mutant", str(number), "--seeds", str(seeds), "--hours", str(hours),
               "--only", invariants, "--brief"] + more
    if sound:  # the same without the bug: nothing may be red
        command[2] = "0"
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, text=True)
    found = re.search(r"VIOLATION (I\d+) seed (\d+)", done.stdout)
    said = f"{found.group(1)} at seed {found.group(2)}" if found else f"nothing red, exit {done.returncode}"
    good = done.returncode == 0 if sound else found is not None and found.group(1) in invariants.split()
    word = ("sound" if good else "RED") if sound else ("caught" if good else "MISSED")
    print(f"{word:6} {number:2} {what}: {said}", flush=True)
    return good


def main():
    program = sys.argv[1]
    sound = "--sound" in sys.argv
    numbers = [int(n) for n in sys.argv[2:] if n != "--sound"] or [n for n in MUTANTS if n not in RARE]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        caught = sum(pool.map(lambda n: run(program, n, sound), numbers))
    print(f"{caught} of {len(numbers)} {'runs without a bug are green' if sound else 'mutants caught'}")
    sys.exit(caught != len(numbers))


if __name__ == "__main__":
    main()
