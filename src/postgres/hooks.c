/* Programs of the person who runs the cluster: callbacks, pre_promote, before_stop. They run beside PostgreSQL and get nothing secret. */
#include "postgres/private.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { BEFORE_STOP_LIMIT_MS = 10000 };

/* A name without a path is looked for as a shell would. */
bool hook_begin(struct command *command, const char *text, struct err *err)
{
	*command = (struct command){ .len = 0 };
	if (text[strspn(text, " \t\n'\"")] != '/')
		command_arg(command, "/usr/bin/env");
	if (!command_split(command, text, err))
		return false;
	return command->argc > 0 || err_set(err, ERR_INPUT, "the command is empty");
}

/* ---- callbacks ---- */

static const char *callback_text(const struct postgres *pg, const char *action)
{
	return json_get_text(json_get(pg->config->postgresql, "callbacks"), action);
}

void postgres_callback(struct postgres *pg, const char *action, const char *role)
{
	enum run_slot slot = text_equal(action, "on_reload") ? RUN_ON_RELOAD : RUN_CALLBACK;
	struct callback *callback = &pg->callbacks[slot - RUN_CALLBACK];
	if (text_is_empty(callback_text(pg, action)))
		return;
	callback->wanted = text_copy(callback->action, sizeof(callback->action), action) &&
			   text_copy(callback->role, sizeof(callback->role), role);
	postgres_turn_soon(pg);
}

static void start(struct postgres *pg, enum run_slot slot)
{
	struct callback *callback = &pg->callbacks[slot - RUN_CALLBACK];
	struct command command;
	struct err err;
	const char *text = callback_text(pg, callback->action);
	callback->wanted = false;
	if (text_is_empty(text))
		return;
	if (!hook_begin(&command, text, &err)) {
		log_warning("postgres: callback %s: %s", callback->action, err.text);
		return;
	}
	command_arg(&command, callback->action);
	command_arg(&command, callback->role);
	command_arg(&command, pg->config->scope);
	command_standard_env(&command, pg->config);
	if (run_start_in(pg, slot, &command, false, 0))
		log_info("postgres: callback %s %s begins", callback->action, callback->role);
	else
		log_warning("postgres: callback %s: the command is too long", callback->action);
}

static void tell_end(struct callback *callback)
{
	char why[REASON_SIZE];
	struct run *run = &callback->run;
	if (run->state == WAIT_FAILED && run->killed) {
		log_info("postgres: a callback was cut short");
	} else if (run->state == WAIT_FAILED) {
		run_why(run, why, sizeof(why));
		log_warning("postgres: a callback ended with %d: %s",
			    WIFEXITED(run->status) ? WEXITSTATUS(run->status) : -1, why);
	}
	run->state = WAIT_NONE;
}

/* The next one waits until nothing of the one before is left. */
void callbacks_turn(struct postgres *pg)
{
	const struct instance *in = &pg->instance;
	for (int slot = RUN_CALLBACK; slot < RUN_SLOT_COUNT; slot++) {
		struct callback *callback = &pg->callbacks[slot - RUN_CALLBACK];
		if (callback->run.state == WAIT_OPEN) {
			if (callback->wanted && !callback->run.kill_asked)
				run_kill_in(pg, slot);
			continue;
		}
		if (callback->run.state != WAIT_NONE)
			tell_end(callback);
		/* while it kills, the supervisor runs nothing */
		if (callback->wanted && in->attached && in->tree != PG_TREE_FENCING)
			start(pg, slot);
	}
}

/* ---- steps of jobs ---- */

/* The program of a step, from its start to its end. One that an earlier job was given up with may still be dying. */
static enum wait hook_wait(struct postgres *pg, const char *text, int64_t limit_ms, struct err *err)
{
	struct command command;
	if (pg->run.state == WAIT_OPEN)
		return WAIT_OPEN;
	if (pg->job.hook_run)
		return pg->run.state;
	pg->job.hook_run = true;
	if (!hook_begin(&command, text, err))
		return WAIT_NONE;
	command_standard_env(&command, pg->config);
	if (run_start(pg, &command, false, limit_ms))
		return WAIT_OPEN;
	err_set(err, ERR_INPUT, "the command is too long");
	return WAIT_NONE;
}

enum step_result step_pre_promote(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	const char *text = json_get_text(pg->config->postgresql, "pre_promote");
	if (!pg->job.hook_run && text_is_empty(text))
		return STEP_NEXT;
	enum wait wait = hook_wait(pg, text, 0, &err);
	return wait == WAIT_NONE ? job_fail(pg, "pre_promote: %s", err.text) : run_result(pg, "pre_promote");
}

/* What must end at once waits for nobody's program. */
enum step_result step_before_stop(struct postgres *pg, UNUSED bool first)
{
	char why[REASON_SIZE];
	struct err err;
	const char *text = json_get_text(pg->config->postgresql, "before_stop");
	if (!pg->job.hook_run &&
	    (text_is_empty(text) || pg->job.immediate || !pg->instance.attached || pg->instance.tree == PG_TREE_DOWN))
		return STEP_NEXT;
	enum wait wait = hook_wait(pg, text, BEFORE_STOP_LIMIT_MS, &err);
	if (wait == WAIT_OPEN)
		return STEP_WAIT;
	if (wait == WAIT_NONE)
		log_warning("postgres: before_stop: %s", err.text);
	run_why(&pg->run, why, sizeof(why));
	if (wait == WAIT_FAILED)
		log_warning("postgres: before_stop failed, the stop goes on: %s",
			    pg->run.killed ? "it took too long" : why);
	return STEP_NEXT;
}

/* So that little is left to write when the server is told to stop. */
enum step_result step_stop_checkpoint(struct postgres *pg, bool first)
{
	if (!pg->job.checkpoint || (first && (!pg->instance.attached || !pg->instance.answers)))
		return STEP_NEXT;
	enum step_result result = job_query(pg, "SET statement_timeout = '25s'; CHECKPOINT", first, "checkpoint");
	if (result == STEP_WAIT)
		return STEP_WAIT;
	pg_close(pg->work.session); /* what comes next on a session is not bounded like this */
	if (result == STEP_FAIL)
		log_warning("postgres: %s; the stop goes on", pg->job.why);
	return STEP_NEXT;
}
