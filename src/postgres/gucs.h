/* PostgreSQL's parameters: what is wanted by the configuration, checked and clamped as contract 2.5 and its appendix A say. */
#ifndef HOWDAH_POSTGRES_GUCS_H
#define HOWDAH_POSTGRES_GUCS_H

#include "base/strbuf.h"
#include "codec/json.h"

struct guc {
	char *name, *value;
};

/* Names are compared without case and kept sorted. */
enum { GUCS_MAX = 512 };
struct gucs {
	int count;
	struct guc items[GUCS_MAX];
};

struct gucs *gucs_create(void); /* empty */
void gucs_destroy(struct gucs *gucs);
void gucs_init(struct gucs *gucs);
void gucs_clear(struct gucs *gucs);
void gucs_set(struct gucs *gucs, const char *name, const char *value);
void gucs_remove(struct gucs *gucs, const char *name);
const char *gucs_get(const struct gucs *gucs, const char *name); /* NULL: not set */
void gucs_print(const struct gucs *gucs, struct strbuf *to);     /* name = 'value' lines */

/* One row of appendix A. Versions as server_version_num; to 0: open. */
enum guc_type { GUC_BOOL, GUC_BOOL_ENUM, GUC_ENUM, GUC_INT, GUC_REAL, GUC_TEXT };
struct guc_rule {
	const char *name;
	enum guc_type type;
	int from, to;
	double min, max;
	const char *unit;  /* NULL: none */
	const char *words; /* "a|b" */
};
extern const struct guc_rule guc_rules[];
extern const int guc_rules_count;
extern const struct guc_rule recovery_rules[];
extern const int recovery_rules_count;

bool guc_has_word(const char *words, const char *word); /* without case */
const struct guc_rule *guc_rule_find(const char *name, int version);
bool guc_is_recovery(const char *name); /* of any version */
const struct guc_rule *guc_recovery_find(const char *name, int version);

enum guc_verdict { GUC_KEEP, GUC_CLAMPED, GUC_DROP };
/* value may be rewritten (size bytes). */
enum guc_verdict guc_check(const struct guc_rule *rule, char *value, size_t size);

struct gucs_input {
	const struct json *parameters, *role_parameters; /* objects or NULL */
	int version;                                     /* server_version_num; only the major part is sure */
	const char *described; /* ",name,name," that PostgreSQL's program knows; NULL or "": not known */
	const char *listen_addresses, *cluster_name;
	int port;
	const char *socket_dir; /* ours */
	const char *config_dir;
};

/* Whether a name has no row, no dot and no rule of its own: only PostgreSQL's program can tell. */
bool gucs_have_unknown(const struct json *parameters, int version);

/* All of the normal section. Notes about what was dropped or changed go to note. */
void gucs_build(struct gucs *gucs, const struct gucs_input *input, void (*note)(const char *text));

/* Recovery settings of contract 2.8 but primary_conninfo and primary_slot_name. */
void gucs_build_recovery(struct gucs *gucs, const struct json *recovery_conf, int version,
			 void (*note)(const char *text));
void gucs_value_text(const struct json *value, char *text, size_t size);
enum { GUC_VALUE_MAX = 4096 };

/* A postgresql.conf or postgresql.auto.conf text without the lines that set recovery parameters. */
void conf_without_recovery(const char *text, struct strbuf *to);

#endif
