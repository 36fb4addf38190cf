/* Networks of IP addresses: 10.0.0.0/8, fd00::/64; a single address is the smallest of them. */
#ifndef HOWDAH_CODEC_NETWORK_H
#define HOWDAH_CODEC_NETWORK_H

#include "base/base.h"

struct network {
	bool v6; /* an IPv4 address that is written as an IPv6 one (::ffff:10.0.0.1) is IPv4 */
	int bits;
	unsigned char bytes[16]; /* IPv4: the first four; behind the bits: 0 */
};

/* ADDRESS, ADDRESS/BITS, or for IPv4 ADDRESS/NETMASK. Bits of the address behind the network's do not count. */
MUST_CHECK bool network_parse(const char *text, struct network *network);
bool network_holds(const struct network *network, const struct network *address);

#endif
