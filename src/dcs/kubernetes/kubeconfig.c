/* A kubeconfig: server, certificates and credentials of one context. Inline certificates and keys become files of mode
 * 0600 in a directory of this user, because the HTTP client takes files; access_finish() takes them away. Credential
 * plug-ins (`exec`, `auth-provider`) are refused. */
#include "dcs/kubernetes/private.h"

#include "codec/yaml.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KUBECONFIG_SIZE = 1024 * 1024 };

static const char default_context[] = "kind-kind"; /* contract 1.13 */

struct reader {
	struct access *access;
	const char *path;
	const struct json *root, *cluster, *user;
	struct err *err;
};

static bool complain(const struct reader *reader, const char *what, const char *why)
{
	return err_set(reader->err, ERR_INPUT, "%s: %s %s", reader->path, what, why);
}

/* lists: [{name: ..., <kind>: {...}}] */
static const struct json *named_entry(const struct json *list, const char *name, const char *kind)
{
	for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
		const char *its = json_get_text(item, "name");
		if (its != NULL && text_equal(its, name))
			return json_get(item, kind);
	}
	return NULL;
}

/* The named one; without a name the contract's default, or the current one where that does not exist. */
static const struct json *find_context(const struct reader *reader, const char *name)
{
	const struct json *contexts = json_get(reader->root, "contexts");
	if (name[0] != '\0')
		return named_entry(contexts, name, "context");
	const struct json *found = named_entry(contexts, default_context, "context");
	const char *current = json_get_text(reader->root, "current-context");
	if (found == NULL && current != NULL)
		found = named_entry(contexts, current, "context");
	return found;
}

static bool find_entries(struct reader *reader, const char *context_name)
{
	const struct json *context = find_context(reader, context_name);
	if (!json_is_object(context))
		return complain(reader, "has no context", context_name[0] != '\0' ? context_name : default_context);
	const char *cluster = json_get_text(context, "cluster"), *user = json_get_text(context, "user");
	if (cluster == NULL)
		return complain(reader, "the context", "names no cluster");
	reader->cluster = named_entry(json_get(reader->root, "clusters"), cluster, "cluster");
	if (!json_is_object(reader->cluster))
		return complain(reader, "has no cluster", cluster);
	if (user == NULL)
		return true;
	reader->user = named_entry(json_get(reader->root, "users"), user, "user");
	return reader->user != NULL || complain(reader, "has no user", user);
}

static bool copy_value(const struct reader *reader, const char *key, const char *value, char *to, size_t size)
{
	return text_copy(to, size, value != NULL ? value : "") || complain(reader, key, "is too long");
}

/* Paths are relative to the kubeconfig's own directory. */
static bool copy_path(const struct reader *reader, const char *key, const char *value, char *to, size_t size)
{
	const char *slash = strrchr(reader->path, '/');
	struct strbuf b;
	strbuf_init(&b, to, size);
	if (value[0] != '/' && slash != NULL)
		strbuf_add_bytes(&b, reader->path, (size_t)(slash - reader->path) + 1);
	strbuf_add(&b, value);
	return strbuf_ok(&b) || complain(reader, key, "is too long");
}

static int base64_value(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
	return at != NULL ? (int)(at - alphabet) : -1;
}

/* to: at least as large as text. Line ends inside are skipped. */
static bool base64_decode(const char *text, char *to, size_t *len)
{
	uint32_t bits = 0;
	int count = 0;
	*len = 0;
	for (; *text != '\0' && *text != '='; text++) {
		if (strchr(" \t\r\n", *text) != NULL)
			continue;
		int value = base64_value(*text);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			to[(*len)++] = (char)(bits >> count & 0xff);
		}
	}
	return text[strspn(text, "= \t\r\n")] == '\0' && *len > 0;
}

/* A directory that nobody else can have prepared: under the user's own, never under /tmp. */
static bool private_dir(const struct reader *reader, char *dir, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
	struct strbuf b;
	strbuf_init(&b, dir, size);
	if (!text_is_empty(runtime))
		strbuf_addf(&b, "%s/howdah", runtime);
	else if (!text_is_empty(home))
		strbuf_addf(&b, "%s/.kube/cache/howdah", home);
	else
		return complain(reader, "has inline certificates, and neither XDG_RUNTIME_DIR nor HOME",
				"says where they may go");
	if (!strbuf_ok(&b))
		return complain(reader, "the directory for inline certificates", "has too long a name");
	return file_make_dir(dir, 0700, reader->err);
}

/* to: the name of the file. */
static bool write_inline(struct reader *reader, const char *key, const char *bytes, size_t len, char to[URL_SIZE])
{
	struct access *access = reader->access;
	char dir[URL_SIZE];
	struct strbuf b;
	if (!private_dir(reader, dir, sizeof(dir)))
		return false;
	strbuf_init(&b, to, URL_SIZE);
	strbuf_addf(&b, "%s/%ld-%s.pem", dir, (long)getpid(), key);
	if (!strbuf_ok(&b))
		return complain(reader, key, "would get too long a file name");
	if (!file_write(to, bytes, len, 0600, reader->err))
		return err_wrap(reader->err, "%s of %s", key, reader->path);
	assert(access->written_count < (int)ARRAY_SIZE(access->written));
	return text_copy(access->written[access->written_count++], URL_SIZE, to);
}

/* KEY-data (base64) counts before KEY (a path), as with kubectl. */
static bool read_pem(struct reader *reader, const struct json *from, const char *key, char *to)
{
	char data_key[64];
	struct strbuf b;
	strbuf_init(&b, data_key, sizeof(data_key));
	strbuf_addf(&b, "%s-data", key);
	const char *data = json_get_text(from, data_key), *path = json_get_text(from, key);
	if (text_is_empty(data))
		return text_is_empty(path) || copy_path(reader, key, path, to, URL_SIZE);
	size_t len;
	AUTO(text) char *bytes = malloc(strlen(data) + 1);
	assert(bytes != NULL);
	bool ok = base64_decode(data, bytes, &len) || complain(reader, data_key, "is no base64");
	ok = ok && write_inline(reader, key, bytes, len, to);
	explicit_bzero(bytes, strlen(data) + 1);
	return ok;
}

static bool read_cluster(struct reader *reader)
{
	struct access *access = reader->access;
	const char *server = json_get_text(reader->cluster, "server");
	if (text_is_empty(server))
		return complain(reader, "the cluster", "has no server");
	if (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0)
		return complain(reader, server, "is no http:// or https:// address");
	if (!copy_value(reader, "server", server, access->server, sizeof(access->server)))
		return false;
	size_t len = strlen(access->server);
	while (len > 0 && access->server[len - 1] == '/')
		access->server[--len] = '\0';
	access->insecure = json_true(json_get(reader->cluster, "insecure-skip-tls-verify"));
	return read_pem(reader, reader->cluster, "certificate-authority", access->ca_file);
}

static bool read_credentials(struct reader *reader)
{
	struct access *access = reader->access;
	const struct json *user = reader->user;
	const char *token_file = json_get_text(user, "tokenFile");
	if (!copy_value(reader, "token", json_get_text(user, "token"), access->token, sizeof(access->token)) ||
	    !copy_value(reader, "username", json_get_text(user, "username"), access->user, sizeof(access->user)) ||
	    !copy_value(reader, "password", json_get_text(user, "password"), access->password,
			sizeof(access->password)))
		return false;
	if (!text_is_empty(token_file) &&
	    !copy_path(reader, "tokenFile", token_file, access->token_file, sizeof(access->token_file)))
		return false;
	return read_pem(reader, user, "client-certificate", access->cert_file) &&
	       read_pem(reader, user, "client-key", access->key_file);
}

static bool read_user(struct reader *reader)
{
	static const char *const plugins[] = { "exec", "auth-provider" };
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
		if (json_get(reader->user, plugins[i]) != NULL)
			return complain(reader,
					"the user gets its credentials from a plug-in, which is not supported yet:",
					plugins[i]);
	return reader->user == NULL || read_credentials(reader);
}

bool kubeconfig_read(struct access *access, const char *path, const char *context, struct err *err)
{
	size_t len;
	AUTO(text) char *text = malloc(KUBECONFIG_SIZE);
	assert(text != NULL);
	if (!file_read(path, text, KUBECONFIG_SIZE, &len, err))
		return err_wrap(err, "kubeconfig");
	AUTO(json) struct json *root = yaml_parse(path, text, len, NULL, err);
	if (root == NULL)
		return false;
	struct reader reader = { .access = access, .path = path, .root = root, .err = err };
	return find_entries(&reader, context) && read_cluster(&reader) && read_user(&reader);
}
