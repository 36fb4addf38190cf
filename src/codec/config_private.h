/* Shared by the files that make up the configuration. */
#ifndef HOWDAH_SRC_CODEC_CONFIG_PRIVATE_H
#define HOWDAH_SRC_CODEC_CONFIG_PRIVATE_H

#include "codec/config.h"
#include "codec/yaml.h"

enum { PROBLEM_SIZE = 256, SOURCES_MAX = 64, KEY_SIZE = 128 };

/* Where complaints about settings go: notes at start, lines of the report when checking. `instead` is what is used; NULL: the setting is ignored. */
struct sink {
	void (*add)(void *arg, const char *key, const char *problem, const char *instead);
	void *arg;
};

/* ---- config_sources.c: from files and environment to one tree ---- */

struct source {
	char file[URL_SIZE];
	struct json *tree;
	struct yaml_lines *lines;
};

struct sources {
	int count;
	struct source list[SOURCES_MAX];
	const char *const *environ_;
	bool only_ours;     /* of the environment's variables HOWDAH_... count alone */
	struct json *local; /* all of it, merged */
};

/* sources must be freed also after a failure. */
MUST_CHECK bool sources_read(struct sources *sources, const char *path, const char *const environ_[],
			     const struct sink *sink, struct err *err);
void sources_free(struct sources *sources);

/* `FILE:LINE: ` or `VARIABLE: ` of the source that a key comes from; "" when none is known. */
void sources_where(const struct sources *sources, const char *key, struct strbuf *to);

const char *environment_get(const char *const environ_[], const char *name); /* NULL: absent or empty */
void setting_variable(const struct setting *row, char *name, size_t size);   /* with its prefix; "": none */

/* ---- config_tree.c: trees ---- */

/* Makes what is missing on the way; what is in the way and no mapping is replaced. */
void tree_set(struct json *root, const char *dotted, struct json *value);

/* The `postgresql` section in force. */
struct json *tree_postgresql(const struct json *local, const struct json *dynamic);

/* A parameter of PostgreSQL that counts in the dynamic configuration alone (contract 2.5). */
bool tree_is_controlled(const char *parameter);

/* Tags as they are published; NULL: none. */
struct json *tree_tags(const struct json *local);

/* A setting of the dynamic configuration, also by its former name. */
const struct json *tree_dynamic(const struct json *dynamic, const char *key);

/* ---- config_check.c: one value against its row ---- */

enum check { CHECK_OK, CHECK_RANGE /* number is the nearest that is allowed */, CHECK_BAD };

struct checked {
	int64_t number; /* milliseconds for SETTING_SECONDS; the word's place for SETTING_ENUM */
	bool truth;
	char text[2 * URL_SIZE];
	struct config_address address;
};

enum check setting_check(const struct setting *row, const struct json *value, struct checked *out,
			 struct strbuf *problem);

/* host:port, [ipv6]:port, a,b:port; the port may be left out. */
MUST_CHECK bool address_parse(struct config_address *address, const char *text, int default_port);

/* ---- config_take.c: what is no scalar ---- */

bool take_log_level(struct config *config, const struct json *value, struct err *err);
bool take_verify_client(struct config *config, const struct json *value, struct err *err);
bool take_allowlist(struct config *config, const struct json *value, struct err *err);
bool take_http_headers(struct config *config, const struct json *value, struct err *err);
bool take_https_headers(struct config *config, const struct json *value, struct err *err);
bool take_labels(struct config *config, const struct json *value, struct err *err);
bool take_bootstrap_labels(struct config *config, const struct json *value, struct err *err);
bool take_ports(struct config *config, const struct json *value, struct err *err);
bool take_retriable_codes(struct config *config, const struct json *value, struct err *err);

/* ---- config_defaults.c ---- */

void defaults_from_pod(struct json *local, const char *const environ_[]);
void defaults_move_former_roles(struct json *local);
void defaults_from_settings(struct config *config);
bool address_is_wildcard(const char *host);

/* ---- config_timeouts.c ---- */

/* Makes ttl, loop_wait and retry_timeout fit each other (safety.md, settings); says what had to change. */
void timeouts_fit(struct settings *settings, bool laboratory, const struct sink *sink);

/* ---- settings.c ---- */

const struct setting *setting_find(const char *key);
/* Complaints about keys in our own section that are none. */
void own_keys_check(const struct json *local, const struct sink *sink);

/* Two routes at once. */
void route_check(const struct json *local, const struct sink *sink);

/* nofailover against failover_priority, nosync against sync_priority (contract 2.9). */
void tags_check(const struct json *local, const struct sink *sink);

/* ---- config_methods.c: people's own ways to make a data directory (contract 5.6) ---- */

bool methods_restore(const struct json *local);             /* a new cluster is made by one of them */
bool methods_need_no_leader(const struct json *postgresql); /* a replica can be */
void methods_check(const struct json *local, const struct json *postgresql, const struct sink *sink);

#endif
