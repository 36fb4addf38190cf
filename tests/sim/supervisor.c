/* The supervisor as a process of its own: a socket queue that is drained before T is checked, the shipped machine, and
 * the server below it. */
#include "pg_model.h"

#include <stdlib.h>
#include <string.h>

enum { TERM_HOLD_MS = 100000, AGENT_SILENCE_US = 3000000 };

struct supervisor {
	struct supervisor *next;
	struct process *process;
	struct pod *pod;
	struct server server;
	struct sup_status status, sent;
	uint64_t deadline_generation, deadline_number, generation;
	bool answered, status_due;
	struct message queue[QUEUE_MAX];
	int first, count;
	uint64_t connection;    /* that is served; 0: none */
	struct postgres *agent; /* its other end; NULL: closed */
	int64_t heard_at;
	bool talked_out; /* mutant 16: its fence was cancelled, and with it the watch over T */
	bool server_died_due, nothing_left_due, ready_due, term_go;
	struct event *turn, *deadline_due, *escalate_due, *job_done, *term_due, *volume_retry;
	uint32_t escalate_ms;
	int escalations;
	enum stop_mode stop_mode;
	bool term_acted;
	struct process *clone_from;
};

static void turn(struct supervisor *s);

static void on_turn(void *arg)
{
	struct supervisor *s = arg;
	s->turn = NULL;
	turn(s);
}

static void turn_soon(struct supervisor *s)
{
	if (!s->turn)
		s->turn = sim_after(sim_between(20, 300), s->process, on_turn, s);
}

struct server *supervisor_server(struct supervisor *s)
{
	return &s->server;
}

struct process *supervisor_process(struct supervisor *s)
{
	return s->process;
}

struct pod *supervisor_pod(struct supervisor *s)
{
	return s->pod;
}

struct instant supervisor_deadline(const struct supervisor *s)
{
	return (struct instant){ s->status.deadline.boot_us, s->status.deadline.raw_us };
}

bool supervisor_is_fencing(const struct supervisor *s)
{
	return s->status.tree == TREE_FENCING;
}

bool supervisor_is_unguarded(const struct supervisor *s)
{
	return s->status.unguarded;
}

bool supervisor_may_be_writable(const struct supervisor *s)
{
	return s->status.writable;
}

static struct frame_instant now_of(const struct supervisor *s)
{
	struct instant t = machine_now(s->pod->machine);
	return (struct frame_instant){ t.boot_us, t.raw_us };
}

/* ---- the machine and what it says ---- */

static enum machine_action event(struct supervisor *s, enum machine_event e);

static void try_volume(struct supervisor *s)
{
	struct volume *v = s->pod->volume;
	if (!v->lock)
		v->lock = s;
	s->status.volume_locked = v->lock == s;
}

static void kill_all(struct supervisor *s)
{
	if (s->job_done && s->status.tree == TREE_FENCING) {
		sim_cancel(&s->job_done);
		s->status.job = JOB_NONE;
		if (s->agent)
			driver_exited(s->agent, false);
	}
	if (mutant(14) && s->server.process) {
		server_kill_postmaster(&s->server, true);
		if (!s->server.orphan)
			server_kill(&s->server);
		return;
	}
	server_kill(&s->server);
}

static void report_down(struct supervisor *s, enum tree_state before)
{
	s->status.writable = false;
	s->status.left = 0;
	sim_cancel(&s->escalate_due);
	if (before != TREE_FENCING)
		return;
	s->status.fenced = true;
	s->status.deadline = (struct frame_instant){ 0, 0 };
	sim_cancel(&s->deadline_due);
}

static void spawn(struct supervisor *s)
{
	s->status.postmaster_count++;
	s->status.postmaster_at = now_of(s);
	s->status.fenced = false;
	s->status.fence_reason = FENCE_NONE;
	s->status.left = 1;
	server_start(s, s->status.tree == TREE_PROMOTING);
}

static void act(struct supervisor *s, enum machine_action action, enum tree_state before)
{
	switch (action) {
	case DO_SPAWN:
		spawn(s);
		break;
	case DO_PROMOTE:
		server_promote(&s->server);
		break;
	case DO_RELOAD:
		server_reload(&s->server);
		break;
	case DO_SIGNAL_STOP:
		server_stop(&s->server, s->stop_mode == STOP_IMMEDIATE);
		break;
	case DO_KILL_ALL:
		kill_all(s);
		break;
	case DO_REPORT_DOWN:
		report_down(s, before);
		break;
	case DO_NOTHING:
	case DO_REFUSE:
		break;
	}
}

static const enum fence_reason reasons[EVENT_COUNT] = {
	[EVENT_DEADLINE_PASSED] = FENCE_DEADLINE, [EVENT_POSTMASTER_DIED] = FENCE_ORPHANS,
	[EVENT_UNASKED_PRIMARY] = FENCE_UNASKED,  [EVENT_FENCE] = FENCE_ASKED,
	[EVENT_ESCALATE] = FENCE_STOP_ESCALATED,
};

static void watch_deadline(struct supervisor *s);

static bool a_deadline_waits(const struct supervisor *s)
{
	struct frame_instant now = now_of(s);
	for (int i = 0; i < s->count; i++) {
		const struct message *m = &s->queue[(s->first + i) % QUEUE_MAX];
		if (m->type == FRAME_DEADLINE && m->connection == s->connection &&
		    !machine_deadline_passed(&m->deadline.at, &now))
			return true;
	}
	return false;
}

static enum machine_action event(struct supervisor *s, enum machine_event e)
{
	enum tree_state before = s->status.tree;
	struct machine_step step = machine_step(before, s->status.writable, e);
	s->status.tree = step.next;
	if (step.next == TREE_PROMOTING && !mutant(15))
		s->status.writable = true;
	if (step.next == TREE_PRIMARY && before == TREE_PROMOTING && !mutant(15))
		s->status.writable = true;
	if (step.next == TREE_FENCING && before != TREE_FENCING) {
		if (e == EVENT_DEADLINE_PASSED && a_deadline_waits(s))
			violation("I8", "%s is fenced while a later deadline waits in the supervisor's socket",
				  s->pod->name);
		s->status.fence_reason = reasons[e];
		sim_trace("%s: supervisor fences (event %d)", s->pod->name, e);
		check_fenced(s);
	}
	act(s, step.action, before);
	watch_deadline(s);
	turn_soon(s);
	return step.action;
}

static void check_deadline(struct supervisor *s)
{
	struct frame_instant now = now_of(s);
	if (mutant(1) || s->talked_out || !s->status.writable || s->status.unguarded || s->status.tree == TREE_FENCING)
		return;
	if (machine_deadline_passed(&s->status.deadline, &now))
		event(s, EVENT_DEADLINE_PASSED);
}

static void on_deadline(void *arg)
{
	struct supervisor *s = arg;
	s->deadline_due = NULL;
	watch_deadline(s); /* turn() may be our end */
	turn(s);
}

/* When the faster clock shows T, and as late as a busy node makes it. */
static void watch_deadline(struct supervisor *s)
{
	const struct machine *m = s->pod->machine;
	sim_cancel(&s->deadline_due);
	if (!s->status.writable || s->status.unguarded || s->status.tree == TREE_FENCING)
		return;
	int64_t boot = clock_until(&m->boot, s->status.deadline.boot_us),
		raw = clock_until(&m->raw, s->status.deadline.raw_us);
	int64_t late = sim_skewed(0, 20 * MS_US, 400 * MS_US);
	s->deadline_due = sim_after((boot < raw ? boot : raw) + late, s->process, on_deadline, s);
}

/* ---- what the server below tells ---- */

void supervisor_postmaster_died(struct supervisor *s)
{
	s->server_died_due = true;
	turn_soon(s);
}

void supervisor_nothing_left(struct supervisor *s)
{
	s->nothing_left_due = true;
	turn_soon(s);
}

/* pg_control says "shut down", and the postmaster lives on for the archiver: nothing can commit any more. */
void supervisor_shut_down(struct supervisor *s)
{
	if (s->status.tree == TREE_STOPPING)
		s->status.writable = false;
	s->status_due = true;
	turn_soon(s);
}

void supervisor_ready(struct supervisor *s)
{
	s->ready_due = true;
	turn_soon(s);
}

static void reap(struct supervisor *s)
{
	if (s->server_died_due) {
		s->server_died_due = false;
		if (mutant(13))
			report_down(s, s->status.tree), s->status.tree = TREE_DOWN;
		else
			event(s, EVENT_POSTMASTER_DIED);
	}
	if (s->nothing_left_due || (!s->server.process && s->status.tree != TREE_DOWN)) {
		s->nothing_left_due = false;
		if (!s->server.process)
			event(s, EVENT_NOTHING_LEFT);
	}
	if (s->ready_due) {
		s->ready_due = false;
		if (s->server.process && s->server.postmaster)
			event(s, EVENT_READY);
	}
}

/* ---- the agent's frames ---- */

static enum reply_code reply_to(const struct supervisor *s, enum machine_action action)
{
	if (action != DO_REFUSE)
		return REPLY_OK;
	return s->status.tree == TREE_FENCING ? REPLY_FENCING : REPLY_BUSY;
}

static enum reply_code may_be_writable(const struct supervisor *s)
{
	struct frame_instant now = now_of(s);
	return mutant(15) || mutant(17) ? REPLY_OK : machine_may_be_writable(&s->status.deadline, &now, s->answered);
}

static enum reply_code handle_start(struct supervisor *s, const struct message *m)
{
	const struct volume *v = s->pod->volume;
	enum machine_event e = m->as == START_PRIMARY ? EVENT_START_PRIMARY : EVENT_START_STANDBY;
	enum machine_action action = machine_step(s->status.tree, s->status.writable, e).action;
	if (action == DO_REFUSE)
		return reply_to(s, action);
	if (!s->status.volume_locked && !mutant(27))
		return REPLY_NO_LOCK;
	if (s->status.job != JOB_NONE || s->term_acted)
		return REPLY_BUSY;
	if (v->changing && !mutant(26))
		return REPLY_MARKED;
	if (v->standby_signal != (m->as == START_STANDBY))
		return REPLY_SIGNAL_FILE;
	enum reply_code code = m->as == START_PRIMARY ? may_be_writable(s) : REPLY_OK;
	struct frame_instant now = now_of(s);
	if (mutant(17) && m->as == START_PRIMARY && machine_deadline_passed(&s->status.deadline, &now))
		s->status.deadline =
			(struct frame_instant){ now.boot_us + 20 * SECOND_US, now.raw_us + 20 * SECOND_US };
	if (code == REPLY_OK)
		event(s, e);
	return code;
}

static enum reply_code handle_deadline(struct supervisor *s, const struct message *m)
{
	struct frame_instant now = now_of(s);
	if (s->status.tree == TREE_FENCING && !mutant(16))
		return REPLY_FENCING;
	struct machine_deadline present = { s->deadline_generation, s->deadline_number, s->status.deadline };
	struct machine_deadline asked = { s->generation, m->deadline.number, m->deadline.at };
	enum reply_code code =
		machine_accept_deadline(&present, &asked, &now, s->status.writable && !m->deadline.unguarded);
	if (code != REPLY_OK)
		return code;
	s->deadline_generation = asked.generation;
	s->deadline_number = asked.number;
	s->status.deadline = asked.at;
	s->status.unguarded = m->deadline.unguarded;
	memcpy(s->status.token, m->deadline.token, sizeof(s->status.token));
	s->answered |= m->deadline.answered == 1;
	if (mutant(16) && s->status.tree == TREE_FENCING && s->server.process) {
		sim_cancel(&s->server.dying);
		s->status.tree = s->server.phase == SERVER_PRIMARY ? TREE_PRIMARY : TREE_STANDBY;
		s->talked_out = true;
	} else {
		s->talked_out = false;
	}
	watch_deadline(s);
	return REPLY_OK;
}

static void on_escalate(void *arg)
{
	struct supervisor *s = arg;
	s->escalate_due = NULL;
	s->stop_mode = STOP_IMMEDIATE;
	s->escalate_due = sim_after(s->escalate_ms * MS_US, s->process, on_escalate, s);
	event(s, s->escalations++ == 0 ? EVENT_STOP : EVENT_ESCALATE);
}

static enum reply_code handle_stop(struct supervisor *s, const struct message *m)
{
	s->stop_mode = (enum stop_mode)m->stop.mode;
	s->escalate_ms = m->stop.escalate_ms;
	s->escalations = 0;
	sim_cancel(&s->escalate_due);
	enum machine_action action = event(s, EVENT_STOP);
	if (s->escalate_ms > 0 && s->status.tree == TREE_STOPPING)
		s->escalate_due = sim_after(s->escalate_ms * MS_US, s->process, on_escalate, s);
	return reply_to(s, action);
}

static enum reply_code handle_promote(struct supervisor *s)
{
	enum machine_action action = machine_step(s->status.tree, s->status.writable, EVENT_PROMOTE).action;
	if (action == DO_REFUSE)
		return reply_to(s, action);
	enum reply_code code = may_be_writable(s);
	return code != REPLY_OK ? code : reply_to(s, event(s, EVENT_PROMOTE));
}

/* ---- programs beside the server ---- */

static void job_end(struct supervisor *s, bool ok)
{
	s->status.job = JOB_NONE;
	if (s->agent)
		driver_exited(s->agent, ok);
	turn_soon(s);
}

static void on_initdb_done(void *arg)
{
	struct supervisor *s = arg;
	struct volume *v = s->pod->volume;
	s->job_done = NULL;
	bool ok = !sim_chance(20);
	if (ok) {
		v->data = DATA_OK;
		v->at = (struct position){ wal_branch_new(-1, 1, 1 << 24), 1 << 24 };
		world->wal->branches[v->at.branch].writer = v->id;
		v->control = CONTROL_SHUT_DOWN;
		v->standby_signal = false;
		snprintf(v->system_identifier, sizeof(v->system_identifier), "70000000000000%05u",
			 sim_random() % 100000);
	}
	job_end(s, ok);
}

/* Whoever restores it gets the same system, at the same place. */
static void on_restore_done(void *arg)
{
	struct supervisor *s = arg;
	struct volume *v = s->pod->volume;
	s->job_done = NULL;
	bool ok = !sim_chance(100);
	if (ok) {
		v->data = DATA_OK;
		v->at = wal_backup();
		v->control = CONTROL_IN_PRODUCTION;
		v->standby_signal = false;
		v->recovers = true;
		text_copy(v->system_identifier, sizeof(v->system_identifier), "7000000000000099999");
	}
	job_end(s, ok);
}

static void on_clone_done(void *arg)
{
	struct supervisor *s = arg;
	struct volume *v = s->pod->volume;
	s->job_done = NULL;
	struct process *from = s->clone_from;
	struct server *u =
		from && !from->dead ? from->pod->supervisor ? supervisor_server(from->pod->supervisor) : NULL : NULL;
	bool ok = u && u->process == from && from->frozen == 0 && net_reaches_pod(s->pod, from->pod) && !sim_chance(20);
	if (ok) {
		v->data = DATA_OK;
		v->at = u->volume->at;
		text_copy(v->system_identifier, sizeof(v->system_identifier), u->volume->system_identifier);
		v->control = CONTROL_IN_PRODUCTION;
		v->standby_signal = false;
		v->roles_made = true;
	}
	job_end(s, ok);
}

static bool serves(const struct supervisor *s, struct process *from)
{
	struct server *u =
		from && !from->dead && from->pod->supervisor ? supervisor_server(from->pod->supervisor) : NULL;
	return u && u->process == from && from->frozen == 0 && u->phase == SERVER_PRIMARY &&
	       net_reaches_pod(s->pod, from->pod);
}

static void on_rewind_done(void *arg)
{
	struct supervisor *s = arg;
	struct volume *v = s->pod->volume;
	s->job_done = NULL;
	const struct volume *source =
		serves(s, s->clone_from) ? supervisor_server(s->clone_from->pod->supervisor)->volume : NULL;
	bool same = source && v->rewind_timeline == wal_branch(source->at.branch)->timeline;
	bool ok = same && !sim_chance(20) && wal_rewind(&v->at, source->at);
	if (ok)
		v->control = CONTROL_IN_ARCHIVE_RECOVERY;
	job_end(s, ok);
}

static void on_look_done(void *arg)
{
	struct supervisor *s = arg;
	s->job_done = NULL;
	job_end(s, true);
}

static enum reply_code handle_run(struct supervisor *s, const struct message *m)
{
	struct volume *v = s->pod->volume;
	if (s->status.job != JOB_NONE || s->status.tree != TREE_DOWN)
		return REPLY_BUSY;
	s->status.job = m->job;
	switch (m->job) {
	case JOB_INITDB:
		s->job_done = sim_after(sim_skewed(300 * MS_US, 3 * SECOND_US, 15 * SECOND_US), s->process,
					on_initdb_done, s);
		break;
	case JOB_RESTORE: /* it may take longer than a ttl */
		v->data = DATA_INVALID;
		s->job_done = sim_after(sim_skewed(1 * SECOND_US, 15 * SECOND_US, 45 * SECOND_US), s->process,
					on_restore_done, s);
		break;
	case JOB_CLONE: {
		struct server *u = server_at(m->host, 5432);
		s->clone_from = u ? u->process : NULL;
		v->data = DATA_INVALID;
		if (mutant(26) && u && u->process) { /* what is half there looks whole */
			v->data = DATA_OK;
			v->at = u->volume->at;
			v->control = CONTROL_SHUT_DOWN;
			text_copy(v->system_identifier, sizeof(v->system_identifier), u->volume->system_identifier);
		}
		bool serves = u && u->process && net_reaches_pod(s->pod, u->process->pod) &&
			      (u->phase == SERVER_PRIMARY || u->phase == SERVER_STANDBY);
		s->job_done = sim_after(serves ? sim_skewed(500 * MS_US, 8 * SECOND_US, 60 * SECOND_US) : 300 * MS_US,
					s->process, on_clone_done, s);
		break;
	}
	case JOB_REWIND: {
		struct server *u = server_at(m->host, 5432);
		s->clone_from = u ? u->process : NULL;
		if (serves(s, s->clone_from) && v->rewind_timeline == 0) {
			v->rewind_timeline = wal_branch(u->volume->at.branch)->timeline;
			text_copy(v->rewind_source, sizeof(v->rewind_source), u->process->pod->name);
		}
		s->job_done = sim_after(
			serves(s, s->clone_from) ? sim_skewed(300 * MS_US, 4 * SECOND_US, 40 * SECOND_US) : 300 * MS_US,
			s->process, on_rewind_done, s);
		break;
	}
	default:
		s->job_done = sim_after(sim_between(5, 60) * MS_US, s->process, on_look_done, s);
	}
	return REPLY_OK;
}

static enum reply_code handle_kill(struct supervisor *s)
{
	if (s->job_done) {
		sim_cancel(&s->job_done);
		job_end(s, false);
	}
	return REPLY_OK;
}

static enum reply_code handle_hello(struct supervisor *s, const struct message *m)
{
	if (s->connection != 0 || m->generation < s->generation)
		return REPLY_BUSY;
	s->generation = m->generation;
	s->connection = m->connection;
	s->agent = m->from;
	s->answered = false;
	s->status_due = true;
	try_volume(s);
	return REPLY_OK;
}

static enum reply_code handle(struct supervisor *s, const struct message *m)
{
	switch (m->type) {
	case FRAME_START:
		return handle_start(s, m);
	case FRAME_STOP:
		return handle_stop(s, m);
	case FRAME_PROMOTE:
		return handle_promote(s);
	case FRAME_RELOAD:
		return reply_to(s, event(s, EVENT_RELOAD));
	case FRAME_DEADLINE:
		return handle_deadline(s, m);
	case FRAME_RUN:
		return handle_run(s, m);
	case FRAME_KILL:
		return handle_kill(s);
	case FRAME_FENCE:
		return reply_to(s, event(s, EVENT_FENCE));
	case FRAME_TERM_GO:
		s->term_go |= s->status.term_pending;
		return REPLY_OK;
	default:
		try_volume(s);
		s->status_due = true;
		return REPLY_OK;
	}
}

static void hear(struct supervisor *s, const struct message *m)
{
	s->heard_at = world->now;
	if (m->type == 0) {
		if (s->connection == m->connection)
			s->connection = 0;
		return;
	}
	if (m->type == FRAME_HELLO) {
		if (handle_hello(s, m) != REPLY_OK && m->from)
			driver_closed(m->from);
		return;
	}
	if (m->connection != s->connection)
		return;
	enum reply_code code = handle(s, m);
	if (s->agent && m->type != FRAME_ASK)
		driver_reply(s->agent, m->id, code);
}

static void drain(struct supervisor *s)
{
	while (s->count > 0) {
		struct message m = s->queue[s->first];
		s->first = (s->first + 1) % QUEUE_MAX;
		s->count--;
		hear(s, &m);
	}
}

/* ---- the container's SIGTERM ---- */

static bool term_is_due(const struct supervisor *s)
{
	int64_t held = left_least_ms((struct instant){ s->status.term_at.boot_us, s->status.term_at.raw_us },
				     machine_now(s->pod->machine));
	return s->term_go || !s->agent || -held >= TERM_HOLD_MS || world->now - s->heard_at >= AGENT_SILENCE_US;
}

static void term_turn(struct supervisor *s)
{
	if (!s->status.term_pending)
		return;
	if (!s->term_acted && term_is_due(s)) {
		s->term_acted = true;
		s->stop_mode = STOP_FAST;
		event(s, EVENT_TERM_DUE);
	}
	if (s->term_acted && s->status.tree == TREE_DOWN)
		pod_container_ended(s->pod);
}

static void on_term_look(void *arg)
{
	struct supervisor *s = arg;
	s->term_due = sim_after(500 * MS_US, s->process, on_term_look, s);
	turn_soon(s);
}

void supervisor_term(struct supervisor *s)
{
	if (s->status.term_pending)
		return;
	s->status.term_pending = true;
	s->status.term_at = now_of(s);
	s->term_due = sim_after(500 * MS_US, s->process, on_term_look, s);
	turn_soon(s);
}

/* ---- its turn ---- */

static void flush(struct supervisor *s)
{
	if (!s->agent || (!s->status_due && memcmp(&s->status, &s->sent, sizeof(s->sent)) == 0))
		return;
	s->status_due = false;
	s->sent = s->status;
	driver_status(s->agent, &s->status);
}

static void on_volume_retry(void *arg)
{
	struct supervisor *s = arg;
	s->volume_retry = NULL;
	try_volume(s);
	turn_soon(s);
}

static void turn(struct supervisor *s)
{
	if (mutant(32))
		check_deadline(s);
	drain(s);
	check_deadline(s);
	reap(s);
	flush(s);
	if (!s->status.volume_locked && s->agent && !s->volume_retry)
		s->volume_retry = sim_after(SECOND_US, s->process, on_volume_retry, s);
	term_turn(s); /* last: it may be our end */
}

bool supervisor_send(struct supervisor *s, const struct message *message)
{
	bool opens = message->type == FRAME_HELLO || message->type == 0;
	if (s->count >= (opens ? QUEUE_MAX : QUEUE_OF_ONE))
		return false;
	s->queue[(s->first + s->count++) % QUEUE_MAX] = *message;
	turn_soon(s);
	return true;
}

/* What a closed connection still had to say is read before its end is; an opening that is closed already opens nothing. */
void supervisor_forget_agent(struct supervisor *s, const struct postgres *agent, uint64_t connection)
{
	for (int i = 0; i < s->count; i++) {
		struct message *m = &s->queue[(s->first + i) % QUEUE_MAX];
		if (m->from == agent)
			m->from = NULL;
		if (m->connection == connection && m->type == FRAME_HELLO)
			m->type = 0;
	}
	if (s->agent == agent)
		s->agent = NULL;
	if (s->connection == connection &&
	    !supervisor_send(s, &(struct message){ .type = 0, .connection = connection }))
		s->connection = 0;
}

struct supervisor *supervisor_start(struct pod *pod)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	assert(s);
	s->process = process_new(PROCESS_SUPERVISOR, pod);
	s->pod = pod;
	s->status.nonce = world->seq;
	s->heard_at = world->now;
	s->next = world->supervisors;
	world->supervisors = s;
	return s;
}

static void finish(void *arg)
{
	struct supervisor *s = arg;
	struct supervisor **at = &world->supervisors;
	server_gone_with_container(&s->server);
	if (s->pod->volume->lock == s)
		s->pod->volume->lock = NULL;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s);
}

/* The kernel closes its files first: the agent may hear of the end before PostgreSQL has come to it. */
void supervisor_kill(struct supervisor *s, bool at_once)
{
	struct event **events[] = { &s->turn,     &s->deadline_due, &s->escalate_due,
				    &s->job_done, &s->term_due,     &s->volume_retry };
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		sim_cancel(events[i]);
	s->process->dead = true;
	if (s->agent)
		driver_closed(s->agent);
	for (int i = 0; i < s->count; i++) {
		const struct message *m = &s->queue[(s->first + i) % QUEUE_MAX];
		if (m->type == FRAME_HELLO && m->from)
			driver_closed(m->from);
	}
	s->agent = NULL;
	s->pod->supervisor = NULL;
	if (at_once)
		finish(s);
	else
		sim_after(sim_between(0, 50) * MS_US, NULL, finish, s);
}

void supervisors_hear_of_clocks(const struct machine *machine)
{
	for (struct supervisor *s = world->supervisors; s; s = s->next)
		if (!s->process->dead && s->pod->machine == machine && s->deadline_due)
			watch_deadline(s);
}

struct supervisor *supervisor_next(struct supervisor *after)
{
	return after ? after->next : world->supervisors;
}

void supervisors_finish(void)
{
	struct supervisor *next;
	for (struct supervisor *s = world->supervisors; s; s = next) {
		next = s->next;
		free(s);
	}
}
