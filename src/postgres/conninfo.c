#include "postgres/conninfo.h"

#include <ctype.h>
#include <string.h>

static const char service_name[] = "howdah";

static void print_value(const char *value, struct strbuf *to)
{
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '\'' || *value == ' ')
			strbuf_add_char(to, '\\');
		strbuf_add_char(to, *value);
	}
}

static void print_pair(const char *keyword, const char *value, struct strbuf *to)
{
	if (text_is_empty(value))
		return;
	strbuf_addf(to, "%s%s=", to->len == 0 ? "" : " ", keyword);
	print_value(value, to);
}

static const char *or_default(const struct conninfo *c, const char *value, const char *fallback)
{
	return value[0] == '\0' && c->with_defaults ? fallback : value;
}

/* The order is part of the contract: a server that is taken over is compared by text. */
void conninfo_print(const struct conninfo *c, struct strbuf *to)
{
	const struct config_auth *auth = c->auth;
	print_pair("dbname", c->dbname, to);
	print_pair("user", auth->username, to);
	print_pair("passfile", c->passfile, to);
	print_pair("host", c->host, to);
	if (c->port > 0)
		strbuf_addf(to, " port=%d", c->port);
	print_pair("sslmode", or_default(c, auth->sslmode, "prefer"), to);
	print_pair("sslcert", auth->sslcert, to);
	print_pair("sslkey", auth->sslkey, to);
	if (!c->by_service)
		print_pair("sslpassword", auth->sslpassword, to);
	else if (auth->sslpassword[0] != '\0')
		print_pair("service", service_name, to);
	print_pair("sslrootcert", auth->sslrootcert, to);
	print_pair("sslcrl", auth->sslcrl, to);
	if (c->major >= 14)
		print_pair("sslcrldir", auth->sslcrldir, to);
	print_pair("application_name", c->application_name, to);
	print_pair("krbsrvname", c->krbsrvname, to);
	print_pair("gssencmode", or_default(c, auth->gssencmode, "prefer"), to);
	print_pair("channel_binding", or_default(c, auth->channel_binding, "prefer"), to);
	print_pair("target_session_attrs", c->target_session_attrs, to);
	if (c->major >= 17)
		print_pair("sslnegotiation", or_default(c, auth->sslnegotiation, "postgres"), to);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blank(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

/* Reads one value, quoted or not; NULL: a quote is open. */
static const char *read_value(const char *at, struct strbuf *to)
{
	bool quoted = *at == '\'';
	for (at += quoted; *at != '\0'; at++) {
		if (quoted ? *at == '\'' : is_blank(*at))
			return at + quoted;
		if (*at == '\\' && at[1] != '\0')
			at++;
		strbuf_add_char(to, *at);
	}
	return quoted ? NULL : at;
}

bool conninfo_get(const char *text, const char *keyword, char *value, size_t size)
{
	bool found = false;
	for (const char *at = skip_blank(text); *at != '\0'; at = skip_blank(at)) {
		struct strbuf b;
		char other[1024];
		size_t len = 0;
		while (at[len] != '\0' && at[len] != '=' && !is_blank(at[len]))
			len++;
		bool mine = len == strlen(keyword) && strncmp(at, keyword, len) == 0;
		at = skip_blank(at + len);
		if (len == 0 || *at != '=')
			return false;
		if (mine)
			strbuf_init(&b, value, size);
		else
			strbuf_init(&b, other, sizeof(other));
		at = read_value(skip_blank(at + 1), &b);
		if (at == NULL || (mine && !strbuf_ok(&b)))
			return false;
		found |= mine;
	}
	return found;
}

static void print_pgpass_field(const char *text, size_t len, struct strbuf *to)
{
	if (len == 0)
		strbuf_add_char(to, '*');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ':' || text[i] == '\\')
			strbuf_add_char(to, '\\');
		strbuf_add_char(to, text[i]);
	}
}

static void print_pgpass_line(const char *host, size_t len, int port, const struct config_auth *auth, struct strbuf *to)
{
	print_pgpass_field(host, len, to);
	if (port > 0)
		strbuf_addf(to, ":%d:*:", port);
	else
		strbuf_add(to, ":*:*:");
	print_pgpass_field(auth->username, strlen(auth->username), to);
	strbuf_add_char(to, ':');
	for (const char *c = auth->password; *c != '\0'; c++) {
		if (*c == ':' || *c == '\\')
			strbuf_add_char(to, '\\');
		strbuf_add_char(to, *c);
	}
	strbuf_add_char(to, '\n');
}

void pgpass_print(const char *hosts, int port, const struct config_auth *auth, struct strbuf *to)
{
	for (const char *host = hosts;; host++) {
		size_t len = strcspn(host, ",");
		print_pgpass_line(host, len, port, auth, to);
		/* libpq looks up a Unix socket's password under this name */
		if (len > 0 && host[0] == '/')
			print_pgpass_line("localhost", strlen("localhost"), port, auth, to);
		host += len;
		if (*host == '\0')
			return;
	}
}

/* libpq takes a value as it is, without the blanks at its line's end. */
bool service_print(const struct config_auth *auth, struct strbuf *to, struct err *err)
{
	const char *text = auth->sslpassword;
	size_t len = strlen(text);
	if (len > SERVICE_PASSPHRASE_MAX || strpbrk(text, "\r\n") != NULL ||
	    (len > 0 && isspace((unsigned char)text[len - 1])))
		return err_set(err, ERR_INPUT, "sslpassword: at most %d bytes, no line end, no blank at its end",
			       SERVICE_PASSPHRASE_MAX);
	strbuf_addf(to, "[%s]\nsslpassword=%s\n", service_name, text);
	return strbuf_ok(to) || err_set(err, ERR_INPUT, "sslpassword: too long");
}
