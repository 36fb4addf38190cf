/* What the files of the Kubernetes store share. One struct dcs; each part of it belongs to the file that is named beside it. */
#ifndef HOWDAH_DCS_KUBERNETES_PRIVATE_H
#define HOWDAH_DCS_KUBERNETES_PRIVATE_H

#include "codec/json.h"
#include "dcs/kubernetes.h"

enum {
	OBJECT_NAME_SIZE = 256, /* DNS subdomain: 253 */
	OBJECTS_MAX = 256,      /* of one kind in a cache */
	PATH_SIZE = 2048,
	TOKEN_SIZE = 16 * 1024,
	LIST_BODY_MAX = 16 * 1024 * 1024,
	WATCH_LINE_MAX = 1024 * 1024,
};

enum kind { KIND_PODS, KIND_STATE /* Endpoints or ConfigMaps */, KIND_COUNT };

#define LABEL_REPLICAS         "howdah.io/replica"
#define ANNOTATION_HOLDER_UID  "howdah.io/holder-uid"
#define ANNOTATION_TIMELINE    "howdah.io/timeline"
#define ANNOTATION_HEIR        "howdah.io/heir"
#define ANNOTATION_POSITIONS   "howdah.io/positions"
#define ANNOTATION_LEASE_TTL   "howdah.io/lease-ttl"
#define ANNOTATION_INITIALIZER "howdah.io/initializer"
#define ANNOTATION_NEXT        "howdah.io/next-timeline"
#define ANNOTATION_FAILSAFE    "howdah.io/failsafe-uids"
#define ANNOTATION_TIMELINES   "howdah.io/timelines"
#define ANNOTATION_SIDECAR     "howdah.io/sidecar"
#define ANNOTATION_ROLLOUT     "howdah.io/rollout"
#define ANNOTATION_LEASE       "howdah.io/lease"

#define SIDECAR_NAME   "howdah" /* our container's (pod.md 1) */
#define REVISION_LABEL "controller-revision-hash"

/* ---- access.c: where the API is and who we are ---- */

struct access {
	char server[URL_SIZE]; /* http(s)://host:port, no slash at the end */
	char ca_file[URL_SIZE], cert_file[URL_SIZE], key_file[URL_SIZE];
	char token_file[URL_SIZE]; /* "": token is fixed, or there is none */
	char token[TOKEN_SIZE];
	char user[128], password[256];
	bool insecure, in_cluster;
	int written_count; /* files that we made from inline data */
	char written[3][URL_SIZE];
};

/* In the cluster, else by kubeconfig (contract 1.13). */
MUST_CHECK bool access_find(struct access *access, const struct kubernetes_params *params, struct err *err);
MUST_CHECK bool access_read_token(struct access *access, struct err *err); /* the file again */
void access_finish(struct access *access);                                 /* takes away what it wrote */

/* kubeconfig.c */
MUST_CHECK bool kubeconfig_read(struct access *access, const char *path, const char *context, struct err *err);

/* ---- client.c: one request to the API; call.c: a request with the contract's retries ---- */

struct client {
	struct access access;
	struct instant token_read; /* unset: read it again before the next request */
	int server_count, server;  /* the one in use */
	char servers[KUBERNETES_SERVERS_MAX][URL_SIZE];
	bool direct; /* servers are API servers found by bypass_api_service: their names are in no certificate */
};

struct request {
	const char *method, *path, *body; /* body NULL: none */
	const char *lane;                 /* NULL: the common one */
	int64_t timeout_ms, idle_timeout_ms;
	size_t body_max;
	void (*on_data)(void *arg, const char *data, size_t len);
	void (*on_done)(void *arg, const struct http_answer *answer);
	void *arg;
};

bool client_init(struct dcs *dcs, struct err *err);
struct http_call *client_start(struct dcs *dcs, const struct request *request);
void client_note_answer(struct dcs *dcs, const struct http_answer *answer); /* first thing in every on_done */
int64_t client_try_ms(const struct dcs *dcs, int64_t limit_ms);             /* how long one of several tries may take */
void client_use_servers(struct dcs *dcs, int count, char servers[][URL_SIZE]);
void client_use_service(struct dcs *dcs);

bool answer_is_success(const struct http_answer *answer);
const char *answer_text(const struct http_answer *answer, char *text, size_t size); /* what went wrong, for people */

struct backoff {
	int64_t delay_ms; /* 0: the first */
};
int64_t backoff_next_ms(struct backoff *backoff, struct loop *loop); /* 0.1 s doubling to 1 s, and 0 to 0.8 s more */

/* Something that keeps failing: said at once, then every minute with a count, then its end. */
struct complaint {
	struct instant said;
	int count; /* since then */
	bool on;
	char text[256]; /* what was said, while it is on */
};
void complaint_say(struct complaint *complaint, struct loop *loop, const char *format, ...) PRINTF_LIKE(3, 4);
void complaint_end(struct complaint *complaint, const char *what);

struct call;
struct call_params {
	const char *method, *path, *lane; /* method and lane are literals, path is copied */
	char *body;                       /* taken; NULL: none, or made by prepare */
	int64_t limit_ms;                 /* for all tries together */
	bool once;                        /* never repeated */
	bool repeat_forbidden;            /* 403 is repeated too: a restarted API server answers so for a while */
	char *(*prepare)(void *arg); /* or NULL: makes the body of each send, last thing before it; the text is taken */
	void (*done)(void *arg, const struct http_answer *answer); /* the last answer; the call is gone already */
	void *arg;
};
struct call *call_start(struct dcs *dcs, const struct call_params *params);
void call_cancel(struct call *call); /* takes NULL; done is not called */
void calls_cancel_all(struct dcs *dcs);

/* ---- bypass.c: the API servers behind the `kubernetes` Service ---- */

struct bypass {
	struct loop_timer *timer;
	struct complaint complaint;
};
void bypass_init(struct dcs *dcs);
void bypass_finish(struct dcs *dcs);

/* ---- cache.c ---- */

struct object {
	char name[OBJECT_NAME_SIZE];
	char uid[UID_SIZE];
	uint64_t version; /* 0: it says none */
	struct json *json;
	const struct json *annotations, *labels; /* of json */
	char *text;                              /* as it came on a stream or in an answer; NULL: in a LIST */
	size_t text_len;
	struct member member; /* of a pod; name "": it cannot be a member */
};

struct cache {
	int count;
	struct object *objects[OBJECTS_MAX]; /* by name */
};

struct object *object_create(enum kind kind, struct json *json,
			     const char *role_label); /* takes json; NULL: it has no name */
void object_destroy(struct object *object);           /* takes NULL */
void object_keep_text(struct object *object, const char *text, size_t len);
const char *object_annotation(const struct object *object, const char *key); /* NULL: none, or object is NULL */
const char *object_label(const struct object *object, const char *key);
struct object *cache_find(const struct cache *cache, const char *name); /* NULL: none */
const struct object *cache_find_text(const struct cache *cache, const char *text, size_t len);
bool cache_put(struct cache *cache,
	       struct object *object); /* takes it, replaces one of that name; false: full, object is destroyed */
struct object *cache_take(struct cache *cache, const char *name); /* out of the cache; NULL: none */
void cache_clear(struct cache *cache);

/* ---- watch.c: LIST and WATCH of one kind ---- */

enum watch_state { WATCH_WAITING, WATCH_LISTING, WATCH_OPENING, WATCH_OPEN };

struct watch {
	struct dcs *dcs;
	enum kind kind;
	enum watch_state state;
	bool listed, opened; /* at least once */
	struct http_call *call;
	struct instant asked; /* when the last LIST was sent */
	struct instant
		heard; /* up to when it is known what happened: the last LIST was sent, the stream said something */
	struct instant unbroken;       /* since when nothing can have happened unseen */
	struct loop_timer *list_timer; /* until the next LIST */
	struct loop_timer *open_timer; /* OPENING: until the stream is taken for open */
	struct loop_timer
		*missing_timer; /* of KIND_STATE: until the leader object that is not there is looked for again */
	struct backoff backoff;
	struct complaint complaint;
	char version[32]; /* where the next WATCH begins */
	uint64_t written; /* highest version of our own requests' answers since the LIST was sent */
	bool broken;      /* what the stream says is of no use: it is dropped when list_timer fires */
	char *line_memory;
	struct strbuf line;
};
void watch_init(struct watch *watch, struct dcs *dcs, enum kind kind);
void watch_finish(struct watch *watch);
void watch_list_now(struct watch *watch);  /* whatever it is doing */
void watch_list_soon(struct watch *watch); /* within a second; what runs goes on until then */

/* ---- view.c: objects -> struct cluster ---- */

struct view {
	bool stale;
	bool surplus_said;
	bool config_read;
	uint64_t config_read_version; /* of the config object that was parsed; 0: there was none */
	struct cluster cluster;
};
void view_read_record(const struct object *object, struct lease_object *lease); /* object NULL: not present */
void view_build(const struct dcs *dcs);

/* ---- objects.c: names, paths, bodies ---- */

void object_names_init(struct dcs *dcs);
void object_path(const struct dcs *dcs, enum kind kind, const char *name, char *path,
		 size_t size); /* name NULL: the collection */
const char *kind_text(const struct dcs *dcs, enum kind kind);
void selector_encode(const struct dcs *dcs, struct strbuf *to);
struct json *body_new(const struct dcs *dcs, const char *name, struct json *annotations,
		      uint64_t version);                                          /* takes annotations; 0: no version */
void body_drop_nulls(struct json *annotations);                                   /* for a POST */
void annotation_set(struct json *annotations, const char *key, const char *text); /* NULL or "": null */
const char *pod_ip(const struct object *pod);                                     /* as its status says; "": nothing */
const char *leader_ip(const struct dcs *dcs, const char *given); /* given, else what is known of us; "": nothing */
struct json *ports_new(const struct kubernetes_params *params);
/* With the pod and its address alone; NULL: leave them. */
struct json *subsets_wanted(const struct dcs *dcs, const struct object *pod, const char *ip,
			    const struct object *leader);
char *body_text(struct json *body); /* takes it */

/* ---- lock.c ---- */

enum lock_work { LOCK_IDLE, LOCK_ACQUIRE, LOCK_RENEW, LOCK_RELEASE };
enum { LOCK_SENDS_MAX = 64 };

struct lock {
	enum lock_work work;
	struct call *call;
	struct dcs_lock_write write; /* its texts are copies below */
	char *slots, *retain_slots, *positions, *timeline_token, *failsafe, *failsafe_uids;
	char pod_ip[HOST_SIZE];
	struct lease_token token;
	uint64_t version; /* that the present send is decided on */
	bool create;      /* there is no object to decide on: POST, which only one can win */
	bool repeated;    /* the one more PATCH of contract 1.12 was used */
	struct instant started;
	int64_t last_renew_us; /* never the same twice, over all calls */
	int send_count;
	char renew_times[LOCK_SENDS_MAX][TIME_SIZE]; /* of the sends of this call, the oldest overwritten */
	dcs_done *done;
	void *arg;
};
void lock_finish(struct dcs *dcs);

/* ---- write.c, state.c, member.c: writes of everything else ---- */

enum feature {
	FEATURE_STATE,
	FEATURE_PODS,
	FEATURE_SERVICE,
	FEATURE_EVICTION,
	FEATURE_RESIZE,
	FEATURE_ROLLOUT,
	FEATURE_ROUTE,
	FEATURE_COUNT
};
/* In the log, once and then every minute with what was answered, and as an Event. */
void forbidden_say(struct dcs *dcs, enum feature feature, const char *text, const char *answer);

struct write;
struct write_params {
	enum feature feature;
	enum kind kind;
	const char *method, *path, *name; /* name: of the object, for the GET after a 409 */
	char *body;                       /* taken */
	bool repeat;
	struct json *wanted; /* taken; or NULL: annotations that show after a 409 that an earlier send of ours did it */
	bool *busy;          /* or NULL: cleared at the end */
	dcs_done *done;
	void *arg;
};
void write_start(struct dcs *dcs, const struct write_params *params);
void writes_cancel_all(struct dcs *dcs);
void service_ensure(struct dcs *dcs); /* state.c */
/* member.c: by version and uid; takes metadata and spec (or NULL) and adds to them what a patch of this pod needs. With FEATURE_RESIZE
 * of its subresource for that. */
void pod_write(struct dcs *dcs, const struct object *pod, struct json *metadata, struct json *spec,
	       const struct write_params *how);

/* ---- rollout.c: the StatefulSet, and how pods differ from what it wants ---- */

enum { DIFFERENCES_MAX = 16 };

struct difference {
	char revision[NAME_SIZE];
	enum revision_change change; /* from it to the wanted one */
};

/* A change of resources in place, under way or the last one. */
struct resize {
	bool is_open, is_final; /* is_final: the API will not do it */
	bool is_forbidden;      /* ... because we may not, whichever pod it is */
	char revision[NAME_SIZE], uid[UID_SIZE], refusal[RESIZE_TEXT_SIZE];
	int times_forbidden; /* for this revision */
	dcs_done *done;
	void *arg;
};

struct look;
struct rollout {
	struct wanted_set set;
	char image[URL_SIZE * 2]; /* that the sidecar is to have; "": there is none */
	struct json *wanted;      /* the ControllerRevision set.revision; NULL: not read yet */
	int difference_count;
	struct difference differences[DIFFERENCES_MAX];
	struct look *look; /* NULL: none is on its way */
	struct resize resize;
};
void rollout_read(const struct dcs *dcs, struct cluster *cluster); /* into the set and its members */
void rollout_finish(struct dcs *dcs);

const struct json *pod_owner(const struct object *pod); /* the StatefulSet that made it, as it says; NULL: none did */
const char *text_or_empty(const char *text);

/* howdah.io/sidecar: for which revision the pod was changed in place, and which container its sidecar was before, either may be empty;
 * and whether resources were changed, for this revision or one before, since the pod last counted as updated. It is written with the
 * image, before any resources are. */
#define MARK_RESOURCES "resources"
struct mark {
	char revision[NAME_SIZE], container[OBJECT_NAME_SIZE];
	bool resources;
};
struct mark mark_of(const struct object *pod);
const struct json *sidecar_status(const struct object *pod); /* of our container; NULL: none yet */
const struct json *wanted_spec(const struct rollout *r);     /* of the template that is wanted; NULL: not read yet */

/* ---- resources.c: cpu and memory of running containers. `want` is the spec of a template ---- */

const struct json *item_named(const struct json *list, const char *name); /* by its field `name`; NULL: none */
bool resources_may_change(const struct json *have,
			  const struct json *want); /* from one spec to another, under running containers */
void resources_blank(struct json *spec);            /* takes away what may change so */
bool resources_are_asked(const struct json *pod, const struct json *want); /* the pod's spec says so */
bool resources_are_given(const struct json *pod,
			 const struct json *want);              /* its containers have them, as the kubelet says */
bool resources_are_infeasible(const struct json *pod);          /* the kubelet will never do what is asked */
void resources_tell(const struct json *pod, struct strbuf *to); /* why they are not given, for people */
struct json *resources_patch(const struct json *pod, const struct json *want); /* a spec with what the pod lacks */

/* ---- route.c: the EndpointSlices of the primary's Service ---- */

enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_COUNT };

struct route {
	bool open;           /* a call is on its way; the fields of the next two lines are its own */
	enum family family;  /* that it is at ... */
	int tries;           /* ... for how often */
	struct json *wanted; /* NULL: to be made */
	struct lease_token token;
	struct {
		uint64_t version; /* as last seen or written under this lease; 0: it does not exist */
		bool needless;    /* that is as it should be: our pod has no address of this family */
	} slices[FAMILY_COUNT];
	dcs_done *done;
	void *arg;
};
void route_clear(struct dcs *dcs); /* with a release that nobody is known to follow */
void route_finish(struct dcs *dcs);

/* ---- events.c ---- */

enum { EVENTS_MAX = 16 };

struct event {
	int count, sent;         /* how often it was said, of which the API knows; 0: a free place */
	bool is_warning, exists; /* exists: in the API, as far as we know */
	char reason[48], text[512], name[OBJECT_NAME_SIZE];
	int64_t first_us, last_us;
	struct instant last, told;
	int tries; /* that failed, in a row */
};

struct events {
	struct event list[EVENTS_MAX];
	struct event *sending; /* on its way, with this count */
	int sending_count;
	struct http_call *call;
	struct loop_timer *timer;
	bool is_waiting; /* the timer is set to when the next one may be sent */
	int tokens;
	struct instant refilled, not_before;
	struct complaint forbidden;
};
void events_init(struct dcs *dcs);
void events_finish(struct dcs *dcs);

/* ---- store.c ---- */

struct later { /* a completion that waits for the loop */
	struct later *next;
	dcs_done *done;
	void *arg;
	enum dcs_outcome outcome;
	char text[256];
};

struct waiter { /* of a refresh */
	struct waiter *next;
	struct dcs *dcs;
	bool missing[KIND_COUNT];
	struct loop_timer *timer;
	dcs_done *done;
	void *arg;
};

struct dcs {
	struct loop *loop;
	struct http_client *http;
	struct kubernetes_params params;
	char leader_name[OBJECT_NAME_SIZE], config_name[OBJECT_NAME_SIZE], failover_name[OBJECT_NAME_SIZE],
		service_name[OBJECT_NAME_SIZE];
	struct dcs_callbacks callbacks;
	struct client client;
	struct bypass bypass;
	struct call *calls;
	struct write *writes;
	struct cache caches[KIND_COUNT];
	struct watch watches[KIND_COUNT];
	struct view *view;
	struct lock lock;
	struct complaint refused[FEATURE_COUNT];
	struct rollout rollout;
	struct route route;
	bool member_busy, service_done, service_busy;
	struct events events;
	struct waiter *waiters;
	struct later *laters;
	struct loop_timer *timer; /* events and laters */
	bool view_changed, config_changed;
};

void store_later(struct dcs *dcs, dcs_done *done, void *arg, enum dcs_outcome outcome, const char *text);
void store_heard(struct dcs *dcs);
void store_stale(struct dcs *dcs); /* the view must be built again; an event follows */
bool store_knows(const struct dcs *dcs, enum kind kind, const char *text,
		 size_t len); /* what we write comes twice, byte for byte: as an answer and on the stream */
void store_put(struct dcs *dcs, enum kind kind, struct object *object); /* from a watch: kept if newer; takes it */
void store_remove(struct dcs *dcs, enum kind kind, const struct object *object); /* DELETED was seen */
void store_replace(struct dcs *dcs, enum kind kind,
		   struct cache *with);             /* by a LIST, whatever the versions; takes what is in it */
void store_listed(struct dcs *dcs, enum kind kind); /* for those who wait for a refresh */
const struct object *store_put_answer(struct dcs *dcs, enum kind kind,
				      const struct http_answer *answer); /* of our own request; NULL: it is no object */
const struct object *store_leader(const struct dcs *dcs);                /* NULL: none */
const struct object *store_config(const struct dcs *dcs);
const struct object *store_failover(const struct dcs *dcs);
const struct object *store_own_pod(const struct dcs *dcs);
const char *store_own_uid(const struct dcs *dcs); /* "": not known yet */

static inline int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

#endif
