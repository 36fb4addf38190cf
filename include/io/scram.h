/* A password as the server stores it, so that its clear text is in no statement. Behind it libpq, which prepares the text as every client does. */
#ifndef HOWDAH_IO_SCRAM_H
#define HOWDAH_IO_SCRAM_H

#include "base/err.h"

enum { SCRAM_VERIFIER_SIZE = 160 };

/* SCRAM-SHA-256$4096:salt$StoredKey:ServerKey with a random salt (RFC 5803, RFC 7677). */
MUST_CHECK bool scram_verifier(const char *password, char *verifier, size_t size, struct err *err);

#endif
