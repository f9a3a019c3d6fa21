/* xxHash64 of texts, after its specification by Yann Collet (XXH64, version 0.2). */
#include "kernels.h"

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static inline uint64_t rotated(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline uint64_t next_round(uint64_t lane, uint64_t data) { return rotated(lane + data * P2, 31) * P1; }

/* Little-endian, whatever the machine is. */
static inline uint64_t word_at(const uint8_t *p, int bytes) {
    uint64_t word = 0;
    for (int i = bytes - 1; i >= 0; i--) word = word << 8 | p[i];
    return word;
}

static uint64_t hash_of(const uint8_t *p, uint64_t length, uint64_t seed) {
    const uint8_t *end = p + length;
    uint64_t hash = seed + P5;
    if (length >= 32) {
        uint64_t lanes[4] = {seed + P1 + P2, seed + P2, seed, seed - P1};
        for (; end - p >= 32; p += 32)
            for (int lane = 0; lane < 4; lane++) lanes[lane] = next_round(lanes[lane], word_at(p + 8 * lane, 8));
        hash = rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) + rotated(lanes[3], 18);
        for (int lane = 0; lane < 4; lane++) hash = (hash ^ next_round(0, lanes[lane])) * P1 + P4;
    }
    hash += length;
    for (; end - p >= 8; p += 8) hash = rotated(hash ^ next_round(0, word_at(p, 8)), 27) * P1 + P4;
    if (end - p >= 4) {
        hash = rotated(hash ^ word_at(p, 4) * P1, 23) * P2 + P3;
        p += 4;
    }
    for (; p < end; p++) hash = rotated(hash ^ *p * P5, 11) * P1;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}

/* The hash of each of the texts that stand behind each other; lengths: theirs, in bytes. */
KERNEL void wp_hash_texts(const uint8_t *texts, const uint32_t *lengths, int64_t count, uint64_t seed,
                          uint64_t *hashes) {
    for (int64_t i = 0; i < count; i++) {
        hashes[i] = hash_of(texts, lengths[i], seed);
        texts += lengths[i];
    }
}
