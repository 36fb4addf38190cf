/* The roles of contract 5.6.3 and their rights, as one text. Passwords only as verifiers. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/scram.h"

#include <string.h>

enum { ROLES_TIMEOUT_MS = 30000 };

static const char tag[] = "$howdah$";

/* Before the statements themselves: the server logs a text as a whole when it arrives. */
const char roles_quiet_sql[] = "SET log_statement = none; SET log_duration = off; SET log_min_duration_statement = -1;"
			       " SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0;"
			       " SET log_min_error_statement = panic; SET pg_stat_statements.track_utility = off";

static void add_identifier(struct strbuf *to, const char *name)
{
	strbuf_add_char(to, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			strbuf_add_char(to, '"');
		strbuf_add_char(to, *name);
	}
	strbuf_add_char(to, '"');
}

static void add_literal(struct strbuf *to, const char *text)
{
	strbuf_add(to, strchr(text, '\\') != NULL ? "E'" : "'");
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			strbuf_add_char(to, *text);
		strbuf_add_char(to, *text);
	}
	strbuf_add_char(to, '\'');
}

static void add_attributes(struct strbuf *to, const char *verb, const struct config_auth *auth, const char *attributes,
			   const char *verifier)
{
	strbuf_addf(to, "%s ROLE ", verb);
	add_identifier(to, auth->username);
	strbuf_addf(to, " WITH %s", attributes);
	if (verifier[0] != '\0') {
		strbuf_add(to, " PASSWORD ");
		add_literal(to, verifier);
	}
	strbuf_add(to, "; ");
}

static bool add_role(struct strbuf *to, const struct config_auth *auth, const char *attributes, struct err *err)
{
	char verifier[SCRAM_VERIFIER_SIZE] = "";
	if (strstr(auth->username, tag) != NULL)
		return err_set(err, ERR_INPUT, "\"%s\" cannot be a role's name", auth->username);
	if (auth->password[0] != '\0' && !scram_verifier(auth->password, verifier, sizeof(verifier), err))
		return err_wrap(err, "role \"%s\"", auth->username);
	strbuf_addf(to, "DO %s BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ", tag);
	add_literal(to, auth->username);
	strbuf_add(to, ") THEN ");
	add_attributes(to, "ALTER", auth, attributes, verifier);
	strbuf_add(to, "ELSE ");
	add_attributes(to, "CREATE", auth, attributes, verifier);
	strbuf_addf(to, "END IF; END %s;\n", tag);
	return true;
}

static const char *const rewind_functions[] = {
	"pg_ls_dir(text, boolean, boolean)",
	"pg_stat_file(text, boolean)",
	"pg_read_binary_file(text)",
	"pg_read_binary_file(text, bigint, bigint, boolean)",
};

static void add_rewind_rights(struct strbuf *to, const struct config_auth *auth)
{
	for (size_t i = 0; i < ARRAY_SIZE(rewind_functions); i++) {
		strbuf_addf(to, "GRANT EXECUTE ON FUNCTION pg_catalog.%s TO ", rewind_functions[i]);
		add_identifier(to, auth->username);
		strbuf_add(to, ";\n");
	}
}

bool roles_sql(const struct config *config, struct strbuf *to, struct err *err)
{
	const struct config_auth *super = &config->superuser, *replication = &config->replication,
				 *rewind = &config->rewind;
	if (super->username[0] != '\0' && super->password[0] != '\0' && !add_role(to, super, "SUPERUSER LOGIN", err))
		return false;
	if (replication->username[0] != '\0' && !text_equal(replication->username, super->username) &&
	    !add_role(to, replication, "REPLICATION LOGIN", err))
		return false;
	if (rewind->username[0] != '\0' && !text_equal(rewind->username, super->username)) {
		if (!text_equal(rewind->username, replication->username) && !add_role(to, rewind, "LOGIN", err))
			return false;
		add_rewind_rights(to, rewind);
	}
	return strbuf_ok(to) || err_set(err, ERR_INPUT, "the roles' names are too long");
}

/* ---- passwords that change (pod.md 3) ---- */

static void take_over(struct postgres *pg)
{
	struct passwords *known = &pg->passwords;
	text_copy(known->superuser, sizeof(known->superuser), pg->config->superuser.password);
	text_copy(known->replication, sizeof(known->replication), pg->config->replication.password);
	text_copy(known->rewind, sizeof(known->rewind), pg->config->rewind.password);
	known->changed = false;
}

void passwords_init(struct postgres *pg)
{
	take_over(pg);
}

void passwords_compare(struct postgres *pg)
{
	const struct config *config = pg->config;
	const struct passwords *known = &pg->passwords;
	pg->passwords.changed |= !text_equal(known->superuser, config->superuser.password) ||
				 !text_equal(known->replication, config->replication.password) ||
				 !text_equal(known->rewind, config->rewind.password);
}

bool passwords_try_new(struct postgres *pg)
{
	struct passwords *known = &pg->passwords;
	if (text_equal(known->superuser, pg->config->superuser.password))
		return false;
	text_copy(known->superuser, sizeof(known->superuser), pg->config->superuser.password);
	return true;
}

static void on_set(struct postgres *pg, bool ok, const char *error)
{
	pg->passwords.running = false;
	pg_close(pg->work.session);
	if (ok)
		take_over(pg);
	if (ok)
		log_info("postgres: passwords were changed");
	else
		log_warning("postgres: passwords could not be changed: %s", error);
}

static void on_quiet(struct postgres *pg, bool ok, const char *error)
{
	static char text[16 * 1024];
	struct strbuf b;
	struct err err;
	strbuf_init(&b, text, sizeof(text));
	pg->passwords.running = false;
	if (!ok || !roles_sql(pg->config, &b, &err)) {
		log_warning("postgres: passwords: %s", ok ? err.text : error);
		return;
	}
	pg->passwords.running = b.len > 0 && work_query(&pg->work, text, NULL, ROLES_TIMEOUT_MS, on_set);
}

/* A standby keeps the wish: should it become the primary before the present one has done it, it does it. */
void passwords_turn(struct postgres *pg)
{
	const struct instance *in = &pg->instance;
	struct passwords *known = &pg->passwords;
	if (!known->changed || known->running || pg->work.done != NULL || pg->job.kind != PG_JOB_NONE)
		return;
	if (in->tree != PG_TREE_PRIMARY || !in->answers || in->in_recovery)
		return;
	known->changed = false; /* tried once a change: a refusal is for a person to read */
	known->running = work_query(&pg->work, roles_quiet_sql, NULL, ROLES_TIMEOUT_MS, on_quiet);
}
