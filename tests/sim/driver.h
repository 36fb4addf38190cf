/* The model of src/postgres, shared by its two files. */
#ifndef HOWDAH_TESTS_SIM_DRIVER_H
#define HOWDAH_TESTS_SIM_DRIVER_H

#include "base/mutant.h"
#include "pg_model.h"

enum { QUEUE_REPLIES = 64 };

struct reply {
	uint32_t id;
	enum reply_code code;
};

struct postgres {
	struct loop *loop;
	struct process *process;
	const struct config *config;
	struct postgres_params params;
	struct instance instance;
	struct postgres_details details;
	uint64_t connection; /* 0: none */
	int64_t retry_ms;
	struct loop_timer *link_timer, *probe_timer, *step_timer;
	struct event *news, *probe_answer, *change;
	/* what has come in and was not looked at */
	struct sup_status status;
	bool status_due, closed_due, exited_due, exited_ok;
	struct reply replies[QUEUE_REPLIES];
	int reply_count;
	/* the running job */
	uint32_t next_id, waits_for; /* a reply */
	int step;
	bool run_done, run_ok, probed_since;
	struct upstream upstream;
	struct lease_token token;
	uint32_t timeline;
	bool immediate;
	uint64_t number;
	enum pg_tree last_tree;
	bool end_asked;
	uint64_t nonce;
	int history_branch;
	bool was_changed;
};

/* pg.c */
struct volume *driver_volume(const struct postgres *pg);
const struct server *driver_server(const struct postgres *pg); /* NULL: no container */
void driver_changed(struct postgres *pg);                      /* on_change, by and by */
bool driver_send(struct postgres *pg, struct message *m);
void driver_look_at_data(struct postgres *pg);
bool driver_tree_is_up(enum pg_tree tree);
bool driver_sql_answers(const struct server *s);

/* pg_jobs.c */
bool driver_job_begin(struct postgres *pg, enum pg_job job); /* false: another one runs */
void driver_job_over(struct postgres *pg, bool ok, const char *why);
void driver_job_turn(struct postgres *pg);
void driver_on_step(void *arg);

#endif
