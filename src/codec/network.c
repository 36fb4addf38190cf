/* Networks of IP addresses. */
#include "codec/network.h"

#include "base/strbuf.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = V6_BITS - V4_BITS };

static const unsigned char mapped[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

/* Puts zeros behind the bits. */
static void mask(struct network *network)
{
	for (int i = 0; i < (int)sizeof(network->bytes); i++) {
		int kept = network->bits - i * 8;
		network->bytes[i] &= kept >= 8 ? 0xff : kept <= 0 ? 0 : (unsigned char)(0xff00 >> kept);
	}
}

static bool read_address(const char *text, struct network *network)
{
	*network = (struct network){ .bits = V4_BITS };
	if (inet_pton(AF_INET, text, network->bytes) == 1)
		return true;
	network->v6 = true;
	network->bits = V6_BITS;
	return inet_pton(AF_INET6, text, network->bytes) == 1;
}

/* 255.255.0.0 is 16. */
static bool read_netmask(const char *text, int *bits)
{
	struct in_addr address;
	if (inet_pton(AF_INET, text, &address) != 1)
		return false;
	uint32_t holes = ~ntohl(address.s_addr);
	if ((holes & (holes + 1)) != 0)
		return false;
	*bits = V4_BITS - __builtin_popcount(holes);
	return true;
}

static bool read_bits(const char *text, struct network *network)
{
	int64_t bits;
	if (!network->v6 && strchr(text, '.') != NULL)
		return read_netmask(text, &network->bits);
	if (!text_to_i64(text, &bits) || bits < 0 || bits > network->bits)
		return false;
	network->bits = (int)bits;
	return true;
}

static void unmap(struct network *network)
{
	if (!network->v6 || network->bits < MAPPED_BITS || memcmp(network->bytes, mapped, sizeof(mapped)) != 0)
		return;
	struct network v4 = { .bits = network->bits - MAPPED_BITS };
	memcpy(v4.bytes, network->bytes + sizeof(mapped), V4_BITS / 8);
	*network = v4;
}

bool network_parse(const char *text, struct network *network)
{
	char address[INET6_ADDRSTRLEN];
	struct strbuf b;
	size_t len = strcspn(text, "/");
	strbuf_init(&b, address, sizeof(address));
	strbuf_add_bytes(&b, text, len);
	if (!strbuf_ok(&b) || !read_address(address, network))
		return false;
	if (text[len] == '/' && !read_bits(text + len + 1, network))
		return false;
	unmap(network);
	mask(network);
	return true;
}

bool network_holds(const struct network *network, const struct network *address)
{
	struct network of = *address;
	if (network->v6 != address->v6 || network->bits > address->bits)
		return false;
	of.bits = network->bits;
	mask(&of);
	return memcmp(of.bytes, network->bytes, sizeof(of.bytes)) == 0;
}
