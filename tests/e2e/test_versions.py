"""Images with other versions of PostgreSQL, not Debian's: found by PATH, in the layout of the official image of that version."""
import time

import pytest

import client as clientlib
import images
from bed import Unavailable
from test_faults import node_without

now = time.monotonic
# the official image from 18 on keeps its data in a directory of the version
LAYOUT = {18: ["persistence.mountPath=/var/lib/postgresql", "postgres.dataDir=/var/lib/postgresql/18/docker"]}


@pytest.mark.parametrize("major", (13, 17, 18))
def test_a_cluster_of_another_version_lives(bed, versions, make_release, watch, note, major):
    archive = versions[major]
    if isinstance(archive, Unavailable):
        pytest.skip(str(archive))
    bed.load(archive)
    release = make_release(settings=LAYOUT.get(major, []), postgres=images.postgres_name(major))
    leader = release.wait_ready(3)
    note("version", leader.psql("show server_version"))
    assert leader.psql("show server_version").split(".")[0] == str(major)
    leader.psql(clientlib.writer.CREATE)
    client = watch(release, node_without(bed, leader))
    begun = now()
    leader.howdahctl("switchover", "--force")
    heir = release.wait_leader_other_than(leader.name)
    heir = release.wait_ready(3)
    release.api.delete("pods", release.namespace, heir.name)
    release.wait_leader_other_than(heir.name)
    successor = release.wait_ready(3)
    note("gap_s", client.gap_between(begun, now()))
    assert client.gap_between(begun, now()) < 5
    client.stop()
    note("acknowledged", client.check_nothing_lost(successor))
