/* A model of Kubernetes API servers over one namespace, as far as howdah talks to them: collections of JSON objects with
 * resourceVersion and uid, LIST, WATCH, GET, PATCH (strategic merge), POST, DELETE, eviction, resize. The simulator talks to it, and so does
 * devkube, an HTTP server: time and chance come through hooks, transport is the caller's. tests/devkube compares it with a
 * real server. */
#ifndef HOWDAH_TESTS_KUBEMODEL_API_H
#define HOWDAH_TESTS_KUBEMODEL_API_H

#include "codec/json.h"

enum { API_SERVERS_MAX = 4, API_KIND_SIZE = 24 };

struct api;
struct api_watch;

/* Shared immutable text: printed once, sent to many. */
struct api_text {
	int refs;
	size_t len;
	char text[];
};
struct api_text *api_text_new(const char *text, size_t len);
struct api_text *api_text_ref(struct api_text *text);
void api_text_drop(struct api_text *text); /* takes NULL */

/* A change that has happened. `object` is the state after it (of a deletion: the last one); valid during the call. */
struct api_change {
	const char *kind, *name;
	const struct json *object;
	bool created, deleted;
	void *author; /* of the request; NULL: the administrator's */
};

struct api_hooks {
	int64_t (*now_us)(void *arg);
	int64_t (*wall_s)(void *arg); /* or NULL: it is always 2026-01-01 */
	uint32_t (*random)(void *arg);
	/* whether a WATCH from a forgotten version gets 410 as its status, not on the stream; NULL: never, as the real one */
	bool (*refuses_expired)(void *arg);
	void (*on_change)(void *arg, const struct api_change *change); /* or NULL */
	void (*on_watch)(void *arg, void *watcher); /* there may be something to read, or the stream ended */
	void *arg;
	uint32_t number; /* of this store: the first digits of the uids that it makes */
};

struct api_request {
	const char *method, *path; /* path with the query */
	const char *body;          /* or NULL */
	size_t body_len;
	const char *content_type; /* of a patch; NULL: strategic merge */
	int server;               /* which API server: each has a watch cache of its own */
	void *author;
};

struct api_response {
	int status;
	struct api_text *body;   /* owned by the caller */
	int64_t retry_after_s;   /* -1: none */
	struct api_watch *watch; /* of a WATCH with status 200: the body is NULL; api_watch_close() it */
};

struct api *api_create(const struct api_hooks *hooks);
void api_destroy(struct api *api); /* after every watch was closed */
void api_handle(struct api *api, const struct api_request *request, struct api_response *response);
/* A WATCH, as if the version that it asks for were forgotten. */
void api_expire(struct api *api, const struct api_request *request, struct api_response *response);
void api_refuse(struct api_response *response, int status, const char *reason, const char *message); /* a Status */

/* ---- streams ---- */
void api_watch_bind(struct api_watch *watch, void *watcher);  /* what on_watch is called with */
struct api_text *api_watch_next(struct api_watch *watch);     /* a line that is visible by now; NULL: none */
int64_t api_watch_due_us(const struct api_watch *watch);      /* when the next becomes visible; INT64_MAX: none yet */
bool api_watch_ended(const struct api_watch *watch);          /* and everything was read */
struct api_text *api_watch_bookmark(struct api_watch *watch); /* NULL: not asked for */
void api_watch_close(struct api_watch *watch);

/* ---- faults ---- */
void api_set_lag(struct api *api, int server, int64_t lag_us); /* of the server's watch cache */
/* Answers every n-th request (by chance, per mille) with this status instead of doing it. */
void api_set_storm(struct api *api, int status, int per_mille, int64_t retry_after_s);
long api_storm_hits(const struct api *api);
/* Everything that a roll-out needs beside pods is forbidden; no pod may be evicted for now. */
void api_set_rollout(struct api *api, bool forbidden, bool budget_spent);
void api_set_resize(struct api *api,
		    int status); /* changes of resources in place are refused with it; 0: they are not */
long api_resize_refusals(const struct api *api);
long api_rollout_refusals(const struct api *api);
void api_end_watches(struct api *api, int server); /* -1: of all servers */
void api_compact(struct api *api);                 /* older versions can no longer be watched from: 410 */
void api_snapshot(struct api *api);
bool api_restore(struct api *api); /* to the snapshot, versions included; watches end. false: there is none */

/* ---- the administrator: kubelets, controllers, people ---- */
bool api_put(struct api *api, const char *kind, const char *text);                      /* creates; false: it exists */
bool api_patch(struct api *api, const char *kind, const char *name, const char *merge); /* false: none, or no change */
bool api_delete(struct api *api, const char *kind, const char *name);
const struct json *api_get(const struct api *api, const char *kind, const char *name); /* NULL: none */
uint64_t api_version(const struct api *api);
long api_writes(const struct api *api); /* that changed something and were not the administrator's */

/* Walks a collection: NULL starts; NULL at the end. */
const struct json *api_next(const struct api *api, const char *kind, const struct json *after);

#endif
