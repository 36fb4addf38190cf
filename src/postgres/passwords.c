/* Passwords that change (pod.md 3): the primary tells its server. What was set is remembered by a fingerprint. */
#include "postgres/private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { TIMEOUT_MS = 30000, AGAIN_MS = 60000 };

static uint64_t add_text(uint64_t hash, const char *text)
{
	const char *at = text;
	do {
		hash = (hash ^ (unsigned char)*at) * 0x100000001B3u;
	} while (*at++ != '\0');
	return hash;
}

static uint64_t fingerprint(const struct postgres *pg)
{
	const struct config *config = pg->config;
	const struct config_auth *const all[] = { &config->superuser, &config->replication, &config->rewind };
	uint64_t hash = 0xCBF29CE484222325u ^ pg->passwords.key;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		hash = add_text(add_text(hash, all[i]->username), all[i]->password);
	hash = add_text(add_text(hash, config->app_user), config->app_password);
	return hash | 1;
}

static void use_own(struct postgres *pg)
{
	text_copy(pg->passwords.superuser, sizeof(pg->passwords.superuser), pg->config->superuser.password);
}

void passwords_init(struct postgres *pg)
{
	struct passwords *passwords = &pg->passwords;
	if (getrandom(&passwords->key, sizeof(passwords->key), 0) != sizeof(passwords->key))
		abort();
	use_own(pg);
	passwords->seen = fingerprint(pg);
}

void passwords_compare(struct postgres *pg)
{
	uint64_t now = fingerprint(pg);
	pg->passwords.wanted |= now != pg->passwords.seen;
	pg->passwords.seen = now;
}

void passwords_are_set(struct postgres *pg)
{
	pg->passwords.set = fingerprint(pg);
}

/* What the server refused is tried again, but not at every turn. */
void postgres_sync_passwords(struct postgres *pg)
{
	struct passwords *passwords = &pg->passwords;
	uint64_t now = fingerprint(pg);
	bool refused = passwords->tried == now && passwords->set != now;
	if (passwords->set == now || passwords->running ||
	    (refused && elapsed_least_ms(passwords->tried_at, loop_now(pg->loop)) < AGAIN_MS))
		return;
	passwords->wanted = true;
	postgres_turn_soon(pg);
}

bool passwords_try_new(struct postgres *pg)
{
	if (text_equal(pg->passwords.superuser, pg->config->superuser.password))
		return false;
	use_own(pg);
	return true;
}

static void on_set(struct postgres *pg, bool ok, const char *error)
{
	struct passwords *passwords = &pg->passwords;
	passwords->running = false;
	pg_close(pg->work.session);
	if (!ok) {
		log_warning("postgres: passwords could not be set: %s", error);
		return;
	}
	passwords->set = passwords->sending;
	use_own(pg);
	log_info("postgres: passwords were set");
}

static void on_quiet(struct postgres *pg, bool ok, const char *error)
{
	static char text[16 * 1024];
	struct strbuf b;
	struct err err;
	struct passwords *passwords = &pg->passwords;
	strbuf_init(&b, text, sizeof(text));
	passwords->running = false;
	if (!ok || !roles_passwords_sql(pg->config, &b, &err)) {
		log_warning("postgres: passwords: %s", ok ? err.text : error);
		return;
	}
	passwords->sending = fingerprint(pg);
	if (b.len == 0)
		passwords->set = passwords->sending;
	else
		passwords->running = work_query(&pg->work, text, NULL, TIMEOUT_MS, on_set);
}

/* A standby keeps the wish: should it become the primary before the present one has done it, it does it. */
void passwords_turn(struct postgres *pg)
{
	const struct instance *in = &pg->instance;
	struct passwords *passwords = &pg->passwords;
	if (!passwords->wanted || passwords->running || pg->work.done != NULL || pg->job.kind != PG_JOB_NONE)
		return;
	if (in->tree != PG_TREE_PRIMARY || !in->answers || in->in_recovery)
		return;
	passwords->wanted = false;
	passwords->tried = fingerprint(pg);
	passwords->tried_at = loop_now(pg->loop);
	passwords->running = work_query(&pg->work, roles_quiet_sql, NULL, TIMEOUT_MS, on_quiet);
}
