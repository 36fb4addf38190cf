/* Where the API is and who we are: the pod's service account, else a kubeconfig (contract 1.13). */
#include "dcs/kubernetes/private.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>

enum { CA_SIZE = 512 * 1024 };

static const char default_service_account_dir[] = "/var/run/secrets/kubernetes.io/serviceaccount";

static bool join(char *to, size_t size, const char *dir, const char *name, struct err *err)
{
	struct strbuf b;
	strbuf_init(&b, to, size);
	strbuf_addf(&b, "%s/%s", dir, name);
	return strbuf_ok(&b) || err_set(err, ERR_INPUT, "%s/%s: the path is too long", dir, name);
}

static void cut_line_end(char *text)
{
	size_t len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
}

bool access_read_token(struct access *access, struct err *err)
{
	char token[TOKEN_SIZE];
	size_t len;
	if (access->token_file[0] == '\0')
		return true;
	if (!file_read(access->token_file, token, sizeof(token), &len, err))
		return err_wrap(err, "token");
	cut_line_end(token);
	if (token[0] == '\0' || strchr(token, '\n') != NULL)
		return err_set(err, ERR_INPUT, "token: %s: it holds no token", access->token_file);
	text_copy(access->token, sizeof(access->token), token);
	return true;
}

static bool file_says_something(const char *path)
{
	struct err err;
	size_t len = 0;
	char *text = malloc(CA_SIZE);
	assert(text != NULL);
	bool ok = file_read(path, text, CA_SIZE, &len, &err) && len > 0;
	free(text);
	return ok;
}

/* The address is numeric there: no name has to be resolved (architecture.md 4, trap 2). */
static bool service_url(char *url, size_t size)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	struct strbuf b;
	if (text_is_empty(host) || text_is_empty(port))
		return false;
	strbuf_init(&b, url, size);
	strbuf_addf(&b, strchr(host, ':') != NULL ? "https://[%s]:%s" : "https://%s:%s", host, port);
	return strbuf_ok(&b);
}

/* Whether all that a pod gets is there; what is there otherwise does not matter. */
static bool access_in_cluster(struct access *access, const struct kubernetes_params *params, struct err *err)
{
	const char *dir =
		params->service_account_dir[0] != '\0' ? params->service_account_dir : default_service_account_dir;
	if (!service_url(access->server, sizeof(access->server)))
		return false;
	if (!join(access->token_file, sizeof(access->token_file), dir, "token", err) ||
	    !join(access->ca_file, sizeof(access->ca_file), dir, "ca.crt", err))
		return false;
	if (params->ca_file[0] != '\0')
		text_copy(access->ca_file, sizeof(access->ca_file), params->ca_file);
	if (!file_says_something(access->ca_file))
		return err_set(err, ERR_INPUT, "certificate authority: %s: there is no such file, or nothing in it",
			       access->ca_file);
	if (!access_read_token(access, err))
		return false;
	access->in_cluster = true;
	return true;
}

/* $KUBECONFIG may be a list: the first entry counts. */
static bool kubeconfig_path(const struct kubernetes_params *params, char *path, size_t size, struct err *err)
{
	const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
	struct strbuf b;
	strbuf_init(&b, path, size);
	if (params->kubeconfig[0] != '\0')
		strbuf_add(&b, params->kubeconfig);
	else if (!text_is_empty(list))
		strbuf_add_bytes(&b, list, strcspn(list, ":"));
	else if (!text_is_empty(home))
		strbuf_addf(&b, "%s/.kube/config", home);
	else
		return err_set(err, ERR_INPUT,
			       "not in a pod, and neither KUBECONFIG nor HOME says where a kubeconfig is");
	return strbuf_ok(&b) || err_set(err, ERR_INPUT, "the path of the kubeconfig is too long");
}

bool access_find(struct access *access, const struct kubernetes_params *params, struct err *err)
{
	char path[URL_SIZE];
	struct err inside = { .text = "" };
	if (params->kubeconfig[0] == '\0' && access_in_cluster(access, params, &inside))
		return true;
	memset(access, 0, sizeof(*access));
	bool found =
		kubeconfig_path(params, path, sizeof(path), err) && kubeconfig_read(access, path, params->context, err);
	if (!found && inside.text[0] != '\0') /* KUBERNETES_SERVICE_HOST is set: what was missing there says more */
		*err = inside;
	if (!found)
		return false;
	if (params->ca_file[0] != '\0')
		text_copy(access->ca_file, sizeof(access->ca_file), params->ca_file);
	return access_read_token(access, err);
}

void access_finish(struct access *access)
{
	struct err err;
	for (int i = 0; i < access->written_count; i++)
		if (!file_remove(access->written[i], &err))
			continue; /* the next process of this name replaces it */
	access->written_count = 0;
	explicit_bzero(access->token, sizeof(access->token));
	explicit_bzero(access->password, sizeof(access->password));
}
