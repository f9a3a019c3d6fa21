/* What a block of bytes holds, in one pass at the speed of memory. */
#include "kernels.h"

#define LANES 64

/* found: how many newlines, how many quotes, and whether there are bytes beyond ASCII (0: none). */
KERNEL void wp_survey(const uint8_t *data, int64_t size, int64_t *found) {
    int64_t newlines = 0, quotes = 0, beyond = 0, i = 0;
    while (size - i >= LANES) {
        /* Counted in bytes, lane by lane, for as long as a byte can hold it: that is what vector units are good at. */
        uint8_t lines[LANES] = {0}, marks[LANES] = {0}, high[LANES] = {0};
        int64_t steps = (size - i) / LANES < 255 ? (size - i) / LANES : 255;
        for (; steps; steps--, i += LANES)
            for (int lane = 0; lane < LANES; lane++) {
                uint8_t byte = data[i + lane];
                lines[lane] += byte == '\n';
                marks[lane] += byte == '"';
                high[lane] |= byte;
            }
        for (int lane = 0; lane < LANES; lane++) {
            newlines += lines[lane];
            quotes += marks[lane];
            beyond += high[lane] >> 7;
        }
    }
    for (; i < size; i++) {
        newlines += data[i] == '\n';
        quotes += data[i] == '"';
        beyond += data[i] >> 7;
    }
    found[0] = newlines;
    found[1] = quotes;
    found[2] = beyond;
}
