/* UTF-8, one character at a time. */
#ifndef HOWDAH_SRC_CODEC_UTF8_H
#define HOWDAH_SRC_CODEC_UTF8_H

#include "base/base.h"

/* Length in bytes (1 to 4) of the character at `at`, which *code receives; 0 when it is none: truncated, overlong, a surrogate, beyond U+10FFFF. */
int utf8_decode(const char *at, const char *end, uint32_t *code);

#endif
