/* Access control: an ordered list of gates, the first that refuses answers. Nothing is looked up: a host's name stands for the
 * member whose API has it, and a member's address is the number in its URLs. */
#include "access.h"

#include "answer.h"

#include <string.h>
#include <strings.h>

struct visit {
	enum access access;
	const struct rest_view *view;
	const struct http_request *request;
};

/* The host in http://HOST:PORT/patroni; "" when there is none. */
static void host_of_url(const char *url, char *host, size_t size)
{
	struct strbuf b;
	const char *start = strstr(url, "://");
	strbuf_init(&b, host, size);
	if (start == NULL)
		return;
	start += strlen("://");
	bool wrapped = *start == '[';
	start += wrapped;
	strbuf_add_bytes(&b, start, strcspn(start, wrapped ? "]" : ":/"));
}

/* The number that a member's API is reached by, or else its PostgreSQL beside it. */
static bool member_address(const struct member *member, const char *api_host, struct network *address)
{
	return network_parse(api_host, address) || network_parse(member->conn_host, address);
}

/* name NULL: any member. */
static bool is_member(const struct cluster *cluster, const char *name, const struct network *peer)
{
	for (int i = 0; i < cluster->member_count; i++) {
		char host[HOST_SIZE];
		struct network address;
		host_of_url(cluster->members[i].api_url, host, sizeof(host));
		if ((name == NULL || strcasecmp(host, name) == 0) &&
		    member_address(&cluster->members[i], host, &address) && network_holds(&address, peer))
			return true;
	}
	return false;
}

static bool is_loopback(const struct network *peer)
{
	static const struct network v4 = { .bits = 8, .bytes = { 127 } };
	static const struct network v6 = { .v6 = true, .bits = 128, .bytes = { [15] = 1 } };
	return network_holds(&v4, peer) || network_holds(&v6, peer);
}

static bool is_allowed(const struct config_allowed *allowed, const struct cluster *cluster, const struct network *peer)
{
	if (allowed->host[0] == '\0')
		return network_holds(&allowed->network, peer);
	if (strcasecmp(allowed->host, "localhost") == 0)
		return is_loopback(peer);
	return is_member(cluster, allowed->host, peer);
}

static bool is_stranger(const struct visit *visit)
{
	const struct config *config = visit->view->config;
	const struct cluster *cluster = visit->view->cluster;
	bool members_only = config->rest_allows_members && visit->access != ACCESS_OF_MEMBERS;
	struct network peer;
	if (config->rest_allowed_count == 0 && !members_only)
		return false;
	if (!network_parse(visit->request->peer, &peer))
		return true;
	for (int i = 0; i < config->rest_allowed_count; i++)
		if (is_allowed(&config->rest_allowed[i], cluster, &peer))
			return false;
	return !config->rest_allows_members || !is_member(cluster, NULL, &peer);
}

static bool lacks_certificate(const struct visit *visit)
{
	return visit->request->tls && visit->view->config->rest_verify_client != 0 && !visit->request->has_client_cert;
}

static bool needs_password(const struct config *config)
{
	return config->rest_user[0] != '\0' || config->rest_password[0] != '\0';
}

static bool lacks_password(const struct visit *visit)
{
	return needs_password(visit->view->config) && visit->request->authorization[0] == '\0';
}

static void add_base64(struct strbuf *to, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t)bytes[i] << 16;
		bits |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= i + 2 < len ? bytes[i + 2] : 0;
		strbuf_add_char(to, digits[bits >> 18]);
		strbuf_add_char(to, digits[bits >> 12 & 63]);
		strbuf_add_char(to, i + 1 < len ? digits[bits >> 6 & 63] : '=');
		strbuf_add_char(to, i + 2 < len ? digits[bits & 63] : '=');
	}
}

/* Takes as long whatever the texts have in common. */
static bool equal_in_constant_time(const char *secret, size_t secret_len, const char *given)
{
	size_t len = strlen(given);
	unsigned different = len != secret_len;
	for (size_t i = 0; i < len; i++)
		different |= (unsigned)(given[i] ^ secret[secret_len == 0 ? 0 : i % secret_len]);
	return different == 0;
}

static bool has_wrong_password(const struct visit *visit)
{
	static const char scheme[] = "Basic ";
	const struct config *config = visit->view->config;
	const char *given = visit->request->authorization;
	char plain[sizeof(config->rest_user) + sizeof(config->rest_password) + 1], coded[2 * sizeof(plain)];
	struct strbuf b;
	if (!needs_password(config))
		return false;
	if (strncasecmp(given, scheme, strlen(scheme)) != 0)
		return true;
	strbuf_init(&b, plain, sizeof(plain));
	strbuf_addf(&b, "%s:%s", config->rest_user, config->rest_password);
	assert(strbuf_ok(&b));
	size_t len = b.len;
	strbuf_init(&b, coded, sizeof(coded));
	add_base64(&b, (const unsigned char *)plain, len);
	assert(strbuf_ok(&b));
	return !equal_in_constant_time(coded, b.len, given + strlen(scheme));
}

static const struct gate {
	bool (*refuses)(const struct visit *visit);
	int status;
	const char *text;
} gates[] = {
	{ is_stranger, 403, "Access is denied" },
	{ lacks_certificate, 403, "client certificate required" },
	{ lacks_password, 401, "no auth header received" },
	{ has_wrong_password, 401, "not authenticated" },
};

bool access_granted(enum access access, const struct rest_view *view, const struct http_request *request,
		    struct rest_answer *answer)
{
	const struct visit visit = { .access = access, .view = view, .request = request };
	for (size_t i = 0; access != ACCESS_OPEN && i < ARRAY_SIZE(gates); i++) {
		if (!gates[i].refuses(&visit))
			continue;
		answer_plain(answer, gates[i].status, "%s", gates[i].text);
		if (gates[i].status == 401)
			rest_answer_header(answer, "WWW-Authenticate", "Basic realm=\"Patroni\"");
		return false;
	}
	return true;
}
