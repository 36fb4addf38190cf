/* The agent: sensors, the turn, effectors, on one loop. What is decided is in core; this layer only carries out. The simulator runs this very code. */
#ifndef HOWDAH_AGENT_AGENT_H
#define HOWDAH_AGENT_AGENT_H

#include "codec/config.h"
#include "core/decide.h"
#include "io/loop.h"

struct agent;

struct agent_params {
	struct config *config;          /* becomes the agent's; moved from */
	const char *config_path;        /* for reloads; NULL: environment only */
	const char *pod_uid;            /* POD_UID, or "": taken from the pod object */
	const char *const *environment; /* NAME=VALUE, ends with NULL, outlives the agent; for reloads */
	bool watch_files;               /* reload when mounted configuration or certificates change */
	bool record;                    /* keep the flight recorder's ring in run_dir */
};

/* Connects to nothing yet and blocks for nothing; fails on what the configuration says (address in use, unreadable file). */
struct agent *agent_create(struct loop *loop, const struct agent_params *params, struct err *err);
void agent_destroy(struct agent *agent); /* takes NULL; PostgreSQL, the supervisor and the lock stay as they are */
void agent_reload(struct agent *agent);  /* reads the configuration again, soon */
int agent_rest_port(const struct agent *agent);

/* For tests and the simulator: the last turn. */
const struct plan *agent_plan(const struct agent *agent);
const struct self *agent_self(const struct agent *agent);

#endif
