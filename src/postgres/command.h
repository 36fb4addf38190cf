/* argv and environment of a program, as the strings of a RUN or START frame. */
#ifndef HOWDAH_POSTGRES_COMMAND_H
#define HOWDAH_POSTGRES_COMMAND_H

#include "codec/config.h"
#include "supervisor/protocol.h"

struct command {
	char strings[FRAME_MAX - 256];
	size_t len;
	uint16_t argc, envc;
	bool overflow;
};

void command_init(struct command *command, const char *program);
void command_arg(struct command *command, const char *text);
void command_argf(struct command *command, const char *format, ...) PRINTF_LIKE(2, 3);
void command_env(struct command *command, const char *name, const char *value); /* after the last argument */
const char *command_get(const struct command *command, int index);              /* tests, logs */

/* What suits a program beside PostgreSQL: nothing of ours, nothing secret (contract 2.1). */
void command_standard_env(struct command *command, const struct config *config);
void command_c_env(struct command *command, const struct config *config); /* the same, messages as in the source text */

/* Option lists (contract 2.7) of initdb and pg_basebackup; forbidden: "|a|b|". */
MUST_CHECK bool command_options(struct command *command, const struct json *options, const char *forbidden,
				struct err *err);
bool options_have(const struct json *options, const char *name);

/* A shell-like split of a configured command: quotes and backslashes, nothing else. */
MUST_CHECK bool command_split(struct command *command, const char *text, struct err *err);

/* What makes a data directory, and where: not always in its place. */
struct maker {
	const char *program, *dir;
};

struct gucs;
MUST_CHECK bool command_initdb(struct command *command, const struct config *config, const struct maker *maker,
			       const char *password_file, struct err *err);
MUST_CHECK bool command_basebackup(struct command *command, const struct config *config, const struct maker *maker,
				   const char *conninfo, struct err *err);
void command_postgres(struct command *command, const struct config *config, const char *program,
		      const struct gucs *gucs);
/* For a single user who says nothing: it recovers, and ends. No WAL is removed that nobody has archived. */
void command_single(struct command *command, const struct config *config, const char *program, const struct gucs *gucs);
extern const char *const command_line_gucs[]; /* in the order of contract 2.5; NULL at the end */

#endif
