/* The names of parameters that PostgreSQL's program itself knows (contract 2.5): asked once, and only when the configuration has
 * one that our table does not. */
#include "postgres/private.h"

#include "base/log.h"

#include <ctype.h>
#include <string.h>

enum { DESCRIBE_LIMIT_MS = 10000 };

/* One line a parameter, its name up to the first tab. Kept as ",name,name,". */
void describe_take(struct postgres *pg, const char *bytes, size_t len)
{
	struct described *d = &pg->described;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' || (bytes[i] == '\t' && !d->behind_name)) {
			d->behind_name = bytes[i] == '\t';
			if (bytes[i] == '\t' && d->len + 2 < sizeof(d->names))
				d->names[d->len++] = ',';
		} else if (!d->behind_name && d->len + 2 < sizeof(d->names)) {
			d->names[d->len++] = (char)tolower((unsigned char)bytes[i]);
		}
	}
	d->names[d->len] = '\0';
}

static bool begin(struct postgres *pg, const char *program)
{
	struct described *d = &pg->described;
	struct command command;
	d->behind_name = false;
	d->len = 1;
	memcpy(d->names, ",", 2);
	command_init(&command, program);
	command_arg(&command, "--describe-config");
	command_standard_env(&command, pg->config);
	return run_start_in(pg, RUN_DESCRIBE, &command, false, DESCRIBE_LIMIT_MS);
}

static bool has_answered(struct postgres *pg)
{
	struct described *d = &pg->described;
	char why[REASON_SIZE];
	if (d->run.state == WAIT_OPEN)
		return false;
	if (d->run.state == WAIT_FAILED) {
		run_why(&d->run, why, sizeof(why));
		log_warning("postgres: %s --describe-config: %s", d->program, why);
		d->len = 0;
		d->names[0] = '\0';
	}
	d->run.state = WAIT_NONE;
	return true;
}

bool describe_is_settled(struct postgres *pg)
{
	struct described *d = &pg->described;
	char program[PROGRAM_SIZE];
	struct err err;
	if (!has_answered(pg))
		return false;
	if (!conf_has_unknown(pg) || !pg->instance.attached)
		return true;
	if (pg->programs.found == WAIT_NONE)
		programs_find(pg);
	if (pg->programs.found == WAIT_OPEN)
		return false;
	if (!programs_choose(pg, "postgres", program, sizeof(program), &err) || text_equal(program, d->program))
		return true;
	text_copy(d->program, sizeof(d->program), program);
	return !begin(pg, program);
}
