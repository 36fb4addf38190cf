/* What the server stores for a password, against RFC 7677 and against what the password gives again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "io/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 32 };

struct keys {
	unsigned char client[KEY], stored[KEY], server[KEY];
};

static void hmac(const unsigned char key[KEY], const char *text, unsigned char out[KEY])
{
	unsigned len = KEY;
	assert_non_null(HMAC(EVP_sha256(), key, KEY, (const unsigned char *)text, strlen(text), out, &len));
}

static struct keys derive(const char *password, const unsigned char *salt, int salt_len, int iterations)
{
	struct keys keys;
	unsigned char salted[KEY];
	assert_int_equal(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, salt_len, iterations, EVP_sha256(),
					   KEY, salted),
			 1);
	hmac(salted, "Client Key", keys.client);
	assert_int_equal(EVP_Digest(keys.client, KEY, keys.stored, NULL, EVP_sha256(), NULL), 1);
	hmac(salted, "Server Key", keys.server);
	return keys;
}

static int decode(const char *text, size_t len, unsigned char *out)
{
	int padding = (len > 0 && text[len - 1] == '=') + (len > 1 && text[len - 2] == '=');
	int n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
	assert_true(n > 0);
	return n - padding;
}

/* RFC 7677, section 3: user "user", password "pencil". */
static void derivation_agrees_with_rfc_7677(UNUSED void **state)
{
	static const char auth[] =
		"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
	unsigned char salt[32], signature[KEY], proof[64];
	int salt_len = decode("W22ZaJ0SNY7soEsUEjb6gQ==", 24, salt);
	struct keys keys = derive("pencil", salt, salt_len, 4096);
	hmac(keys.stored, auth, signature);
	for (int i = 0; i < KEY; i++)
		signature[i] ^= keys.client[i];
	EVP_EncodeBlock(proof, signature, KEY);
	assert_string_equal((char *)proof, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	hmac(keys.server, auth, signature);
	EVP_EncodeBlock(proof, signature, KEY);
	assert_string_equal((char *)proof, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

/* SCRAM-SHA-256$iterations:salt$stored:server */
static void check(const char *password, const char *verifier)
{
	char text[SCRAM_VERIFIER_SIZE];
	unsigned char salt[64], stored[64], server[64];
	snprintf(text, sizeof(text), "%s", verifier);
	char *at = text;
	assert_string_equal(strsep(&at, "$"), "SCRAM-SHA-256");
	int iterations = (int)strtol(strsep(&at, ":"), NULL, 10);
	char *salt_text = strsep(&at, "$"), *stored_text = strsep(&at, ":");
	int salt_len = decode(salt_text, strlen(salt_text), salt);
	assert_int_equal(decode(stored_text, strlen(stored_text), stored), KEY);
	assert_int_equal(decode(at, strlen(at), server), KEY);
	assert_true(iterations >= 4096);
	struct keys keys = derive(password, salt, salt_len, iterations);
	assert_memory_equal(keys.stored, stored, KEY);
	assert_memory_equal(keys.server, server, KEY);
}

static void verifier_fits_its_password_and_no_other(UNUSED void **state)
{
	char verifier[SCRAM_VERIFIER_SIZE];
	struct err err;
	assert_true(scram_verifier("pencil", verifier, sizeof(verifier), &err));
	check("pencil", verifier);
	assert_null(strstr(verifier, "pencil"));
}

static void two_verifiers_have_different_salts(UNUSED void **state)
{
	char a[SCRAM_VERIFIER_SIZE], b[SCRAM_VERIFIER_SIZE];
	struct err err;
	assert_true(scram_verifier("x", a, sizeof(a), &err));
	assert_true(scram_verifier("x", b, sizeof(b), &err));
	assert_string_not_equal(a, b);
}

/* U+00AA is prepared as "a" (RFC 4013): clients do so too, so the stored keys must be those of the prepared text. */
static void passwords_are_prepared_as_clients_do(UNUSED void **state)
{
	char verifier[SCRAM_VERIFIER_SIZE];
	struct err err;
	assert_true(scram_verifier("\xc2\xaa", verifier, sizeof(verifier), &err));
	check("a", verifier);
}

static void what_does_not_fit_is_refused(UNUSED void **state)
{
	char verifier[40];
	struct err err;
	assert_false(scram_verifier("pencil", verifier, sizeof(verifier), &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derivation_agrees_with_rfc_7677),
		cmocka_unit_test(verifier_fits_its_password_and_no_other),
		cmocka_unit_test(two_verifiers_have_different_salts),
		cmocka_unit_test(passwords_are_prepared_as_clients_do),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
