// OpenSSL hides many calls behind macros; these make them functions.
#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

/// SHA-256 at one go. By the calls that OpenSSL 3 calls old: the EVP ones look the algorithm up under a lock and allocate
/// a context each time, which costs more than hashing a key does, and a key is hashed for each request.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
static inline void openssl_sha256(const void *bytes, size_t count, unsigned char *digest) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, count);
    SHA256_Final(digest, &context);
}

/// HMAC-SHA-256 (RFC 2104), by the same calls for the same reason: one is made for each webhook.
static inline void openssl_hmac_sha256(
    const void *key, size_t key_count, const void *bytes, size_t count, unsigned char *code
) {
    unsigned char inner[SHA256_CBLOCK] = {0}, outer[SHA256_CBLOCK];
    if (key_count > sizeof inner) {
        openssl_sha256(key, key_count, inner);
    } else if (key_count > 0) {
        memcpy(inner, key, key_count);
    }
    for (size_t i = 0; i < sizeof inner; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, inner, sizeof inner);
    SHA256_Update(&context, bytes, count);
    SHA256_Final(code, &context);
    SHA256_Init(&context);
    SHA256_Update(&context, outer, sizeof outer);
    SHA256_Update(&context, code, SHA256_DIGEST_LENGTH);
    SHA256_Final(code, &context);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
    OPENSSL_cleanse(&context, sizeof context);
}
#pragma clang diagnostic pop
