/* The files PostgreSQL reads: contract 2.8. Texts are built whole and put in place by a rename, only when they differ. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"
#include "postgres/conninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONF_BYTES = 256 * 1024 };

static const char header[] =
	"# Written by howdah, again and again: do not edit.\n# Settings belong into the cluster's configuration.\n";

static const char recovery_header[] = "\n# recovery.conf\n";

static const char *const role_suffixes[] = {
	[CONF_PRIMARY] = "primary",
	[CONF_REPLICA] = "replica",
	[CONF_STANDBY_LEADER] = "standby_leader",
};

static char *new_text(struct strbuf *b)
{
	char *memory = malloc(CONF_BYTES);
	if (memory == NULL)
		abort();
	strbuf_init(b, memory, CONF_BYTES);
	return memory;
}

static void path_with(const struct postgres *pg, const char *name, const char *suffix, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s/%s%s", pg->config->config_dir, name, suffix);
}

void conf_path(const struct postgres *pg, const char *name, char *path, size_t size)
{
	path_with(pg, name, "", path, size);
}

void conf_main_file(const struct postgres *pg, char *path, size_t size)
{
	path_with(pg, pg->config->config_base_name, ".conf", path, size);
}

static bool is_inside(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static mode_t mode_for(const struct postgres *pg, const char *path)
{
	return is_inside(path, pg->config->data_dir) ? datadir_file_mode(pg) : 0600;
}

static bool write_changed(const struct postgres *pg, const char *path, const struct strbuf *text, struct err *err)
{
	AUTO(text) char *old = malloc(CONF_BYTES);
	size_t len;
	struct err ignored;
	if (old == NULL)
		abort();
	if (!strbuf_ok(text))
		return err_set(err, ERR_INPUT, "%s would be too long", path);
	if (file_read(path, old, CONF_BYTES, &len, &ignored) && len == text->len && memcmp(old, text->text, len) == 0)
		return true;
	return file_write(path, text->text, text->len, mode_for(pg, path), err);
}

/* `pg_hba` and its like: the role's own list replaces the whole. */
static const struct json *role_setting(const struct postgres *pg, const char *name, enum conf_role role)
{
	char key[64];
	struct strbuf b;
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "%s_%s", name, role_suffixes[role]);
	const struct json *of_role = json_get(pg->config->postgresql, key);
	return of_role != NULL ? of_role : json_get(pg->config->postgresql, name);
}

/* ---- parameters ---- */

static void note(const char *text)
{
	log_warning("postgres: %s", text);
}

static int file_version(const struct postgres *pg)
{
	int major = datadir_major(pg), running = pg->instance.server_version;
	return major == 0 || running / 10000 == major ? running : major * 10000;
}

/* A standby must not have less of these than the primary whose WAL it replays had (contract 2.5). */
static void guard_standby(struct postgres *pg, struct gucs *to)
{
	const struct control *c = &pg->control;
	const struct {
		const char *name;
		int least;
	} rows[] = {
		{ "max_connections", c->max_connections },
		{ "max_prepared_transactions", c->max_prepared_transactions },
		{ "max_locks_per_transaction", c->max_locks_per_transaction },
		{ "max_worker_processes", c->max_worker_processes },
		{ "max_wal_senders", c->max_wal_senders },
	};
	struct strbuf b;
	strbuf_init(&b, pg->pending_guard, sizeof(pg->pending_guard));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[24];
		int64_t configured;
		struct strbuf number;
		const char *wanted = gucs_get(to, rows[i].name);
		if (wanted == NULL || !text_to_i64(wanted, &configured) || configured >= rows[i].least)
			continue;
		strbuf_addf(&b, "%s\"%s\":{\"old_value\":\"%d\",\"new_value\":\"%s\"}", b.len == 0 ? "" : ",",
			    rows[i].name, rows[i].least, wanted);
		strbuf_init(&number, text, sizeof(text));
		strbuf_addf(&number, "%d", rows[i].least);
		gucs_set(to, rows[i].name, text);
	}
}

bool conf_has_unknown(const struct postgres *pg)
{
	char key[64];
	struct strbuf b;
	int version = file_version(pg);
	bool unknown = gucs_have_unknown(json_get(pg->config->postgresql, "parameters"), version);
	for (size_t role = 0; role < ARRAY_SIZE(role_suffixes); role++) {
		strbuf_init(&b, key, sizeof(key));
		strbuf_addf(&b, "parameters_%s", role_suffixes[role]);
		unknown |= gucs_have_unknown(json_get(pg->config->postgresql, key), version);
	}
	return unknown;
}

void conf_gucs(struct postgres *pg, enum conf_role role, bool standby_start, struct gucs *to)
{
	const struct config *config = pg->config;
	char key[64], socket_dir[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "parameters_%s", role_suffixes[role]);
	strbuf_init(&b, socket_dir, sizeof(socket_dir));
	strbuf_addf(&b, "%s/pg", config->run_dir);
	struct gucs_input input = {
		.parameters = json_get(config->postgresql, "parameters"),
		.role_parameters = json_get(config->postgresql, key),
		.version = file_version(pg),
		.described = pg->described.names,
		.listen_addresses = config->pg_listen.host[0] == '\0' ? "*" : config->pg_listen.host,
		.port = config->pg_listen.port,
		.cluster_name = config->scope,
		.socket_dir = socket_dir,
		.config_dir = config->config_dir,
	};
	gucs_build(to, &input, note);
	bool recovers = role == CONF_PRIMARY && pg->instance.recovers;
	if (recovers && !restore_is_hot(pg))
		gucs_set(to, "hot_standby", "off");
	else if ((recovers || standby_start) && pg->control_ok)
		guard_standby(pg, to);
}

/* ---- whom to follow ---- */

void conf_conninfo(const struct postgres *pg, const struct upstream *upstream, bool for_backup, struct strbuf *to)
{
	const struct config *config = pg->config;
	const char *krb = json_get_text(config->postgresql, "krbsrvname");
	struct conninfo conninfo = {
		.dbname = config->database[0] == '\0' ? "postgres" : config->database,
		.passfile = config->replication.password[0] == '\0' ? NULL : config->pgpass,
		.host = upstream->host,
		.port = upstream->port,
		.application_name = for_backup ? NULL : config->name,
		.krbsrvname = krb,
		.auth = &config->replication,
		.major = for_backup ? 0 : datadir_major(pg),
		.by_service = for_backup,
		.with_defaults = true,
	};
	conninfo_print(&conninfo, to);
}

void conf_conninfo_rewind(const struct postgres *pg, const struct upstream *upstream, struct strbuf *to)
{
	const struct config *config = pg->config;
	struct conninfo conninfo = {
		.dbname = config->database[0] == '\0' ? "postgres" : config->database,
		.passfile = config->rewind.password[0] == '\0' ? NULL : config->pgpass,
		.host = upstream->host,
		.port = upstream->port,
		.krbsrvname = json_get_text(config->postgresql, "krbsrvname"),
		.target_session_attrs = "read-write",
		.auth = &config->rewind,
		.by_service = true,
		.with_defaults = true,
	};
	conninfo_print(&conninfo, to);
}

static void build_recovery(const struct postgres *pg, const struct upstream *upstream, struct gucs *to)
{
	char conninfo[1024], slot[NAME_SIZE];
	struct strbuf b;
	gucs_build_recovery(to, json_get(pg->config->postgresql, "recovery_conf"), file_version(pg), note);
	if (upstream->host[0] == '\0')
		return;
	strbuf_init(&b, conninfo, sizeof(conninfo));
	conf_conninfo(pg, upstream, false, &b);
	gucs_set(to, "primary_conninfo", conninfo);
	slot_name_from_member(pg->config->name, slot, sizeof(slot));
	if (pg->config->settings.use_slots)
		gucs_set(to, "primary_slot_name", slot);
}

static bool pgpass_write_for(const struct postgres *pg, const struct config_auth *auth, const char *host, int port,
			     struct err *err)
{
	char text[4096];
	struct strbuf b;
	const struct config *config = pg->config;
	if (auth->password[0] == '\0' || config->pgpass[0] == '\0')
		return true;
	strbuf_init(&b, text, sizeof(text));
	pgpass_print(host, port, auth, &b);
	if (!strbuf_ok(&b))
		return err_set(err, ERR_INPUT, "the password file would be too long");
	bool ok = file_write(config->pgpass, text, b.len, 0600, err);
	explicit_bzero(text, sizeof(text));
	return ok;
}

bool pgpass_write(const struct postgres *pg, const char *host, int port, struct err *err)
{
	return pgpass_write_for(pg, &pg->config->replication, host, port, err);
}

bool pgpass_write_rewind(const struct postgres *pg, const char *host, int port, struct err *err)
{
	return pgpass_write_for(pg, &pg->config->rewind, host, port, err);
}

/* ---- postgresql.conf ---- */

/* The file that is there first becomes the base, once. */
static bool save_base(const struct postgres *pg, struct err *err)
{
	char conf[PATH_SIZE], base[PATH_SIZE];
	path_with(pg, pg->config->config_base_name, ".conf", conf, sizeof(conf));
	path_with(pg, pg->config->config_base_name, ".base.conf", base, sizeof(base));
	if (pg->config->custom_conf[0] != '\0' || file_exists(base) || !file_exists(conf))
		return true;
	return rename(conf, base) == 0 || err_errno(err, "cannot rename %s to %s", conf, base);
}

static void print_conf(const struct postgres *pg, const struct gucs *gucs, const struct gucs *recovery,
		       struct strbuf *to)
{
	const struct config *config = pg->config;
	strbuf_add(to, header);
	if (config->custom_conf[0] != '\0')
		strbuf_addf(to, "include '%s'\n\n", config->custom_conf);
	else
		strbuf_addf(to, "include '%s.base.conf'\n\n", config->config_base_name);
	gucs_print(gucs, to);
	if (gucs_get(gucs, "hba_file") == NULL)
		strbuf_addf(to, "hba_file = '%s/pg_hba.conf'\n", config->config_dir);
	if (gucs_get(gucs, "ident_file") == NULL)
		strbuf_addf(to, "ident_file = '%s/pg_ident.conf'\n", config->config_dir);
	if (recovery->count > 0)
		strbuf_add(to, recovery_header);
	gucs_print(recovery, to);
}

static bool write_list(const struct postgres *pg, const struct json *list, const char *name, struct err *err)
{
	char path[PATH_SIZE];
	struct strbuf b;
	AUTO(text) UNUSED char *memory = new_text(&b);
	strbuf_add(&b, header);
	bool replaced = text_equal(name, "pg_hba.conf") && restore_print_hba(pg, &b);
	if (!replaced && (!json_is_array(list) || json_count(list) == 0))
		return true;
	for (const struct json *line = replaced ? NULL : json_first(list); line != NULL; line = json_next(line))
		if (json_is_text(line))
			strbuf_addf(&b, "%s\n", json_text(line));
	conf_path(pg, name, path, sizeof(path));
	return write_changed(pg, path, &b, err);
}

/* What ALTER SYSTEM or pg_basebackup -R left there would win over ours. To a running primary it means nothing. */
static bool clean_auto_conf(const struct postgres *pg, enum conf_role role, struct err *err)
{
	char path[PATH_SIZE];
	size_t len;
	struct strbuf b;
	struct err ignored;
	if (restore_keeps_auto_conf(pg) || (role == CONF_PRIMARY && pg->instance.tree != PG_TREE_DOWN))
		return true;
	AUTO(text) char *old = malloc(CONF_BYTES);
	if (old == NULL)
		abort();
	datadir_path(pg, "postgresql.auto.conf", path, sizeof(path));
	if (!file_read(path, old, CONF_BYTES, &len, &ignored))
		return true;
	AUTO(text) UNUSED char *memory = new_text(&b);
	conf_without_recovery(old, &b);
	return write_changed(pg, path, &b, err);
}

/* The targets of a server whose recovery has ended stay until it is started again: to take them out would be a change that waits for a
 * restart. */
static void add_targets_in_force(const struct postgres *pg, struct strbuf *to)
{
	static const char target[] = "recovery_target";
	char path[PATH_SIZE];
	size_t len;
	struct strbuf b;
	struct err ignored;
	AUTO(text) char *text = new_text(&b);
	conf_main_file(pg, path, sizeof(path));
	char *at = file_read(path, text, CONF_BYTES, &len, &ignored) ? strstr(text, recovery_header) : NULL;
	if (at == NULL)
		return;
	strbuf_add(to, recovery_header);
	for (at += strlen(recovery_header); *at != '\0'; at += len) {
		len = strcspn(at, "\n");
		len += at[len] == '\n';
		if (strncmp(at, target, strlen(target)) == 0)
			strbuf_add_bytes(to, at, len);
	}
}

static bool write_conf(struct postgres *pg, enum conf_role role, const struct gucs *gucs, const struct gucs *recovery,
		       struct err *err)
{
	char path[PATH_SIZE];
	struct strbuf b;
	AUTO(text) UNUSED char *memory = new_text(&b);
	print_conf(pg, gucs, recovery, &b);
	if (role == CONF_PRIMARY && pg->instance.tree != PG_TREE_DOWN)
		add_targets_in_force(pg, &b);
	path_with(pg, pg->config->config_base_name, ".conf", path, sizeof(path));
	if (!save_base(pg, err) || !write_changed(pg, path, &b, err))
		return false;
	if (gucs_get(gucs, "hba_file") == NULL && !write_list(pg, role_setting(pg, "pg_hba", role), "pg_hba.conf", err))
		return false;
	return gucs_get(gucs, "ident_file") != NULL ||
	       write_list(pg, role_setting(pg, "pg_ident", role), "pg_ident.conf", err);
}

bool conffiles_write(struct postgres *pg, enum conf_role role, const struct upstream *upstream, struct err *err)
{
	struct gucs *gucs = malloc(2 * sizeof(*gucs)), *recovery = gucs + 1;
	if (gucs == NULL)
		abort();
	conf_gucs(pg, role, role != CONF_PRIMARY, gucs);
	bool ok = restore_build_recovery(pg, recovery, err);
	pg->probe.wanted_conninfo[0] = '\0';
	if (role != CONF_PRIMARY) {
		build_recovery(pg, upstream, recovery);
		const char *conninfo = gucs_get(recovery, "primary_conninfo");
		text_copy(pg->probe.wanted_conninfo, sizeof(pg->probe.wanted_conninfo),
			  conninfo == NULL ? "" : conninfo);
	}
	ok = ok && (upstream->host[0] == '\0' || pgpass_write(pg, upstream->host, upstream->port, err)) &&
	     write_conf(pg, role, gucs, recovery, err) && clean_auto_conf(pg, role, err);
	gucs_clear(gucs);
	gucs_clear(recovery);
	free(gucs);
	if (!ok)
		return false;
	pg->role = role;
	upstream_write(pg, upstream);
	return true;
}

/* bootstrap.pg_hba is added to what initdb wrote, unless postgresql.pg_hba replaces it anyway. */
bool conffiles_after_initdb(struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE];
	size_t len;
	struct strbuf b;
	const struct json *list = json_path(pg->config->local, "bootstrap.pg_hba");
	if (json_count(list) == 0 || json_get(pg->config->postgresql, "pg_hba") != NULL)
		return true;
	AUTO(text) char *memory = new_text(&b);
	datadir_path(pg, "pg_hba.conf", path, sizeof(path));
	if (!file_read(path, memory, CONF_BYTES, &len, err))
		return false;
	b.len = len;
	strbuf_add(&b, "\n");
	for (const struct json *line = json_first(list); line != NULL; line = json_next(line))
		if (json_is_text(line))
			strbuf_addf(&b, "%s\n", json_text(line));
	return write_changed(pg, path, &b, err);
}

/* ---- copies in the data directory, for members that are cloned from us ---- */

static bool copy_file(const struct postgres *pg, const char *from, const char *to, struct err *err)
{
	struct strbuf b;
	size_t len;
	AUTO(text) char *memory = new_text(&b);
	if (!file_read(from, memory, CONF_BYTES, &len, err))
		return err->kind == ERR_MISSING;
	b.len = len;
	return write_changed(pg, to, &b, err);
}

static void copy_all(const struct postgres *pg, bool restore)
{
	char base[64];
	struct strbuf b;
	strbuf_init(&b, base, sizeof(base));
	strbuf_addf(&b, "%s.base.conf", pg->config->config_base_name);
	char conf[64];
	strbuf_init(&b, conf, sizeof(conf));
	strbuf_addf(&b, "%s.conf", pg->config->config_base_name);
	const char *const names[] = { conf, base, "pg_hba.conf", "pg_ident.conf" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char live[PATH_SIZE], copy[PATH_SIZE], name[80];
		struct err err;
		conf_path(pg, names[i], live, sizeof(live));
		strbuf_init(&b, name, sizeof(name));
		strbuf_addf(&b, "%s.backup", names[i]);
		datadir_path(pg, name, copy, sizeof(copy));
		if (restore && file_exists(live))
			continue;
		if (!copy_file(pg, restore ? copy : live, restore ? live : copy, &err))
			log_warning("postgres: %s", err.text);
	}
}

void conffiles_backup(struct postgres *pg)
{
	copy_all(pg, false);
}

void conffiles_restore(struct postgres *pg)
{
	char path[PATH_SIZE];
	struct err err;
	copy_all(pg, true);
	conf_path(pg, "pg_ident.conf", path, sizeof(path));
	if (!file_exists(path) && !file_write(path, "", 0, mode_for(pg, path), &err))
		log_warning("postgres: %s", err.text);
}
