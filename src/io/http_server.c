/* io/http_server.h on libwebsockets: the life of a server. */
#include "http_server_private.h"

#include <stdlib.h>
#include <string.h>

enum { GRACE_MS = 100 };

static char *copy(const char *text)
{
	if (text == NULL)
		return NULL;
	char *mine = strdup(text);
	if (mine == NULL)
		abort();
	return mine;
}

static void params_copy(struct http_server_params *mine, const struct http_server_params *params)
{
	*mine = *params;
	mine->host = copy(params->host);
	mine->cert_file = copy(params->cert_file);
	mine->key_file = copy(params->key_file);
	mine->key_password = copy(params->key_password);
	mine->ca_file = copy(params->ca_file);
	mine->ciphers = copy(params->ciphers);
	mine->server_name = copy(params->server_name != NULL ? params->server_name : "howdah");
}

static void params_finish(struct http_server_params *mine)
{
	const char *texts[] = { mine->host,    mine->cert_file, mine->key_file,   mine->key_password,
				mine->ca_file, mine->ciphers,   mine->server_name };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free((void *)(uintptr_t)texts[i]);
}

void http_server_free(struct http_server *server)
{
	for (struct http_server **p = &server->web->servers; *p != NULL; p = &(*p)->next)
		if (*p == server) {
			*p = server->next;
			break;
		}
	if (server->vhost != NULL)
		server->vhost->in_use = false;
	loop_timer_destroy(server->timer);
	params_finish(&server->params);
	free(server);
}

void http_server_lost_connection(struct http_server *server)
{
	server->connection_count--;
	if (server->dying && server->connection_count == 0)
		loop_timer_set(server->timer, 0);
	else
		http_accept_again(server);
}

static void kill_connections(struct http_server *server)
{
	struct http_connection *next;
	for (struct http_connection *c = server->web->connections; c != NULL; c = next) {
		next = c->next;
		if (c->server == server)
			http_web_kill(c->wsi);
	}
}

static void timer_fired(void *arg)
{
	struct http_server *server = arg;
	if (!server->dying)
		http_accept_again(server);
	else if (server->connection_count == 0)
		http_server_free(server);
	else
		kill_connections(server); /* the last one that is gone sets the timer */
}

/* Not at once: the caller may be one of the server's own handlers, whose answer is still to go out. */
void http_server_destroy(struct http_server *server)
{
	if (server == NULL)
		return;
	server->dying = true;
	http_accept_stop(server);
	loop_timer_set(server->timer, server->connection_count > 0 ? GRACE_MS : 0);
}

static bool set_up(struct http_server *server, struct err *err)
{
	bool tls = server->params.cert_file != NULL;
	server->vhost = http_web_take_vhost(server->web, tls, err);
	if (server->vhost == NULL)
		return false;
	if (tls && !http_tls_apply(server->vhost->tls, &server->params, err))
		return false;
	return http_accept_start(server, err);
}

struct http_server *http_server_create(struct loop *loop, const struct http_server_params *params, struct err *err)
{
	if (params->cert_file != NULL && !http_tls_check(params, err))
		return NULL;
	struct http_web *web = http_web_of(loop, err);
	if (web == NULL)
		return NULL;
	struct http_server *server = calloc(1, sizeof(*server));
	if (server == NULL)
		abort();
	server->web = web;
	server->listen_fd = -1;
	params_copy(&server->params, params);
	server->timer = loop_timer_create(loop, timer_fired, server);
	server->next = web->servers;
	web->servers = server;
	if (set_up(server, err))
		return server;
	http_server_destroy(server);
	return NULL;
}

int http_server_port(const struct http_server *server)
{
	return server->port;
}

/* Checked aside first: when the new files are bad, the old ones stay in use. */
bool http_server_reload_tls(struct http_server *server, struct err *err)
{
	if (server->params.cert_file == NULL)
		return true;
	return http_tls_check(&server->params, err) && http_tls_apply(server->vhost->tls, &server->params, err);
}
