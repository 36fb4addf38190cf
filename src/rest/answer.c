/* Answers as they go out: documents, pages, plain texts in the contract's words, headers. */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_SIZE = 1024 };

static const char text_type[] = "text/html"; /* as the contract has it */

void answer_body(struct rest_answer *answer, int status, const char *type, char *body)
{
	free(answer->body);
	answer->status = status;
	answer->content_type = type;
	answer->body = body;
	answer->body_len = strlen(body);
}

void answer_json(struct rest_answer *answer, int status, const struct json *root)
{
	answer_body(answer, status, "application/json", json_print_text(root, JSON_SPACED));
}

static void add_escaped(struct strbuf *to, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			strbuf_add(to, "&lt;");
		else if (*text == '>')
			strbuf_add(to, "&gt;");
		else if (*text == '&')
			strbuf_add(to, "&amp;");
		else
			strbuf_add_char(to, *text);
	}
}

/* free() it. */
static char *escaped(const char *text)
{
	size_t size = strlen(text) * strlen("&amp;") + 1;
	char *memory = malloc(size);
	struct strbuf b;
	if (memory == NULL)
		abort();
	strbuf_init(&b, memory, size);
	add_escaped(&b, text);
	return memory;
}

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 400, "Bad Request" },         { 409, "Conflict" },        { 411, "Length Required" },
		{ 413, "Content Too Large" },   { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

static void page_of(struct rest_answer *answer, int status, const char *text)
{
	char *body = NULL;
	const char *reason = reason_of(status);
	AUTO(text) char *harmless = escaped(text);
	if (asprintf(&body,
		     "<!DOCTYPE html>\n<html><head><title>%d %s</title></head>\n<body><h1>%s</h1>\n<p>%d: "
		     "%s.</p>\n</body></html>\n",
		     status, reason, reason, status, harmless) < 0)
		abort();
	answer_body(answer, status, "text/html;charset=utf-8", body);
}

void answer_page(struct rest_answer *answer, int status, const char *format, ...)
{
	char text[TEXT_SIZE];
	struct strbuf b;
	va_list args;
	strbuf_init(&b, text, sizeof(text));
	va_start(args, format);
	strbuf_vaddf(&b, format, args);
	va_end(args);
	page_of(answer, status, text);
}

void answer_plain(struct rest_answer *answer, int status, const char *format, ...)
{
	char text[TEXT_SIZE];
	struct strbuf b;
	va_list args;
	strbuf_init(&b, text, sizeof(text));
	va_start(args, format);
	strbuf_vaddf(&b, format, args);
	va_end(args);
	answer_body(answer, status, text_type, escaped(text));
}

void rest_answer_text(struct rest_answer *answer, int status, const char *text)
{
	answer_plain(answer, status, "%s", text);
}

void rest_answer_error(struct rest_answer *answer, int status, const char *text)
{
	page_of(answer, status, text);
}

void rest_answer_config(struct rest_answer *answer)
{
	struct err err;
	const char *text = answer->order.config_text;
	AUTO(json) struct json *root = json_parse(text, strlen(text), &err);
	assert(root != NULL); /* it is our own */
	answer_json(answer, 200, root);
}

void rest_answer_header(struct rest_answer *answer, const char *name, const char *value)
{
	char *old = answer->extra_headers;
	if (asprintf(&answer->extra_headers, "%s%s: %s\n", old == NULL ? "" : old, name, value) < 0)
		abort();
	free(old);
}

static bool has_header(const struct config_headers *headers, const char *name)
{
	for (int i = 0; i < headers->count; i++)
		if (strcasecmp(headers->list[i].name, name) == 0)
			return true;
	return false;
}

void answer_add_headers(struct rest_answer *answer, const struct config *config, bool tls)
{
	const struct config_headers *all = &config->rest_headers, *over_tls = &config->rest_tls_headers;
	for (int i = 0; i < all->count; i++)
		if (!tls || !has_header(over_tls, all->list[i].name))
			rest_answer_header(answer, all->list[i].name, all->list[i].value);
	for (int i = 0; tls && i < over_tls->count; i++)
		rest_answer_header(answer, over_tls->list[i].name, over_tls->list[i].value);
}

void rest_answer_clear(struct rest_answer *answer)
{
	free(answer->body);
	free(answer->extra_headers);
	free(answer->order.config_text);
	*answer = (struct rest_answer){ 0 };
}
