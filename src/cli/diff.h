/* Two texts compared by lines, in the unified form. */
#ifndef HOWDAH_SRC_CLI_DIFF_H
#define HOWDAH_SRC_CLI_DIFF_H

#include "base/strbuf.h"

/* Nothing when they are the same; else headers without names, and hunks with 3 lines around each change. */
void diff_print(const char *before, const char *after, bool colour, struct strbuf *to);

#endif
