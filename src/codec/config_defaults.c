/* What a setting is taken to be when nobody gave it: from the pod's environment before, from other settings after the table was read. */
#include "config_private.h"

#include <string.h>

static void set_missing(struct json *local, const char *key, const char *text)
{
	if (!text_is_empty(text) && json_path(local, key) == NULL)
		tree_set(local, key, json_new_text(text));
}

/* POD_IP and the port of the listen address. */
static void set_connect_address(struct json *local, const char *key, const char *listen_key, int port,
				const char *pod_ip)
{
	char text[HOST_SIZE + 16];
	struct strbuf b;
	struct config_address listen = { .port = port };
	const char *listen_text = json_text(json_path(local, listen_key));
	if (text_is_empty(pod_ip))
		return;
	if (listen_text != NULL && !address_parse(&listen, listen_text, port))
		listen.port = port; /* the check of the listen address complains */
	bool v6 = strchr(pod_ip, ':') != NULL;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s%s%s:%d", v6 ? "[" : "", pod_ip, v6 ? "]" : "", listen.port);
	set_missing(local, key, text);
}

void defaults_from_pod(struct json *local, const char *const environ_[])
{
	const char *pod_ip = environment_get(environ_, "POD_IP");
	set_missing(local, "name", json_text(json_path(local, "postgresql.name")));
	set_missing(local, "name", environment_get(environ_, "POD_NAME"));
	if (json_is_object(json_get(local, "kubernetes"))) {
		set_missing(local, "kubernetes.namespace", environment_get(environ_, "POD_NAMESPACE"));
		set_missing(local, "kubernetes.pod_ip", pod_ip);
	}
	set_connect_address(local, "restapi.connect_address", "restapi.listen", 8008, pod_ip);
	set_connect_address(local, "postgresql.connect_address", "postgresql.listen", 5432, pod_ip);
}

/* Before there was `authentication`, its parts stood one level higher. */
void defaults_move_former_roles(struct json *local)
{
	static const struct {
		const char *former, *key;
	} roles[] = {
		{ "postgresql.superuser", "postgresql.authentication.superuser" },
		{ "postgresql.replication", "postgresql.authentication.replication" },
		{ "postgresql.pg_rewind", "postgresql.authentication.superuser" },
	};
	if (json_path(local, "postgresql.authentication") != NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		const struct json *section = json_path(local, roles[i].former);
		if (json_is_object(section) && json_path(local, roles[i].key) == NULL)
			tree_set(local, roles[i].key, json_copy(section));
	}
}

static void copy_if_empty(char *to, size_t size, const char *from)
{
	if (to[0] == '\0')
		text_copy(to, size, from); /* the fields are of one size */
}

/* The first of the addresses listened on, or this machine's own. */
static void connect_to_listen(struct config_address *connect, const struct config_address *listen)
{
	struct strbuf b;
	if (connect->port != 0)
		return;
	connect->port = listen->port;
	strbuf_init(&b, connect->host, sizeof(connect->host));
	strbuf_add_bytes(&b, listen->host, strcspn(listen->host, ","));
	if (address_is_wildcard(connect->host))
		text_copy(connect->host, sizeof(connect->host), "127.0.0.1");
}

void defaults_from_settings(struct config *config)
{
	connect_to_listen(&config->rest_connect, &config->rest_listen);
	connect_to_listen(&config->pg_connect, &config->pg_listen);
	copy_if_empty(config->config_dir, sizeof(config->config_dir), config->data_dir);
	if (config->ctl_user[0] == '\0') {
		memcpy(config->ctl_user, config->rest_user, sizeof(config->ctl_user));
		memcpy(config->ctl_password, config->rest_password, sizeof(config->ctl_password));
	}
	copy_if_empty(config->ctl_cacert, sizeof(config->ctl_cacert), config->rest_cafile);
	if (config->kubernetes.use_endpoints)
		config->settings.route = ROUTE_ENDPOINTS;
	if (config->rewind.username[0] == '\0')
		config->rewind = config->superuser;
	if (config->pgpass[0] == '\0') {
		struct strbuf b;
		strbuf_init(&b, config->pgpass, sizeof(config->pgpass));
		strbuf_addf(&b, "%.*s/pgpass", URL_SIZE - 16, config->run_dir);
	}
}

bool address_is_wildcard(const char *host)
{
	static const char *const all[] = { "", "*", "0.0.0.0", "::" };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (text_equal(host, all[i]))
			return true;
	return false;
}
