/* Changes of the dynamic configuration, as values: what `edit-config` does before anything is sent. */
#ifndef HOWDAH_SRC_CLI_EDIT_H
#define HOWDAH_SRC_CLI_EDIT_H

#include "cli.h"
#include "codec/json.h"

/* "a.b=value" into the tree: the value is YAML, null takes the key away and mappings that become empty with it. Below postgresql.parameters the rest of the path
 * is one key; `parameter`: all of it is. */
MUST_CHECK bool edit_set(struct json *config, const char *pair, bool parameter, struct err *err);

/* A YAML document that is a mapping; `name` is for errors. NULL: err says why. */
struct json *edit_parse(const char *name, const char *text, size_t len, struct err *err);
struct json *edit_read_file(const struct cli *cli, const char *path, struct err *err); /* "-": the input */

/* Lets somebody edit the text, in its place. */
MUST_CHECK bool edit_text(char *text, size_t size, struct err *err);

/* Shows the text through $PAGER; false: there is none, or it could not be started. */
bool page_text(const char *text);

#endif
