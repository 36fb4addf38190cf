/* The roles of contract 5.6.3 and the application's, and their rights, as one text. Passwords only as verifiers. */
#include "postgres/private.h"

#include "io/scram.h"

#include <string.h>

static const char tag[] = "$howdah$";

/* Before the statements themselves: the server logs a text as a whole when it arrives. */
const char roles_quiet_sql[] = "SET log_statement = none; SET log_duration = off; SET log_min_duration_statement = -1;"
			       " SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0;"
			       " SET log_min_error_statement = panic; SET pg_stat_statements.track_utility = off";

void sql_add_identifier(struct strbuf *to, const char *name)
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
	sql_add_identifier(to, auth->username);
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
		sql_add_identifier(to, auth->username);
		strbuf_add(to, ";\n");
	}
}

/* One of the others' names keeps their rights and password. */
static struct config_auth application_role(const struct config *config)
{
	struct config_auth role = { .username = "" };
	if (text_equal(config->app_user, config->superuser.username) ||
	    text_equal(config->app_user, config->replication.username) ||
	    text_equal(config->app_user, config->rewind.username))
		return role;
	text_copy(role.username, sizeof(role.username), config->app_user); /* of the same sizes */
	text_copy(role.password, sizeof(role.password), config->app_password);
	return role;
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
	struct config_auth application = application_role(config);
	if (application.username[0] != '\0' && !add_role(to, &application, "LOGIN", err))
		return false;
	return strbuf_ok(to) || err_set(err, ERR_INPUT, "the roles' names are too long");
}

static bool add_password(struct strbuf *to, const struct config_auth *auth, struct err *err)
{
	char verifier[SCRAM_VERIFIER_SIZE];
	if (strstr(auth->username, tag) != NULL)
		return err_set(err, ERR_INPUT, "\"%s\" cannot be a role's name", auth->username);
	if (!scram_verifier(auth->password, verifier, sizeof(verifier), err))
		return err_wrap(err, "role \"%s\"", auth->username);
	strbuf_addf(to, "DO %s BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ", tag);
	add_literal(to, auth->username);
	strbuf_add(to, ") THEN ALTER ROLE ");
	sql_add_identifier(to, auth->username);
	strbuf_add(to, " WITH PASSWORD ");
	add_literal(to, verifier);
	strbuf_addf(to, "; END IF; END %s;\n", tag);
	return true;
}

/* The passwords alone, each role once: rights and roles of a cluster that runs are its owner's. */
bool roles_passwords_sql(const struct config *config, struct strbuf *to, struct err *err)
{
	struct config_auth application = application_role(config);
	const struct config_auth *const all[] = { &config->superuser, &config->replication, &config->rewind,
						  &application };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		bool repeated = false;
		for (size_t j = 0; j < i; j++)
			repeated |= text_equal(all[j]->username, all[i]->username);
		if (repeated || all[i]->username[0] == '\0' || all[i]->password[0] == '\0')
			continue;
		if (!add_password(to, all[i], err))
			return false;
	}
	return strbuf_ok(to) || err_set(err, ERR_INPUT, "the statements for the passwords are too long");
}
