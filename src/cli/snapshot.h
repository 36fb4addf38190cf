/* A cluster as it is just now: what the store says, and what its members answer. Read once, then only looked at. */
#ifndef HOWDAH_SRC_CLI_SNAPSHOT_H
#define HOWDAH_SRC_CLI_SNAPSHOT_H

#include "cli.h"
#include "codec/config.h"
#include "core/cluster.h"

struct snapshot {
	char scope[NAME_SIZE];
	bool endpoints; /* else ConfigMaps */
	struct wall now;
	struct cluster cluster;
	char *config_text, *history_text;  /* "" and "[]" when there is none */
	char *status_texts[MEMBERS_MAX];   /* of cluster.members, "" when there is none */
	struct json *answers[MEMBERS_MAX]; /* to GET /patroni; NULL: none */
	char complaints[MEMBERS_MAX][160]; /* why there is none; "": not asked */
};

struct snapshot *snapshot_create(void);
void snapshot_destroy(struct snapshot *snapshot); /* takes NULL */
void snapshot_forget_answers(struct snapshot *snapshot);

/* The configuration that the command line names. */
MUST_CHECK bool cli_load_config(const struct cli *cli, struct config *config, struct err *err);

/* The first name on the command line, or else the configuration's scope; "" when there is neither. */
MUST_CHECK bool cli_scope(const struct cli *cli, char scope[static NAME_SIZE], struct err *err);

/* Reads that cluster, asks each member and waits `ask_ms` for its answer at the most; 0: asks nobody. `scope` NULL: the one
 * of cli_scope. NULL: err says why. */
struct snapshot *snapshot_read(const struct cli *cli, const char *scope, int64_t ask_ms, struct err *err);

/* Whose name is in the lock; "": nobody's. */
const char *snapshot_leader(const struct snapshot *snapshot);

/* GET /cluster's document from it, what members answered put over what the store says. */
struct json *snapshot_document(const struct snapshot *snapshot);

/* The members as snapshot_document shows them. */
void snapshot_members(const struct snapshot *snapshot, struct member members[static MEMBERS_MAX]);
struct json *snapshot_config(const struct snapshot *snapshot); /* NULL: there is none */

#endif
