/* Members that a command is for, and what they answered. */
#ifndef HOWDAH_SRC_CLI_MEMBERS_H
#define HOWDAH_SRC_CLI_MEMBERS_H

#include "session.h"

struct selection {
	int count;
	const struct member *members[MEMBERS_MAX]; /* of the session's snapshot */
};

/* Whether the member is of a role as -r takes it: leader, primary, standby-leader, replica, standby, any. */
bool member_has_role(const struct snapshot *snapshot, const struct member *member, const char *role);
const struct member *snapshot_member(const struct snapshot *snapshot, const char *name); /* NULL: none */

struct selecting {
	const char *action; /* as in "Which member do you want to ...?" */
	const char *role;   /* as member_has_role takes it */
	int name_count;     /* members named on the command line */
	const char *const *names;
	bool must_be_named; /* none named is not all of them: somebody is asked */
};

/* Shows the members and picks those that are meant, the leader first (contract 4.4). */
MUST_CHECK bool select_members(struct session *session, const struct selecting *selecting, struct selection *selection,
			       struct err *err);

void select_all(const struct session *session, struct selection *selection); /* the leader first, nothing is shown */

/* "Are you sure you want to restart members a, b?"; schedule "": now. */
MUST_CHECK bool confirm_members(const struct cli *cli, const struct selection *selection, const char *action,
				const char *schedule, struct err *err);

/* Whether the cluster is paused by its configuration; a number of it, or `fallback`. */
bool config_paused(const struct snapshot *snapshot);
int64_t config_seconds(const struct snapshot *snapshot, const char *key, int64_t fallback);

/* The members as `list` shows them; for a table within another command. */
MUST_CHECK bool show_members(const struct session *session, struct err *err);

/* ---- refusals ---- */

enum { FAILURES_SIZE = 1024 };

struct outcome { /* of one command on several members */
	const struct cli *cli;
	const char *action;
	int asked, refused, silent;
	char text[FAILURES_SIZE]; /* "name (why), name (why)" */
	struct strbuf who;
	const char *advice; /* what to do about the last one; NULL: nothing is known */
};

void outcome_init(struct outcome *outcome, const struct cli *cli, const char *action);

/* Remembers a request that failed; as patronictl prints "Failed: restart for member M, status code=C, (text)". */
void outcome_failed(struct outcome *outcome, const struct member *member, int status, const char *text);

/* What the command ends with: patronictl ends well as long as everybody answered. */
MUST_CHECK bool outcome_result(const struct outcome *outcome, struct err *err);

/* The text of an answer as people read it: no HTML, no line end. */
void answer_words(int status, const char *text, char *to, size_t size);
/* What somebody can do about such an answer; NULL: nothing is known. */
const char *answer_advice(int status, const char *text);

#endif
