/* UTF-8, one character at a time. */
#include "utf8.h"

/* Smallest code of each length: anything lower would be an overlong form. */
static const uint32_t smallest[] = { [2] = 0x80, [3] = 0x800, [4] = 0x10000 };

static int length_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

int utf8_decode(const char *at, const char *end, uint32_t *code)
{
	const unsigned char *byte = (const unsigned char *)at;
	int len = at < end ? length_of(byte[0]) : 0;
	if (len == 0 || end - at < len)
		return 0;
	if (len == 1) {
		*code = byte[0];
		return 1;
	}
	uint32_t value = byte[0] & (0xffU >> (len + 1));
	for (int i = 1; i < len; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (byte[i] & 0x3fU);
	}
	if (value < smallest[len] || (value >= 0xd800 && value < 0xe000) || value > 0x10ffff)
		return 0;
	*code = value;
	return len;
}
