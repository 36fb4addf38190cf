/* PostgreSQL's and Patroni's spellings of numbers, booleans and positions (contract README: parse_int, parse_bool). */
#ifndef HOWDAH_CODEC_UNITS_H
#define HOWDAH_CODEC_UNITS_H

#include "base/strbuf.h"

MUST_CHECK bool units_bool(const char *text, bool *out); /* on/true/yes/1, off/false/no/0 in any case */
MUST_CHECK bool units_int(const char *text, const char *base_unit /* "B", "kB", "ms", "s", "min", "8kB", ... or NULL */,
			  int64_t *out);
MUST_CHECK bool units_quantity(const char *text, int64_t *bytes); /* of Kubernetes, from 0 on: 20Gi, 500G, 1.5Ti, 1e9 */
MUST_CHECK bool units_quantity_milli(const char *text, int64_t *thousandths); /* the same, and 500m; rounded */
MUST_CHECK bool lsn_from_text(const char *text, uint64_t *lsn);               /* 3/A1004F20 */
void lsn_to_text(uint64_t lsn, char *text, size_t size);
void wall_to_iso(int64_t wall_us, char *text,
		 size_t size); /* 2026-11-22T22:06:37.699424+00:00; no fraction when it is exactly 0 */
MUST_CHECK bool wall_from_iso(const char *text, int64_t *wall_us);

#endif
