/* Settings that are no scalars of their own: words that stand for numbers, labels, ports, codes. */
#include "config_private.h"

#include "base/log.h"
#include "codec/units.h"

#include <string.h>
#include <strings.h>

bool take_log_level(struct config *config, const struct json *value, struct err *err)
{
	enum log_level level;
	if (!json_is_text(value) || !log_level_from_text(json_text(value), &level))
		return err_set(err, ERR_INPUT, "it is no level of the log");
	config->log_level = (int)level;
	return true;
}

bool take_verify_client(struct config *config, const struct json *value, struct err *err)
{
	static const char *const words[] = { "none", "optional", "required" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (json_is_text(value) && strcasecmp(json_text(value), words[i]) == 0) {
			config->rest_verify_client = (int)i;
			return true;
		}
	return err_set(err, ERR_INPUT, "it is neither none nor optional nor required");
}

/* A label's value may be written without quotes: 1, true. */
static bool label_value(const struct json *value, char *to, size_t size)
{
	if (json_is_text(value))
		return text_copy(to, size, json_text(value));
	if (json_is_object(value) || json_is_array(value))
		return false;
	AUTO(text) char *text = json_print_text(value, JSON_COMPACT);
	return text_copy(to, size, text);
}

static bool take_label_map(const struct json *map, struct config_label *labels, int *count, struct err *err)
{
	*count = 0;
	if (!json_is_object(map))
		return err_set(err, ERR_INPUT, "it is not a mapping");
	if (json_count(map) > CONFIG_LABELS_MAX)
		return err_set(err, ERR_INPUT, "it has more than %d labels", CONFIG_LABELS_MAX);
	for (const struct json *item = json_first(map); item != NULL; item = json_next(item)) {
		struct config_label *label = &labels[(*count)++];
		if (!text_copy(label->key, sizeof(label->key), json_key(item)) ||
		    !label_value(item, label->value, sizeof(label->value)))
			return err_set(err, ERR_INPUT, "the label %.60s is no text of at most %d characters",
				       json_key(item), NAME_SIZE - 1);
	}
	return true;
}

bool take_labels(struct config *config, const struct json *value, struct err *err)
{
	return take_label_map(value, config->kubernetes.labels, &config->kubernetes.label_count, err);
}

/* 1.2.3.4 with too large a number, or a network that is none, is no name either. */
static bool is_host_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
	size_t len = strspn(text, "0123456789.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-");
	return len > 0 && text[len] == '\0' && strpbrk(text, letters) != NULL;
}

static bool take_allowed(const struct json *item, struct config_allowed *allowed)
{
	const char *text = json_text(item);
	if (text == NULL)
		return false;
	allowed->host[0] = '\0';
	return network_parse(text, &allowed->network) ||
	       (is_host_name(text) && text_copy(allowed->host, sizeof(allowed->host), text));
}

bool take_allowlist(struct config *config, const struct json *value, struct err *err)
{
	config->rest_allowed_count = 0;
	if (json_count(value) > CONFIG_ALLOWED_MAX)
		return err_set(err, ERR_INPUT, "it has more than %d entries", CONFIG_ALLOWED_MAX);
	for (const struct json *item = json_first(value); item != NULL; item = json_next(item))
		if (!take_allowed(item, &config->rest_allowed[config->rest_allowed_count++]))
			return err_set(err, ERR_INPUT, "entry %d is no address, network or name of a host",
				       config->rest_allowed_count);
	return true;
}

/* What says where an answer ends is the server's. */
static bool may_be_header(const char *name)
{
	static const char *const framing[] = { "connection", "content-length", "transfer-encoding" };
	size_t len = strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	for (size_t i = 0; i < ARRAY_SIZE(framing); i++)
		if (strcasecmp(name, framing[i]) == 0)
			return false;
	return len > 0 && name[len] == '\0';
}

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool take_headers(const struct json *map, struct config_headers *headers, struct err *err)
{
	enum { TOTAL_MAX = 1024 };
	size_t total = 0;
	headers->count = 0;
	if (json_count(map) > CONFIG_HEADERS_MAX)
		return err_set(err, ERR_INPUT, "it has more than %d headers", CONFIG_HEADERS_MAX);
	for (const struct json *item = json_first(map); item != NULL; item = json_next(item)) {
		int at = headers->count++;
		char *name = headers->list[at].name, *text = headers->list[at].value;
		if (!may_be_header(json_key(item)) || !text_copy(name, sizeof(headers->list[at].name), json_key(item)))
			return err_set(err, ERR_INPUT, "%.60s is no name of a header that may be added",
				       json_key(item));
		if (!label_value(item, text, sizeof(headers->list[at].value)) || !is_printable(text))
			return err_set(err, ERR_INPUT, "the header %s is no text of at most 255 printable characters",
				       name);
		total += strlen(name) + strlen(text) + strlen(": ");
	}
	return total <= TOTAL_MAX || err_set(err, ERR_INPUT, "the headers have more than %d bytes", TOTAL_MAX);
}

bool take_http_headers(struct config *config, const struct json *value, struct err *err)
{
	return take_headers(value, &config->rest_headers, err);
}

bool take_https_headers(struct config *config, const struct json *value, struct err *err)
{
	return take_headers(value, &config->rest_tls_headers, err);
}

bool take_bootstrap_labels(struct config *config, const struct json *value, struct err *err)
{
	return take_label_map(value, config->kubernetes.bootstrap_labels, &config->kubernetes.bootstrap_label_count,
			      err);
}

static bool optional_text(const struct json *object, const char *key, char *to, size_t size)
{
	const struct json *item = json_get(object, key);
	to[0] = '\0';
	return item == NULL || json_is_null(item) || (json_is_text(item) && text_copy(to, size, json_text(item)));
}

bool take_ports(struct config *config, const struct json *value, struct err *err)
{
	enum { MAX = ARRAY_SIZE(config->kubernetes.ports) };
	config->kubernetes.port_count = 0;
	if (json_count(value) > MAX)
		return err_set(err, ERR_INPUT, "it has more than %d ports", MAX);
	for (const struct json *item = json_first(value); item != NULL; item = json_next(item)) {
		int64_t port;
		int at = config->kubernetes.port_count++;
		if (!json_i64(json_get(item, "port"), &port) || port < 1 || port > 65535 ||
		    !optional_text(item, "name", config->kubernetes.ports[at].name,
				   sizeof(config->kubernetes.ports[at].name)) ||
		    !optional_text(item, "protocol", config->kubernetes.ports[at].protocol,
				   sizeof(config->kubernetes.ports[at].protocol)))
			return err_set(err, ERR_INPUT, "entry %d is not {name, port, protocol} with a port up to 65535",
				       at + 1);
		config->kubernetes.ports[at].port = (int)port;
	}
	return true;
}

static bool add_code(struct config *config, int64_t code)
{
	if (config->kubernetes.retriable_code_count == (int)ARRAY_SIZE(config->kubernetes.retriable_codes) ||
	    code < 100 || code > 599)
		return false;
	config->kubernetes.retriable_codes[config->kubernetes.retriable_code_count++] = (int)code;
	return true;
}

/* 429, 502 */
static bool add_codes_of_text(struct config *config, const char *text)
{
	while (*text != '\0') {
		char word[16];
		int64_t code;
		struct strbuf b;
		size_t len = strcspn(text, ",");
		strbuf_init(&b, word, sizeof(word));
		strbuf_add_bytes(&b, text, len);
		if (!strbuf_ok(&b) || !units_int(word, NULL, &code) || !add_code(config, code))
			return false;
		text += len + (text[len] == ',');
	}
	return true;
}

static bool add_codes(struct config *config, const struct json *value)
{
	int64_t code;
	if (json_i64(value, &code))
		return add_code(config, code);
	if (json_is_text(value))
		return add_codes_of_text(config, json_text(value));
	if (!json_is_array(value))
		return false;
	for (const struct json *item = json_first(value); item != NULL; item = json_next(item))
		if (json_is_array(item) || !add_codes(config, item))
			return false;
	return true;
}

bool take_retriable_codes(struct config *config, const struct json *value, struct err *err)
{
	config->kubernetes.retriable_code_count = 0;
	if (add_codes(config, value))
		return true;
	config->kubernetes.retriable_code_count = 0;
	return err_set(err, ERR_INPUT, "it is no list of at most %zu HTTP codes",
		       ARRAY_SIZE(config->kubernetes.retriable_codes));
}
