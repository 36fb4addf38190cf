/* The configuration: one table of settings, and what reading it gives.
 *
 * Sources and precedence by contract 2.1: built-in defaults, dynamic configuration (the `config` annotation), local
 * YAML (a file or a directory), environment PATRONI_*. Unknown keys are kept. Starting accepts what Patroni accepts: a
 * value out of range is adjusted by the contract's rule and reported as a note; checking (--validate-config) is strict.
 */
#ifndef HOWDAH_CODEC_CONFIG_H
#define HOWDAH_CODEC_CONFIG_H

#include "codec/json.h"
#include "codec/network.h"
#include "core/limits.h"
#include "core/settings.h"

enum setting_type {
	SETTING_TEXT,
	SETTING_SECRET,
	SETTING_INT,
	SETTING_BOOL,
	SETTING_SECONDS,
	SETTING_BYTES,
	SETTING_ADDRESS,
	SETTING_MAP,
	SETTING_LIST,
	SETTING_ENUM
};
enum setting_scope { SETTING_LOCAL, SETTING_DYNAMIC, SETTING_BOTH };
enum setting_effect {
	EFFECT_NOW,
	EFFECT_POSTGRES_RELOAD,
	EFFECT_POSTGRES_RESTART,
	EFFECT_AGENT_RESTART,
	EFFECT_BOOTSTRAP
};

struct config;

struct setting {
	const char *key; /* dotted */
	const char *env; /* without PATRONI_; HOWDAH_... as it stands; NULL: none */
	enum setting_type type;
	enum setting_scope scope;
	int64_t min, max;     /* numbers; both 0: no bounds */
	const char *words;    /* SETTING_ENUM: "a|b|c"; SETTING_LIST: what else is allowed, "map|text|number" */
	const char *fallback; /* default as text; NULL: none */
	bool required;
	bool idle; /* accepted, but nothing acts on it in this version; giving it is noted */
	enum setting_effect effect;
	const char *text; /* one sentence of help */
	/* the codec's own: where struct config keeps the value (size 0: only in the trees), or who reads what is no scalar */
	size_t at, size;
	bool (*take)(struct config *config, const struct json *value, struct err *err);
};
extern const struct setting settings_table[];
extern const int settings_count;

struct config_note { /* something was adjusted or ignored */
	char text[256];
};
enum { CONFIG_NOTES_MAX = 32, CONFIG_LABELS_MAX = 16, CONFIG_ALLOWED_MAX = 64, CONFIG_HEADERS_MAX = 16 };

struct config_address {
	char host[HOST_SIZE]; /* "" or "*": all; IPv6 without brackets */
	int port;
};

struct config_label {
	char key[128], value[NAME_SIZE];
};

struct config_allowed {
	char host[HOST_SIZE]; /* its name; "": a network */
	struct network network;
};

struct config_headers { /* of an HTTP answer */
	int count;
	struct {
		char name[64], value[256];
	} list[CONFIG_HEADERS_MAX];
};

struct config_auth {
	char username[64], password[256];
	char sslmode[16], sslcert[URL_SIZE], sslkey[URL_SIZE], sslpassword[256], sslrootcert[URL_SIZE],
		sslcrl[URL_SIZE], sslcrldir[URL_SIZE];
	char gssencmode[16], channel_binding[16], sslnegotiation[16];
};

/* The effective configuration as values. */
struct config {
	struct json *local; /* merged local document, environment included, unknown keys kept; secrets too: never print
			       it whole */
	struct json *dynamic;    /* the dynamic configuration that is in force, exactly as given */
	struct json *postgresql; /* effective `postgresql` section: parameters, pg_hba, recovery_conf,
				    initdb-independent parts (contract 2.1 precedence) */
	struct settings settings;
	int log_level; /* enum log_level */
	char name[NAME_SIZE], scope[NAME_SIZE], path_namespace[NAME_SIZE];
	struct config_address rest_listen, rest_connect;
	char rest_certfile[URL_SIZE], rest_keyfile[URL_SIZE], rest_keyfile_password[256], rest_cafile[URL_SIZE],
		rest_ciphers[256];
	int rest_verify_client; /* 0 none, 1 optional, 2 required */
	int rest_queue_size;    /* connections that may wait to be accepted */
	int rest_server_tokens; /* 0 original, 1 productonly, 2 minimal */
	char rest_user[64], rest_password[256];
	int rest_allowed_count; /* 0: everybody, unless members alone are */
	struct config_allowed rest_allowed[CONFIG_ALLOWED_MAX];
	bool rest_allows_members;
	struct config_headers rest_headers, rest_tls_headers; /* the second over HTTPS, in the place of equal names */
	char ctl_user[64], ctl_password[256], ctl_cacert[URL_SIZE], ctl_certfile[URL_SIZE], ctl_keyfile[URL_SIZE],
		ctl_keyfile_password[256];
	bool ctl_insecure;
	bool has_kubernetes; /* the section exists */
	struct {
		char space[NAME_SIZE], scope_label[128], role_label[128], leader_value[NAME_SIZE],
			follower_value[NAME_SIZE], standby_leader_value[NAME_SIZE], tmp_role_label[128];
		char pod_ip[HOST_SIZE], ca_file[URL_SIZE], context[NAME_SIZE];
		bool use_endpoints, bypass_api_service;
		int label_count, bootstrap_label_count, port_count, retriable_code_count;
		struct config_label labels[CONFIG_LABELS_MAX], bootstrap_labels[CONFIG_LABELS_MAX];
		struct {
			char name[NAME_SIZE], protocol[8];
			int port;
		} ports[8];
		int retriable_codes[16];
	} kubernetes;
	struct config_address pg_listen, pg_connect; /* listen.host may hold several, separated by commas */
	char pg_proxy[HOST_SIZE];
	char data_dir[URL_SIZE], config_dir[URL_SIZE], bin_dir[URL_SIZE], pgpass[URL_SIZE], config_base_name[64],
		custom_conf[URL_SIZE], database[64];
	char pg_bin[7][64]; /* bin_name.*: pg_ctl, initdb, pg_controldata, pg_basebackup, postgres, pg_isready,
			       pg_rewind */
	bool use_unix_socket, use_unix_socket_repl;
	int64_t pg_ctl_timeout_ms;
	struct config_auth superuser, replication, rewind;
	char app_user[64], app_password[256], app_database[64]; /* howdah.application; "": none */
	struct json *tags;                                      /* effective, in order, for the status; NULL: none */
	/* ours, section `howdah` */
	char service_account_dir[URL_SIZE]; /* howdah.service_account_dir; "": Kubernetes' own */
	char run_dir[URL_SIZE];             /* howdah.run_dir, default /run/howdah or HOWDAH_RUN_DIR */
	char supervisor[URL_SIZE]; /* howdah.supervisor: path of the program for use outside pods; "": beside howdah */
	bool laboratory;           /* howdah.laboratory: allows a ttl below 8 s; tests only */
	int note_count;
	struct config_note notes[CONFIG_NOTES_MAX];
};

/* Reads the local sources: path is a file, a directory (*.yml, *.yaml, and files named like a setting of text, which are
 * its value, in order) or NULL (environment only). environ_ is a NULL-terminated array of "K=V". */
MUST_CHECK bool config_load(struct config *config, const char *path, const char *const environ_[], struct err *err);

/* Puts a dynamic configuration in force (contract 2.1 precedence, timeouts sanitised); on failure the present one
 * stays. */
MUST_CHECK bool config_apply_dynamic(struct config *config, const char *json_text, struct err *err);

/* The names of the methods by which replicas are made; NULL: pg_basebackup alone. */
const struct json *methods_of_replicas(const struct json *postgresql);

/* What goes to the `config` annotation when the cluster is initialised: bootstrap.dcs on top of nothing, "{}" when
 * there is none. free() it. */
char *config_bootstrap_dynamic(const struct config *config);
/* The dynamic configuration that is in force, as it was given. free() it. */
char *config_dynamic_text(const struct config *config);
void config_clear(struct config *config); /* frees the trees */

/* Strict: every problem is reported as `file:line: key: "value" reason: what is allowed`; returns how many there were.
 */
int config_validate(const char *path, const char *const environ_[], void (*report)(void *arg, const char *line),
		    void *arg);

/* Removes the variables that are settings from the environment, so that children never see them. */
void config_clean_environment(void);

/* Generated from the table: `howdah --help` text and docs/settings.md. */
void settings_print_help(struct strbuf *to);
void settings_print_reference(struct strbuf *to);
/* As JSON Schema: {"settings": of a whole configuration, "dynamic": of the dynamic one}. */
void settings_print_schema(struct strbuf *to);

#endif
