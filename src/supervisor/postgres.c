/* The postmaster: events go into the machine, what it says is done here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

enum { READY_LOOK_US = 20 * MS };

static const struct {
	enum fence_reason reason;
	const char *text;
} reasons[EVENT_COUNT] = {
	[EVENT_DEADLINE_PASSED] = { FENCE_DEADLINE, "deadline" },
	[EVENT_POSTMASTER_DIED] = { FENCE_ORPHANS, "postmaster died" },
	[EVENT_UNASKED_PRIMARY] = { FENCE_UNASKED, "writable unasked" },
	[EVENT_FENCE] = { FENCE_ASKED, "asked" },
	[EVENT_ESCALATE] = { FENCE_STOP_ESCALATED, "stop took too long" },
};

static const char *const tree_names[TREE_STATE_COUNT] = {
	[TREE_DOWN] = "down",           [TREE_STARTING] = "starting", [TREE_STANDBY] = "standby",
	[TREE_PROMOTING] = "promoting", [TREE_PRIMARY] = "primary",   [TREE_STOPPING] = "stopping",
	[TREE_FENCING] = "fencing",
};

static void do_spawn(struct supervisor *s)
{
	struct timespec wall;
	look_watch(s);
	pid_t pid = spawn_program(s, NULL);
	if (pid < 0) {
		s->spawn_errno = errno;
		postgres_event(s, EVENT_START_FAILED);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &wall);
	s->status.postmaster = pid;
	s->status.postmaster_count++;
	s->status.postmaster_at = s->now;
	s->status.postmaster_wall_us = wall.tv_sec * (int64_t)SECOND + wall.tv_nsec / 1000;
	s->status.fenced = 0;
	s->status.fence_reason = FENCE_NONE;
	s->look_us = s->now.boot_us;
	s->escalate_us = 0;
	say_number("postmaster started pid=", pid);
}

static void do_signal_stop(struct supervisor *s)
{
	static const int signals[] = { [STOP_SMART] = SIGTERM, [STOP_FAST] = SIGINT, [STOP_IMMEDIATE] = SIGQUIT };
	if (s->status.postmaster > 0)
		kill(s->status.postmaster, signals[s->stop_mode]);
}

static void do_report_down(struct supervisor *s, enum tree_state before)
{
	s->status.writable = 0;
	s->escalate_us = 0;
	if (before != TREE_FENCING)
		return;
	/* whoever wants to be writable again needs another deadline */
	s->status.fenced = 1;
	s->status.deadline = (struct frame_instant){ 0, 0 };
}

static void act(struct supervisor *s, enum machine_action action, enum tree_state before)
{
	switch (action) {
	case DO_SPAWN:
		do_spawn(s);
		break;
	case DO_PROMOTE:
		kill(s->status.postmaster, SIGUSR1);
		s->look_us = s->now.boot_us; /* as a standby it looked once a second */
		break;
	case DO_RELOAD:
		kill(s->status.postmaster, SIGHUP);
		break;
	case DO_SIGNAL_STOP:
		do_signal_stop(s);
		break;
	case DO_KILL_ALL:
		if (s->status.tree == TREE_FENCING)
			fence_kill_all(s);
		else
			fence_walk(s, KIN_POSTGRES, NULL, SIGKILL);
		break;
	case DO_REPORT_DOWN:
		do_report_down(s, before);
		break;
	case DO_NOTHING:
	case DO_REFUSE:
		break;
	}
}

enum machine_action postgres_event(struct supervisor *s, enum machine_event event)
{
	enum tree_state before = s->status.tree;
	struct machine_step step = machine_step(before, s->status.writable, event);
	s->status.tree = step.next;
	if (step.next == TREE_STOPPING && before != TREE_STOPPING)
		s->orderly = before == TREE_PRIMARY && s->stop_mode != STOP_IMMEDIATE;
	if (step.next == TREE_PROMOTING)
		s->status.writable = 1;
	act(s, step.action, before);
	/* said after the act: a kill does not wait for a log */
	if (step.next == before || s->status.tree != step.next)
		return step.action;
	if (step.next == TREE_FENCING) {
		s->status.fence_reason = reasons[event].reason;
		say("fence reason=", reasons[event].text);
	}
	say("state=", tree_names[step.next]);
	return step.action;
}

void postgres_check_deadline(struct supervisor *s)
{
	if (!s->status.writable || s->status.unguarded || s->status.tree == TREE_FENCING)
		return;
	if (machine_deadline_passed(&s->status.deadline, &s->now)) {
		postgres_event(s, EVENT_DEADLINE_PASSED);
		return;
	}
	/* no timer runs on MONOTONIC_RAW: sleep most of what is left by the faster clock, look again */
	int64_t boot = s->status.deadline.boot_us - s->now.boot_us, raw = s->status.deadline.raw_us - s->now.raw_us;
	int64_t left = boot < raw ? boot : raw;
	wake_at(s, s->now.boot_us + (left > 2 * MS ? left - left / 8 : left));
}

bool postgres_reap(struct supervisor *s)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		jobs_reaped(s, pid, status);
		if (pid != s->status.postmaster)
			continue;
		s->status.postmaster = 0;
		s->status.exit_status = status;
		say_number("postmaster ended wait_status=", status);
		postgres_event(s, EVENT_POSTMASTER_DIED);
	}
	return pid < 0 && errno == ECHILD;
}

/* A standby that became writable by another hand than ours: no deadline, no life. */
static void check_unasked(struct supervisor *s)
{
	if (machine_deadline_passed(&s->status.deadline, &s->now) && !s->status.unguarded)
		postgres_event(s, EVENT_UNASKED_PRIMARY);
	else
		s->status.writable = 1; /* the deadline that was armed covers it from now on, or people do */
}

static void take_look(struct supervisor *s, unsigned seen)
{
	bool production = (seen & SEEN_PRODUCTION) != 0;
	bool standby = s->status.tree == TREE_STARTING || s->status.tree == TREE_STANDBY;
	if (s->status.tree == TREE_STARTING && (seen & (SEEN_STANDBY | SEEN_READY)) != 0)
		postgres_event(s, EVENT_READY);
	else if (s->status.tree == TREE_PROMOTING && (seen & SEEN_READY) != 0 && production)
		postgres_event(s, EVENT_READY);
	/* pg_control of a server that crashed as a primary says "in production" until it is ready */
	if (standby && s->status.tree == TREE_STANDBY && !s->status.writable && production)
		check_unasked(s);
}

static void look_turn(struct supervisor *s, unsigned seen)
{
	take_look(s, seen);
	bool standby = s->status.tree == TREE_STANDBY;
	if (s->now.boot_us >= (standby ? look_due_us(s) : s->look_us)) {
		look_begin(s);
		s->look_us = s->now.boot_us + (standby ? SECOND : READY_LOOK_US);
	}
	wake_at(s, standby ? look_due_us(s) : s->look_us);
}

/* PostgreSQL writes its shutdown when every backend has ended, and lets walsenders and the archiver go on (postmaster.c,
 * PM_SHUTDOWN and later): from then on nothing commits, and nobody needs to wait for the archiver. */
static void watch_shutdown(struct supervisor *s, unsigned seen)
{
	if (!s->orderly || !s->status.writable || s->status.postmaster == 0)
		return;
	if ((seen & SEEN_SHUT_DOWN) != 0) {
		s->status.writable = 0;
		say("shut down, only walsenders and the archiver are left", "");
		return;
	}
	if (s->now.boot_us >= s->look_us) {
		look_begin(s);
		s->look_us = s->now.boot_us + READY_LOOK_US;
	}
	wake_at(s, s->look_us);
}

static void escalate(struct supervisor *s)
{
	s->escalate_us = s->now.boot_us + (int64_t)s->escalate_ms * MS;
	s->stop_mode = STOP_IMMEDIATE;
	postgres_event(s, s->escalations++ == 0 ? EVENT_STOP : EVENT_ESCALATE);
}

static void finish(struct supervisor *s)
{
	bool fencing = s->status.tree == TREE_FENCING;
	if (fencing)
		fence_kill_all(s);
	bool childless = postgres_reap(s);
	if (childless || (!fencing && s->status.postmaster == 0 && fence_walk(s, KIN_POSTGRES, NULL, SIGKILL) == 0))
		postgres_event(s, EVENT_NOTHING_LEFT);
	else if (fencing || s->status.postmaster == 0)
		wake_at(s, s->now.boot_us + ROUND_US);
}

void postgres_turn(struct supervisor *s)
{
	unsigned seen = look_take(s);
	if (look_promote_came(s) && s->status.tree == TREE_PROMOTING)
		kill(s->status.postmaster, SIGUSR1);
	switch (s->status.tree) {
	case TREE_STARTING:
	case TREE_STANDBY:
	case TREE_PROMOTING:
		look_turn(s, seen);
		break;
	case TREE_STOPPING:
		watch_shutdown(s, seen);
		if (s->escalate_us != 0 && s->now.boot_us >= s->escalate_us)
			escalate(s);
		finish(s);
		if (s->escalate_us != 0)
			wake_at(s, s->escalate_us);
		break;
	case TREE_FENCING:
		finish(s);
		break;
	default:
		break;
	}
}
