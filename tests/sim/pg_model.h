/* Between the model of the driver (pg.c, in the agent's process) and the model of the supervisor (its own process):
 * the frames of supervisor/protocol.h as far as they matter, in a queue each way. */
#ifndef HOWDAH_TESTS_SIM_PG_MODEL_H
#define HOWDAH_TESTS_SIM_PG_MODEL_H

#include "postgres/postgres.h"
#include "sim.h"
#include "supervisor/machine.h"

/* A connection has a buffer of its own; the listener's backlog holds some more. */
enum { QUEUE_MAX = 288, QUEUE_OF_ONE = 256, REPLIES_MAX = 64 };

enum job_kind { JOB_NONE, JOB_INITDB, JOB_CLONE, JOB_REWIND, JOB_RESTORE, JOB_LOOK };

struct message {
	enum frame_type type; /* 0: the agent's end was closed */
	uint32_t id;
	enum start_as as;
	struct frame_stop stop;
	struct frame_deadline deadline;
	uint64_t generation;
	enum job_kind job;
	char host[HOST_SIZE]; /* JOB_CLONE */
	uint64_t connection;
	struct postgres *from; /* HELLO; NULL: it has gone since */
};

struct sup_status {
	enum tree_state tree;
	bool writable, volume_locked, term_pending, fenced, unguarded;
	struct frame_instant term_at; /* of term_pending */
	uint32_t left, fence_reason;
	uint64_t nonce, postmaster_count;
	struct frame_instant deadline, postmaster_at;
	char token[TOKEN_MAX];
	enum job_kind job; /* runs now */
};

/* Agent to supervisor. False: nobody is there. */
bool supervisor_send(struct supervisor *s, const struct message *message);
void supervisor_forget_agent(struct supervisor *s, const struct postgres *agent, uint64_t connection);

/* Supervisor to agent: queued, delivered in its process. */
void driver_status(struct postgres *pg, const struct sup_status *status);
void driver_reply(struct postgres *pg, uint32_t id, enum reply_code code);
void driver_exited(struct postgres *pg, bool ok);
void driver_closed(struct postgres *pg);

#endif
