/* <data_dir>.howdah/: what must be known about the data directory even when everything dies now (safety.md S4, S14). */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>

enum { MARKER_SIZE = 512 };

void marker_path(const struct postgres *pg, const char *name, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s.howdah/%s", pg->config->data_dir, name);
}

bool marker_write(const struct postgres *pg, const char *name, const char *text, struct err *err)
{
	char path[PATH_SIZE];
	marker_path(pg, name, path, sizeof(path));
	return file_write(path, text, strlen(text), 0600, err) || err_wrap(err, "marker \"%s\"", name);
}

bool marker_remove(const struct postgres *pg, const char *name, struct err *err)
{
	char path[PATH_SIZE];
	marker_path(pg, name, path, sizeof(path));
	return file_remove(path, err) || err_wrap(err, "marker \"%s\"", name);
}

enum marker marker_look(const struct postgres *pg, const char *name, char *text, size_t size)
{
	char path[PATH_SIZE];
	size_t len;
	struct err err;
	marker_path(pg, name, path, sizeof(path));
	if (file_read(path, text, size, &len, &err))
		return MARKER_SET;
	text[0] = '\0';
	if (err.kind != ERR_MISSING)
		log_warning("postgres: marker \"%s\": %s", name, err.text);
	return err.kind == ERR_MISSING ? MARKER_NONE : MARKER_UNREADABLE;
}

bool marker_read(const struct postgres *pg, const char *name, char *text, size_t size)
{
	return marker_look(pg, name, text, size) != MARKER_NONE; /* one that cannot be read is one */
}

bool armed_write(struct postgres *pg, uint32_t timeline, const struct lease_token *token, struct err *err)
{
	char text[MARKER_SIZE], token_text[TOKEN_MAX];
	struct strbuf b;
	lease_token_to_text(token, token_text, sizeof(token_text));
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%u\n%s\n", timeline, token_text);
	if (!marker_write(pg, "armed", text, err))
		return false;
	pg->instance.armed_timeline = timeline;
	pg->instance.armed_token = *token;
	return true;
}

void armed_read(struct postgres *pg)
{
	char text[MARKER_SIZE];
	struct instance *in = &pg->instance;
	int64_t timeline = 0;
	in->armed_timeline = 0;
	in->armed_token = (struct lease_token){ .leader = "" };
	if (!marker_read(pg, "armed", text, sizeof(text)) || text[0] == '\0')
		return;
	char *token = strchr(text, '\n');
	if (token != NULL)
		*token++ = '\0';
	if (token == NULL || !text_to_i64(text, &timeline) || timeline <= 0 || timeline > UINT32_MAX) {
		log_warning("postgres: the marker \"armed\" cannot be read");
		return;
	}
	in->armed_timeline = (uint32_t)timeline;
	token[strcspn(token, "\n")] = '\0';
	if (!lease_token_from_text(&in->armed_token, token))
		in->armed_token = (struct lease_token){ .leader = "" };
}

/* Whom the files make us follow, by name: an agent that comes later cannot read that off the server. */
void upstream_write(struct postgres *pg, const struct upstream *upstream)
{
	char text[MARKER_SIZE];
	struct strbuf b;
	struct err err;
	if (memcmp(&pg->upstream, upstream, sizeof(*upstream)) == 0)
		return;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s\n%s\n%d\n", upstream->member, upstream->host, upstream->port);
	if (!marker_write(pg, "upstream", text, &err))
		log_warning("postgres: %s", err.text);
	pg->upstream = *upstream;
}

void upstream_read(struct postgres *pg, struct upstream *upstream)
{
	char text[MARKER_SIZE], *at = text, *fields[3] = { NULL };
	int64_t port;
	*upstream = (struct upstream){ .port = 0 };
	if (!marker_read(pg, "upstream", text, sizeof(text)))
		return;
	for (int i = 0; i < 3; i++)
		fields[i] = strsep(&at, "\n");
	if (fields[2] == NULL || !text_to_i64(fields[2], &port) || port < 0 || port > UINT16_MAX)
		return;
	upstream->port = (int)port;
	if (!text_copy(upstream->member, sizeof(upstream->member), fields[0]) ||
	    !text_copy(upstream->host, sizeof(upstream->host), fields[1]))
		*upstream = (struct upstream){ .port = 0 };
}
