/* HTTP requests that do not block: HTTP/1.1 or 2, TLS, keep-alive. Behind it libcurl; in the simulator a virtual
 * network. */
#ifndef HOWDAH_IO_HTTP_CLIENT_H
#define HOWDAH_IO_HTTP_CLIENT_H

#include "io/loop.h"

struct http_client;
struct http_call;

struct http_tls {
	const char *ca_file;              /* PEM; NULL: the system's */
	const char *cert_file, *key_file; /* client certificate, or NULL */
	const char *key_password;         /* or NULL */
	bool insecure;                    /* neither chain nor name is checked */
	bool no_name_check;               /* chain is checked, the name is not (bypass_api_service) */
};

struct http_answer {
	int status;        /* 0: no answer came; error says why */
	const char *error; /* NULL when an answer came */
	bool sent;         /* false: the request surely never left this machine (connection refused, name not found) */
	const char *body;  /* NUL-terminated; "" for calls with on_data */
	size_t body_len;
	int64_t retry_after_s; /* from the header, -1: none */
};

struct http_call_params {
	const char *method, *url;                   /* copied */
	const char *body;                           /* copied; NULL: none */
	const char *content_type, *accept, *bearer; /* or NULL; copied */
	const char *user, *password;                /* basic authentication, or NULL; copied */
	struct http_tls tls;                        /* texts are copied */
	const char *lane;   /* calls of one lane share connections and no other lane's (lock writes have their own,
			       safety.md L11) and speak HTTP/1.1; NULL or "": the common one, HTTP/2 where it can be had */
	int64_t timeout_ms; /* whole call; 0: none (watches) */
	int64_t connect_timeout_ms; /* 0: as timeout_ms */
	int64_t idle_timeout_ms;    /* no byte for this long ends the call; 0: none */
	size_t body_max;            /* a longer answer fails the call; 0: 1 MiB; with on_data no limit */
	/* or NULL; once with 0 bytes when a 2xx answer begins, then as its bytes arrive; others are collected (up to
	   64 KiB) */
	void (*on_data)(void *arg, const char *data, size_t len);
	void (*on_done)(void *arg, const struct http_answer *answer); /* exactly once, never before http_call_start
									 returns; texts die with the call */
	void *arg;
};

struct http_client *http_client_create(struct loop *loop, const char *user_agent);
void http_client_destroy(struct http_client *client); /* takes NULL; open calls are cancelled */
struct http_call *http_call_start(
	struct http_client *client,
	const struct http_call_params *params); /* never NULL; no request is ever sent twice by itself */
void http_call_cancel(struct http_call *call);  /* on_done is not called; not from inside a callback of the same call */

#endif
