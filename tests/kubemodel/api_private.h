/* Shared by the files of the API model. */
#ifndef HOWDAH_TESTS_KUBEMODEL_API_PRIVATE_H
#define HOWDAH_TESTS_KUBEMODEL_API_PRIVATE_H

#include "kubemodel/api.h"

enum { OBJECTS_MAX = 256, LOG_SIZE = 512, WATCHES_MAX = 256, SELECTOR_SIZE = 1024, API_NAME_SIZE = 254 };

struct kind {
	const char *plural, *name, *version;
};

/* One state of an object: what lists, watches and answers share. */
struct revision {
	int refs;
	uint64_t version;
	char *labels; /* ",a=b,c=d," */
	struct api_text *text;
	size_t head_len; /* of the text: kind and apiVersion, which items of a list do not have */
};

struct object {
	char kind[API_KIND_SIZE], name[API_NAME_SIZE];
	struct json *tree;
	struct revision *now;
};

enum event_type { EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED, EVENT_TYPES };

struct log_event {
	uint64_t version;
	int64_t at_us;
	char kind[API_KIND_SIZE];
	struct revision *before, *after; /* NULL: did not exist; does not any more. A deletion's `last` is its text */
	struct revision *last;
	struct api_text *lines[EVENT_TYPES];
};

struct snapshot {
	struct object objects[OBJECTS_MAX]; /* trees only */
	int count;
	uint64_t version;
	bool taken;
};

struct api {
	struct api_hooks hooks;
	uint64_t version, uid;
	struct object objects[OBJECTS_MAX];
	int count;
	struct log_event log[LOG_SIZE];
	uint64_t log_first, log_next; /* sequence numbers; the ring holds log_first .. log_next - 1 */
	uint64_t compacted;           /* watches from versions below this get 410 */
	struct api_watch *watches[WATCHES_MAX];
	int watch_count;
	int64_t lag_us[API_SERVERS_MAX];
	int storm_status, storm_per_mille;
	int64_t storm_retry_after_s;
	long storm_hits, writes;
	bool rollout_forbidden, budget_spent;
	long rollout_refusals, resize_refusals; /* the latter of the former */
	int resize_status; /* what every change of resources in place is answered with; 0: it is done */
	struct snapshot snapshot;
};

struct api_watch {
	struct api *api;
	int server;
	char kind[API_KIND_SIZE], selector[SELECTOR_SIZE];
	bool bookmarks, ended;
	uint64_t since;                        /* versions up to this one are not shown */
	uint64_t next;                         /* sequence number in the log */
	struct revision *present[OBJECTS_MAX]; /* shown first, as added */
	int present_next, present_count;
	struct api_text *last; /* sent before the end */
	void *watcher;
};

bool selector_matches(const char *selector, const struct revision *revision);
bool selector_is_valid(const char *selector);
struct api_watch *watch_open(struct api *api, const struct api_request *request, const char *kind, uint64_t version);
void watch_show_present(struct api_watch *watch); /* its selector is set */
void watch_notify(struct api *api, const char *kind);

const struct kind *kind_find(const char *plural); /* NULL: there is none */
struct json *metadata_of(struct json *tree);
struct object *model_find(const struct api *api, const char *kind, const char *name);
struct object *model_create(struct api *api, const char *kind, struct json *tree, void *author); /* takes the tree */
void model_commit(struct api *api, struct object *o, const struct api_change *change);
void model_remove(struct api *api, struct object *o, void *author);
void model_set_time(struct api *api, struct json *metadata, const char *key); /* now */
struct revision *revision_ref(struct revision *revision);
void revision_drop(struct revision *revision); /* takes NULL */
struct api_text *api_text_join(const char *head, size_t head_len, const char *rest, size_t rest_len);

/* Strategic: lists of things with names are merged by these, others replaced, as the API's types say; no directives
 * ("$patch"). Not strategic: RFC 7396. Fields left empty go away, as the API does not print them. */
void merge_patch(struct json *into, const struct json *patch, bool strategic);

#endif
