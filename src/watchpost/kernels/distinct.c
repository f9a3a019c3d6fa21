/* Distinct values: the registers of a HyperLogLog raised by numbers, and a memory of texts looked up. */
#include "kernels.h"

#define PRECISION 9

/* The finaliser of MurmurHash3 up to its last multiplication, as profiles/distinct.py has it. */
static inline uint64_t mixed(double value) {
    uint64_t bits;
    value += 0.0; /* -0.0 is 0.0 */
    memcpy(&bits, &value, 8);
    bits = (bits ^ bits >> 33) * 0xFF51AFD7ED558CCDu;
    return (bits ^ bits >> 33) * 0xC4CEB9FE1A85EC53u;
}

static inline void raise_register(uint8_t *registers, uint64_t hash) {
    uint64_t tail = hash << PRECISION | (uint64_t)1 << (PRECISION - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(tail) + 1);
    uint8_t *own = registers + (hash >> (64 - PRECISION));
    if (rank > *own) *own = rank;
}

/* Raises the 512 registers by finite doubles. */
KERNEL void wp_add_doubles(const double *values, int64_t count, uint8_t *registers) {
    for (int64_t i = 0; i < count; i++) raise_register(registers, mixed(values[i]));
}

/* Looks hashes up: each has two neighbouring places, which its first `bits` bits but the last of them name.

   counts[numbers[place]] goes up by one where the hash is found; the others' positions go to `unknown`. Returns how
   many these are. */
KERNEL int64_t wp_look_up(const uint64_t *hashes, int64_t count, const uint64_t *known, const uint16_t *numbers,
                          int64_t bits, int64_t *counts, uint32_t *unknown) {
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        uint64_t place = hashes[i] >> (64 - bits) & ~(uint64_t)1;
        place += known[place] != hashes[i];
        if (known[place] == hashes[i])
            counts[numbers[place]]++;
        else
            unknown[found++] = (uint32_t)i;
    }
    return found;
}

/* The code of each hash, from a table of 2^bits places where a hash stands at its first bits' place or, others being
   there, behind it; 0 is an empty place. Returns how many were found before the first that is not there. */
KERNEL int64_t wp_codes(const uint64_t *hashes, int64_t count, const uint64_t *known, const uint16_t *codes,
                        int64_t bits, uint16_t *found) {
    uint64_t last = ((uint64_t)1 << bits) - 1;
    for (int64_t i = 0; i < count; i++) {
        uint64_t place = hashes[i] >> (64 - bits);
        while (known[place] && known[place] != hashes[i]) place = (place + 1) & last;
        if (!known[place]) return i;
        found[i] = codes[place];
    }
    return count;
}
