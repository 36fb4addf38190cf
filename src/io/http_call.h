/* One call of the HTTP client: its request as libcurl's options, its answer as it comes in. */
#ifndef HOWDAH_IO_HTTP_CALL_H
#define HOWDAH_IO_HTTP_CALL_H

#include "io/http_client.h"

#include <curl/curl.h>

struct lane;

struct http_call {
	struct http_call *next; /* of the client */
	struct http_client *client;
	struct lane *lane;
	bool added;     /* to the lane's CURLM */
	bool cancelled; /* to be freed when libcurl has returned */

	CURL *easy;
	struct curl_slist *headers;
	char *request;
	size_t request_len, request_read;
	int requests; /* how often libcurl was about to send */

	char *body;
	size_t body_len, body_size, body_max;
	bool body_too_long;
	int64_t retry_after_s;
	char error[CURL_ERROR_SIZE];

	struct loop_timer *idle; /* or NULL */
	int64_t idle_ms;
	bool idle_over;

	void (*on_data)(void *arg, const char *data, size_t len);
	void (*on_done)(void *arg, const struct http_answer *answer);
	void *arg;
};

void http_call_init(struct http_call *call, const struct http_call_params *params);
void http_call_finish(struct http_call *call); /* what it owns, not itself */
void http_call_mute(struct http_call *call);   /* no callback any more; to be freed soon */

/* The answer's texts belong to the call. */
void http_call_answer(struct http_call *call, CURLcode result, struct http_answer *answer);

#endif
