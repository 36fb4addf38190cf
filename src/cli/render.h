/* From a snapshot to text: what the commands show. Nothing is read here. */
#ifndef HOWDAH_SRC_CLI_RENDER_H
#define HOWDAH_SRC_CLI_RENDER_H

#include "cli.h"
#include "output.h"
#include "snapshot.h"

/* patronictl's list and topology (contract 4.3). */
void render_list(const struct snapshot *snapshot, enum output_format format, bool extended, struct strbuf *to);

/* Our own view. */
void render_overview(const struct snapshot *snapshot, int columns, bool colour, struct strbuf *to);
void render_history(const struct snapshot *snapshot, enum output_format format, struct strbuf *to);
void render_config(const struct json *config, struct strbuf *to);

/* The versions of the members that are named (none: of all); `compatible`: in patronictl's words. */
void render_versions(const struct snapshot *snapshot, const struct cli *cli, struct strbuf *to);

/* A sentence about the `rollout` of GET /cluster (rollout.c). */
void say_rollout(const struct json *rollout, struct strbuf *to);

/* Words: `12 s`, `3 min`, `3 h 12 min`, `5 d 2 h`; `0 B`, `1.2 MB`, `210 GB`; `15.18`. */
void words_duration(int64_t seconds, char *text, size_t size);
void words_bytes(int64_t bytes, char *text, size_t size);
void words_server_version(int64_t number, char *text, size_t size);

#endif
