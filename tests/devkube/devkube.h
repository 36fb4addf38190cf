/* A small Kubernetes API server for tests and the demo: HTTP in front of tests/kubemodel, state in memory, one token, and
 * faults on command (POST /devkube/faults). What it answers, a real one answers too: test_conformance.py asks both. */
#ifndef HOWDAH_TESTS_DEVKUBE_H
#define HOWDAH_TESTS_DEVKUBE_H

#include "io/http_server.h"
#include "kubemodel/api.h"

enum { TOKEN_SIZE = 4096, SPACE_NAME_SIZE = 64, FILTER_SIZE = 128 };

/* A namespace: a store of its own, resourceVersions included. */
struct space {
	struct space *next;
	char name[SPACE_NAME_SIZE];
	struct api *api;
};

enum fault {
	FAULT_DROP_BEFORE, /* the connection breaks, and nothing was done */
	FAULT_DROP_AFTER,  /* it was done, and the connection breaks */
	FAULT_DELAY,
	FAULT_REFUSE,
	FAULT_EXPIRE, /* a WATCH is told 410 */
	FAULT_CUT_WATCHES,
	FAULT_SILENCE_WATCHES,
	FAULT_FREEZE,
	FAULT_SAVE,
	FAULT_RESTORE,
	FAULT_FORGET,
	FAULT_KINDS
};

/* `left`: how often it is still to strike, `struck`: how often it did. */
struct armed {
	int64_t left, struck, ms, status, retry_after_s;
	char method[8], path[FILTER_SIZE]; /* only requests like this; "": all */
};

struct devkube {
	struct loop *loop;
	char token[TOKEN_SIZE];
	struct space *spaces, *nowhere; /* nowhere: what namespaces look like that do not exist */
	uint32_t space_count;
	struct stream *streams;
	struct job *jobs;
	struct armed faults[FAULT_KINDS];
	struct loop_timer *silence, *freeze;
};

/* ---- server.c ---- */
void devkube_init(struct devkube *dk, struct loop *loop);
void devkube_finish(struct devkube *dk);
http_handler devkube_handle; /* arg: struct devkube */
void reply_text(struct http_reply *reply, int status, const char *type, const char *text);
void reply_refusal(struct http_reply *reply, int status, const char *reason, const char *message);

/* ---- stream.c ---- */
void stream_open(struct devkube *dk, struct api_watch *watch, struct http_reply *reply, const char *query);
void stream_wake(void *arg, void *stream); /* of struct api_hooks */
int streams_cut(struct devkube *dk);       /* how many */
void streams_wake(struct devkube *dk);

/* ---- faults.c ---- */
void faults_init(struct devkube *dk);
void faults_finish(struct devkube *dk);
void faults_handle(struct devkube *dk, const struct http_request *request);
/* Whether it is this request's turn to be struck; counts it. */
bool fault_strikes(struct devkube *dk, enum fault fault, const char *method, const char *path);
bool watches_are_silent(const struct devkube *dk);

#endif
