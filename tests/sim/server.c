/* A data directory and the processes on it: postmaster, backends, walreceiver, and an orphan that goes on committing
 * when the postmaster is dead. It streams as PostgreSQL does: timeline numbers and switch points are all it compares. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static struct volume *volumes;

struct volume *volume_new(void)
{
	struct volume *v = calloc(1, sizeof(*v));
	assert(v);
	*v = (struct volume){
		.id = volumes ? volumes->id + 1 : 1, .data = DATA_EMPTY, .at.branch = -1, .next = volumes
	};
	volumes = v;
	return v;
}

void volumes_finish(void)
{
	struct volume *next;
	for (; volumes; volumes = next) {
		next = volumes->next;
		free(volumes);
	}
}

bool server_can_commit(const struct server *s)
{
	return s->process && (s->orphan || (s->postmaster && s->phase == SERVER_PRIMARY) || s->was_writable);
}

static void each_server(void (*fn)(struct server *s, struct server *of), struct server *of)
{
	for (struct supervisor *s = supervisor_next(NULL); s; s = supervisor_next(s))
		fn(supervisor_server(s), of);
}

struct server *server_at(const char *ip, int port)
{
	struct pod *pod = port == 5432 ? pod_by_ip(ip) : NULL;
	return pod && pod->supervisor ? supervisor_server(pod->supervisor) : NULL;
}

/* ---- streaming ---- */

static void on_receive(void *arg);
static void on_stream_retry(void *arg);

/* What walreceiver and walsender check, and nothing more. */
static bool would_stream(const struct position *mine, const struct position *theirs)
{
	uint32_t n = wal_branch(mine->branch)->timeline, m = wal_branch(theirs->branch)->timeline;
	if (n > m)
		return false;
	if (n == m)
		return mine->lsn <= theirs->lsn;
	return mine->lsn <= wal_left_at(theirs->branch, n);
}

/* A primary that stops in an orderly way goes on sending until the end. */
static bool serves_wal(const struct server *u)
{
	bool stops = u->phase == SERVER_STOPPING && u->orderly && u->volume->control == CONTROL_IN_PRODUCTION;
	return u->process && u->process->frozen == 0 && u->postmaster &&
	       (stops || u->phase == SERVER_PRIMARY || u->phase == SERVER_STANDBY || u->phase == SERVER_PROMOTING);
}

static bool stream_can_go_on(const struct server *s)
{
	const struct server *u = s->upstream;
	return serves_wal(u) && net_reaches_pod(s->process->pod, u->process->pod) &&
	       would_stream(&s->volume->at, &u->volume->at);
}

static void retry_later(struct server *s)
{
	if (!s->stream_retry && s->phase == SERVER_STANDBY)
		s->stream_retry = sim_after(sim_between(500, 5000) * MS_US, s->process, on_stream_retry, s);
}

static void stream_break(struct server *s)
{
	sim_cancel(&s->receive);
	s->upstream = NULL;
	retry_later(s);
}

static void break_if_gone(struct server *s, UNUSED struct server *of)
{
	if (s->process && s->upstream && !stream_can_go_on(s))
		stream_break(s);
}

void server_links_changed(void)
{
	each_server(break_if_gone, NULL);
}

static void receive_soon(struct server *s, struct server *of)
{
	if (s->process && s->upstream == of && !s->receive)
		s->receive = sim_after(sim_skewed(500, 20 * MS_US, 3 * SECOND_US), s->process, on_receive, s);
}

/* Along the upstream's history; now and then not all that is there. */
static void advance(struct position *mine, const struct position *theirs)
{
	uint64_t lsn = theirs->lsn;
	int branch = theirs->branch;
	if (sim_chance(100))
		lsn = mine->lsn + (theirs->lsn - mine->lsn) / 2;
	while (wal_branch(branch)->begin > lsn ||
	       (wal_branch(branch)->begin == lsn && branch != theirs->branch && wal_branch(branch)->parent >= 0))
		branch = wal_branch(branch)->parent;
	*mine = (struct position){ branch, lsn };
}

static void on_receive(void *arg)
{
	struct server *s = arg;
	s->receive = NULL;
	if (!stream_can_go_on(s)) {
		stream_break(s);
		return;
	}
	check_stream(s, s->upstream);
	if (s->volume->at.branch == s->upstream->volume->at.branch && s->volume->at.lsn == s->upstream->volume->at.lsn)
		return;
	advance(&s->volume->at, &s->upstream->volume->at);
	if (s->volume->at.lsn < s->upstream->volume->at.lsn)
		receive_soon(s, s->upstream);
	each_server(receive_soon, s);
}

static void on_stream_retry(void *arg)
{
	struct server *s = arg;
	s->stream_retry = NULL;
	if (s->upstream || s->phase != SERVER_STANDBY || s->volume->upstream_host[0] == '\0')
		return;
	struct server *u = server_at(s->volume->upstream_host, s->volume->upstream_port);
	if (!u || u == s || !serves_wal(u) || !net_reaches_pod(s->process->pod, u->process->pod) ||
	    !would_stream(&s->volume->at, &u->volume->at)) {
		retry_later(s);
		return;
	}
	s->upstream = u;
	receive_soon(s, u);
}

/* ---- up ---- */

static void become_primary(struct server *s, bool promoted)
{
	struct volume *v = s->volume;
	const struct branch *b = wal_branch(v->at.branch);
	if (promoted)
		v->at.branch = wal_branch_new(
			v->at.branch, v->next_timeline > b->timeline ? v->next_timeline : b->timeline + 1, v->at.lsn);
	else if (b->end > v->at.lsn || b->writer != v->id)
		v->at.branch = wal_branch_new(v->at.branch, b->timeline, v->at.lsn);
	world->wal->branches[v->at.branch].writer = v->id;
	wal_append(&v->at, 120);
	v->control = CONTROL_IN_PRODUCTION;
	v->checkpoint_lsn = v->at.lsn;
	v->standby_signal = false;
	s->phase = SERVER_PRIMARY;
	s->upstream = NULL;
	s->writable_since = world->now;
	world->counters.promotions++;
	sim_trace("%s: writable on timeline %u", s->process->pod->name, wal_branch(v->at.branch)->timeline);
	check_writers_changed();
	each_server(receive_soon, s);
}

static void on_crashed_down(void *arg);

static void on_started(void *arg)
{
	struct server *s = arg;
	s->step = NULL;
	if (s->as_primary && s->volume->recovers && sim_chance(100)) {
		on_crashed_down(s); /* it did not come to its target */
		return;
	}
	if (s->as_primary) {
		bool recovered = s->volume->recovers;
		s->volume->recovers = false;
		become_primary(s, recovered);
	} else {
		s->phase = SERVER_STANDBY;
		s->volume->control = CONTROL_IN_ARCHIVE_RECOVERY;
		s->volume->checkpoint_lsn = s->volume->at.lsn;
		s->stream_retry = sim_after(sim_between(20, 300) * MS_US, s->process, on_stream_retry, s);
	}
	supervisor_ready(s->supervisor);
}

bool server_start(struct supervisor *sup, bool as_primary)
{
	struct server *s = supervisor_server(sup);
	struct volume *v = supervisor_pod(sup)->volume;
	*s = (struct server){ .process = process_new(PROCESS_POSTGRES, supervisor_pod(sup)),
			      .supervisor = sup,
			      .volume = v,
			      .phase = SERVER_STARTING,
			      .as_primary = as_primary,
			      .postmaster = true };
	v->trees++;
	check_server_started(s);
	if (v->data != DATA_OK)
		return false;
	bool recovers = as_primary && v->recovers;
	if (recovers)
		v->control = CONTROL_IN_ARCHIVE_RECOVERY;
	s->step = sim_after(recovers ? sim_skewed(1 * SECOND_US, 15 * SECOND_US, 45 * SECOND_US)
				     : sim_skewed(120 * MS_US, 3 * SECOND_US, 15 * SECOND_US),
			    s->process, on_started, s);
	return true;
}

static void on_promoted(void *arg)
{
	struct server *s = arg;
	s->step = NULL;
	become_primary(s, true);
	supervisor_ready(s->supervisor);
}

void server_promote(struct server *s)
{
	check_promoted(s);
	sim_cancel(&s->receive);
	sim_cancel(&s->stream_retry);
	s->upstream = NULL;
	s->phase = SERVER_PROMOTING;
	s->step = sim_after(sim_skewed(60 * MS_US, 2 * SECOND_US, 10 * SECOND_US), s->process, on_promoted, s);
}

void server_reload(struct server *s)
{
	if (s->phase != SERVER_STANDBY)
		return;
	sim_cancel(&s->receive);
	sim_cancel(&s->stream_retry);
	s->upstream = NULL;
	s->stream_retry = sim_after(sim_between(5, 200) * MS_US, s->process, on_stream_retry, s);
}

void server_commit(struct server *s)
{
	wal_append(&s->volume->at, (uint64_t)sim_between(100, 9000));
	world->counters.commits++;
	each_server(receive_soon, s);
}

/* ---- down ---- */

static void cancel_all(struct server *s)
{
	sim_cancel(&s->step);
	sim_cancel(&s->receive);
	sim_cancel(&s->stream_retry);
}

static void gone(struct server *s)
{
	cancel_all(s);
	s->process->dead = true;
	s->process = NULL;
	s->postmaster = s->orphan = s->was_writable = false;
	s->phase = SERVER_DOWN;
	s->upstream = NULL;
	s->volume->trees--;
	server_links_changed();
	check_writers_changed();
}

static void take_last_wal(struct server *s, struct server *of)
{
	if (s->process && s->upstream == of && stream_can_go_on(s) && sim_chance(950)) {
		check_stream(s, of);
		s->volume->at = of->volume->at;
	}
}

static void on_archived(void *arg)
{
	struct server *s = arg;
	struct supervisor *sup = s->supervisor;
	s->step = NULL;
	gone(s);
	supervisor_postmaster_died(sup);
}

static void on_stopped(void *arg)
{
	struct server *s = arg;
	struct volume *v = s->volume;
	s->step = NULL;
	if (v->control == CONTROL_IN_PRODUCTION) {
		v->checkpoint_lsn = v->at.lsn; /* pg_control names where the shutdown's record begins */
		wal_append(&v->at, 120);
		s->phase = SERVER_PRIMARY; /* walsenders end last: whoever streams gets all of it */
		s->was_writable = false;
		each_server(take_last_wal, s);
		v->control = CONTROL_SHUT_DOWN;
		s->phase = SERVER_STOPPING;
		check_writers_changed();
		if (sim_chance(300)) { /* an archiver that takes its time */
			s->step = sim_after(sim_skewed(100 * MS_US, 5 * SECOND_US, 120 * SECOND_US), s->process,
					    on_archived, s);
			supervisor_shut_down(s->supervisor);
			return;
		}
	} else {
		v->control = CONTROL_SHUT_DOWN_IN_RECOVERY;
	}
	struct supervisor *sup = s->supervisor;
	gone(s);
	supervisor_postmaster_died(sup);
}

static void on_backends_gone(void *arg)
{
	struct server *s = arg;
	s->was_writable = false;
	check_writers_changed();
	s->step = sim_after(sim_skewed(50 * MS_US, 2 * SECOND_US, 25 * SECOND_US), s->process, on_stopped, s);
}

static void on_crashed_down(void *arg)
{
	struct server *s = arg;
	struct supervisor *sup = s->supervisor;
	s->step = NULL;
	gone(s);
	supervisor_postmaster_died(sup);
}

void server_stop(struct server *s, bool immediate)
{
	if (!s->process || !s->postmaster)
		return;
	s->was_writable |= s->phase == SERVER_PRIMARY;
	cancel_all(s);
	s->upstream = NULL;
	s->phase = SERVER_STOPPING;
	s->orderly = !immediate;
	if (immediate)
		s->step = sim_after(sim_between(5, 300) * MS_US, s->process, on_crashed_down, s);
	else
		s->step = sim_after(sim_between(2, 250) * MS_US, s->process, on_backends_gone, s);
	check_writers_changed();
	server_links_changed();
}

static void on_orphan_commits(void *arg)
{
	struct server *s = arg;
	server_commit(s);
	s->step = sim_after(sim_between(5, 80) * MS_US, s->process, on_orphan_commits, s);
}

static void on_backends_notice(void *arg)
{
	struct server *s = arg;
	struct supervisor *sup = s->supervisor;
	s->step = NULL;
	gone(s);
	supervisor_nothing_left(sup);
}

void server_kill_postmaster(struct server *s, bool leave_orphan)
{
	if (!s->process || !s->postmaster)
		return;
	bool writable = server_can_commit(s);
	cancel_all(s);
	s->upstream = NULL;
	s->postmaster = false;
	s->orphan = writable && leave_orphan;
	s->was_writable = writable;
	s->step = s->orphan ? sim_after(10 * MS_US, s->process, on_orphan_commits, s)
			    : sim_after(sim_between(1, 400) * MS_US, s->process, on_backends_notice, s);
	server_links_changed();
	check_writers_changed();
	supervisor_postmaster_died(s->supervisor);
}

static void on_killed(void *arg)
{
	struct server *s = arg;
	struct supervisor *sup = s->supervisor;
	s->dying = NULL;
	if (!s->process)
		return;
	gone(s);
	supervisor_nothing_left(sup);
}

/* SIGKILL to all of it: nothing runs user code a moment later, frozen or not. */
void server_kill(struct server *s)
{
	if (s->process && !s->dying)
		s->dying = sim_after(sim_between(0, mutant(16) ? 600 : 40) * MS_US, NULL, on_killed, s);
}

/* The container is gone, and with it every process of it. */
void server_gone_with_container(struct server *s)
{
	sim_cancel(&s->dying);
	if (s->process)
		gone(s);
}
