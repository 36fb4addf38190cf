/* Shared by the files of the API model. */
#ifndef HOWDAH_TESTS_SIM_API_PRIVATE_H
#define HOWDAH_TESTS_SIM_API_PRIVATE_H

#include "api.h"

enum { OBJECTS_MAX = 256, LOG_SIZE = 512, WATCHES_MAX = 64, SELECTOR_SIZE = 256, API_NAME_SIZE = 128 };

/* One state of an object: what lists, watches and answers share. */
struct revision {
	int refs;
	uint64_t version;
	char *labels; /* ",a=b,c=d," */
	struct api_text *text;
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
	struct snapshot snapshot;
};

struct api_watch {
	struct api *api;
	int server;
	char kind[API_KIND_SIZE], selector[SELECTOR_SIZE];
	bool bookmarks, ended;
	uint64_t next;         /* sequence number in the log */
	struct api_text *last; /* sent before the end */
	void *watcher;
};

bool selector_matches(const char *selector, const struct revision *revision);
struct api_watch *watch_open(struct api *api, const struct api_request *request, const char *kind, uint64_t version);
void watch_notify(struct api *api, const char *kind);
struct object *object_find(const struct api *api, const char *kind, const char *name);
void revision_drop(struct revision *revision); /* takes NULL */

#endif
