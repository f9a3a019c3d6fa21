/* Numbers from their text, rounded correctly.

   Floats by Eisel and Lemire (D. Lemire, Number Parsing at a Gigabyte per Second, 2021, algorithm 1), for mantissas of
   at most 19 digits: no other case comes up in machine-written data, and the caller has a slower way for it. */
#ifndef WATCHPOST_NUMBERS_H
#define WATCHPOST_NUMBERS_H

#include "kernels.h"

#define LEAST_POWER (-342)
#define LARGEST_POWER 308

/* The 128 leading bits of 5^q for q from LEAST_POWER on: high word, low word. */
typedef struct {
    uint64_t high, low;
} power_of_five;

static inline bool is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

static inline uint64_t eight_bytes(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/* How many of the eight bytes of a little-endian word are digits before the first that is none. */
static inline int leading_digits(uint64_t w) {
    uint64_t x = w ^ 0x3030303030303030u;
    /* The highest bit of a byte is set where it is none; a carry can spoil only the bytes after such a one. */
    uint64_t others = ((x + 0x7676767676767676u) | x) & 0x8080808080808080u;
    return others ? __builtin_ctzll(others) >> 3 : 8;
}

/* The value of eight digits; their upper halves do not matter. */
static inline uint64_t value_of_eight(uint64_t w) {
    w = (w & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;
    w = (w & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
    return (w & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32;
}

/* Digits from p on are added to *value (at most 19 digits in all do not overflow it); returns the first byte after. */
static inline const uint8_t *add_digits(const uint8_t *p, const uint8_t *end, uint64_t *value) {
    uint64_t v = *value;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    static const uint64_t scale[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    while (end - p >= 8) {
        uint64_t word = eight_bytes(p);
        int digits = leading_digits(word);
        /* Zeros in front, as it were: the first digit is the lowest byte. Twice, for a shift by 64 is undefined. */
        if (digits) v = v * scale[digits] + value_of_eight(word << (32 - 4 * digits) << (32 - 4 * digits));
        p += digits;
        if (digits < 8) {
            *value = v;
            return p;
        }
    }
#endif
    while (p < end && is_digit(*p)) v = v * 10 + (uint64_t)(*p++ - '0');
    *value = v;
    return p;
}

/* w * 10^q as the nearest double; false where that cannot be told this way. */
static inline bool nearest_double(uint64_t w, int64_t q, const power_of_five *powers, double *result) {
    if (w == 0) {
        *result = 0.0;
        return true;
    }
    if (q >= -22 && q <= 22 && w <= (1ull << 53)) {
        static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
        *result = q < 0 ? (double)w / exact[-q] : (double)w * exact[q];
        return true;
    }
    if (q < LEAST_POWER || q > LARGEST_POWER) return false;
    int shift = __builtin_clzll(w);
    w <<= shift;
    power_of_five power = powers[q - LEAST_POWER];
    unsigned __int128 product = (unsigned __int128)w * power.high;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) { /* the bits left out could carry into those that decide */
        uint64_t more = (uint64_t)((unsigned __int128)w * power.low >> 64);
        low += more;
        if (low < more) high++;
    }
    if (low == UINT64_MAX && (q < -27 || q > 55)) return false;
    int upper = (int)(high >> 63);
    uint64_t mantissa = high >> (upper + 9);
    int64_t exponent = (((152170 + 65536) * q) >> 16) + 63 + upper - shift + 1023;
    if (exponent <= 0 || exponent >= 2046) return false; /* below the normal numbers, or at the top of them */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && (mantissa << (upper + 9)) == high)
        mantissa &= ~1ull; /* exactly half way: to even */
    mantissa += mantissa & 1;
    mantissa >>= 1;
    if (mantissa >= (2ull << 52)) {
        mantissa = 1ull << 52;
        exponent++;
    }
    mantissa &= ~(1ull << 52);
    uint64_t bits = mantissa | (uint64_t)exponent << 52;
    memcpy(result, &bits, 8);
    return true;
}

/* [-+]?[0-9]{1,18}; returns the first byte after it, NULL if there is none at p. */
static inline const uint8_t *parse_whole(const uint8_t *p, const uint8_t *end, int64_t *result) {
    bool negative = *p == '-';
    if (negative || *p == '+') p++;
    const uint8_t *first = p;
    uint64_t value = 0;
    p = add_digits(p, end, &value);
    if (p == first || p - first > 18) return NULL;
    *result = negative ? -(int64_t)value : (int64_t)value;
    return p;
}

/* [-+]?[0-9]+\.[0-9]+([eE][-+]?[0-9]+)? of at most 19 digits that count; else as above. */
static inline const uint8_t *parse_fraction(const uint8_t *p, const uint8_t *end, const power_of_five *powers,
                                            double *result) {
    bool negative = *p == '-';
    if (negative || *p == '+') p++;
    const uint8_t *first = p;
    uint64_t value = 0;
    p = add_digits(p, end, &value);
    if (p == first || p >= end || *p != '.') return NULL;
    const uint8_t *dot = p++;
    p = add_digits(p, end, &value);
    if (p == dot + 1) return NULL;
    int64_t digits = p - first - 1, power = -(p - dot - 1);
    if (digits > 19) {
        while (first < p && (*first == '0' || *first == '.')) digits -= *first++ == '0';
        if (digits > 19) return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        int64_t exponent = 0;
        const uint8_t *start = ++p;
        bool down = p < end && *p == '-';
        if (p < end && (down || *p == '+')) start = ++p;
        while (p < end && is_digit(*p) && p - start < 5) exponent = exponent * 10 + (*p++ - '0');
        if (p == start || (p < end && is_digit(*p))) return NULL;
        power += down ? -exponent : exponent;
    }
    double magnitude;
    if (!nearest_double(value, power, powers, &magnitude)) return NULL;
    *result = negative ? -magnitude : magnitude;
    return p;
}

#endif
