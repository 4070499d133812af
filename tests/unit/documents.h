/*
 * Documents: random msgpack, made by msgpack-c's packer: every type, every width of number and
 * of length, nested. Numbers are also packed wider than they need to be.
 *
 * Used by: test_scan.c, test_read.c. Uses: msgpack-c.
 */
#ifndef WARD_TESTS_UNIT_DOCUMENTS_H
#define WARD_TESTS_UNIT_DOCUMENTS_H

#include <stdint.h>

#include <msgpack.h>

/* Appends one random value that nests at most `depth` levels deep. */
void document_pack(msgpack_sbuffer *out, uint64_t *random, unsigned depth);

#endif
