/* YAML documents into JSON trees, with the line of every node for error messages. Scalars are typed as YAML 1.1 in
 * Python does (yes/on/true, 0o17, 1_000, ~ ...). */
#ifndef HOWDAH_CODEC_YAML_H
#define HOWDAH_CODEC_YAML_H

#include "codec/json.h"

struct yaml_lines; /* where each key of a document stands */

/* Anchors and merge keys are understood; bombs, tags of unknown kinds, duplicate keys and more than one document are
 * errors that name file and line. lines may be NULL. */
struct json *yaml_parse(const char *file, const char *text, size_t len, struct yaml_lines **lines, struct err *err);
int yaml_line(const struct yaml_lines *lines, const char *dotted_path); /* 0: unknown */
void yaml_lines_free(struct yaml_lines *lines);                         /* takes NULL */

/* Block style, keys in the tree's order or sorted, as `show-config` prints it (contract 4.2). */
void yaml_print(const struct json *node, bool sort_keys, struct strbuf *to);
void yaml_print_flow(const struct json *node, struct strbuf *to); /* {a: b, c: [d]} */

#endif
