/* The supervisor's decisions: states x events, without a system call. The program (supervisor/main.c) and the simulator
 * drive the same table.
 *
 * The machine owns no process: it is told what happened and says what to do. "Writable" begins with the START or
 * PROMOTE that leads to it and ends when nothing is left. */
#ifndef HOWDAH_SUPERVISOR_MACHINE_H
#define HOWDAH_SUPERVISOR_MACHINE_H

#include "supervisor/protocol.h"

enum machine_event {
	EVENT_START_STANDBY,
	EVENT_START_PRIMARY,
	EVENT_PROMOTE,
	EVENT_STOP, /* the agent's STOP */
	EVENT_RELOAD,
	EVENT_FENCE,           /* the agent's FENCE */
	EVENT_DEADLINE_PASSED, /* T is behind us and something may be writable */
	EVENT_READY,           /* the postmaster says that it accepts connections (or is a ready standby) */
	EVENT_POSTMASTER_DIED, /* reaped; others may be left */
	EVENT_NOTHING_LEFT,    /* no descendant is left */
	EVENT_UNASKED_PRIMARY, /* pg_control: in production, and nobody armed a deadline */
	EVENT_START_FAILED,    /* fork or exec failed */
	EVENT_ESCALATE,        /* a stop took longer than it was allowed to */
	EVENT_TERM_DUE,        /* the held SIGTERM is to be carried out */
	EVENT_COUNT
};

enum machine_action {
	DO_NOTHING,
	DO_REFUSE,      /* REPLY_BUSY (REPLY_FENCING while fencing) */
	DO_SPAWN,       /* start the postmaster */
	DO_PROMOTE,     /* the promote file and SIGUSR1 */
	DO_SIGNAL_STOP, /* TERM, INT or QUIT to the postmaster, by the mode asked for */
	DO_RELOAD,
	DO_KILL_ALL,    /* SIGKILL to every process of the container, again and again until none is left */
	DO_REPORT_DOWN, /* tell the agent: nothing is left */
};

struct machine_step {
	enum tree_state next;
	enum machine_action action;
};

/* One cell of the table. Whether a deadline allows START_PRIMARY and PROMOTE is asked before, with
 * machine_may_be_writable(). */
struct machine_step machine_step(enum tree_state state, bool writable, enum machine_event event);

/* The supervisor's side of "may become writable": REPLY_OK, REPLY_NOT_ANSWERED or REPLY_NO_DEADLINE (none, or less than
 * 1 s ahead by the faster clock). */
enum reply_code machine_may_be_writable(const struct frame_instant *deadline, const struct frame_instant *now,
					bool answered);

/* REPLY_OK when a DEADLINE may replace the present one: newer (generation, number), at most 10 min ahead; disarming (0,
 * 0) only while nothing is writable. */
struct machine_deadline {
	uint64_t generation, number;
	struct frame_instant at;
};
enum reply_code machine_accept_deadline(const struct machine_deadline *present, const struct machine_deadline *asked,
					const struct frame_instant *now, bool writable);

/* T is behind us by the clock that ran further. An unset deadline has always passed. */
bool machine_deadline_passed(const struct frame_instant *deadline, const struct frame_instant *now);

#endif
