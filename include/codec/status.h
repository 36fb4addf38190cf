/* A member's status: the annotation of contract 1.8, and the answer of GET /patroni as far as a race needs it. */
#ifndef HOWDAH_CODEC_STATUS_H
#define HOWDAH_CODEC_STATUS_H

#include "codec/json.h"
#include "core/cluster.h"

/* Fills everything of a member that its status says; false (and has_status false) when it is no JSON object. Legacy
 * postgres:// form included. */
bool status_parse(struct member *member, const char *text);

/* Reads the answer of a peer's GET /patroni: everything of struct peer_answer but name and times. false: it cannot be
 * an answer of ours or Patroni's, or it says that it comes from another member than answer->name ("": any) or from another
 * cluster than scope (NULL: any): an address may have become somebody else's. */
bool peer_answer_parse(struct peer_answer *answer, const char *scope, const char *text, size_t len);

/* pg_wal/TLI.history (contract 5.18). Bad lines are an error that names the line. */
MUST_CHECK bool history_parse_file(struct history *history, const char *text, struct err *err);
/* The `history` annotation: arrays of 3 to 5 items. */
MUST_CHECK bool history_parse_json(struct history *history, const char *text, struct err *err);
void history_print_json(const struct history *history, int max_entries /* 0: all */, struct strbuf *to);

#endif
