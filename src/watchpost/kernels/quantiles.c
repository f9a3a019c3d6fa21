/* The compactions of a quantile sketch (KLL), and exact counts in given cells beside them.

   Which segments are compacted is planned by the caller, as it depends on counts only. Level 0 is cut into segments
   here, sorted by numpy, whose sort uses the processor's vector units, and comes back; the levels above are runs that
   are sorted already, and merged here. */
#include "kernels.h"

enum type { DOUBLE = 0, INT32 = 1 };

/* Copies values to a place of the table, which holds doubles or 32-bit integers; integers come from such only. */
static void copy_values(void *table, bool integers, int64_t place, const void *values, int64_t type, int64_t start,
                        int64_t count) {
    if (count == 0) return;
    if (integers)
        memcpy((int32_t *)table + place, (const int32_t *)values + start, (size_t)count * 4);
    else if (type == DOUBLE)
        memcpy((double *)table + place, (const double *)values + start, (size_t)count * 8);
    else
        for (int64_t i = 0; i < count; i++) ((double *)table)[place + i] = ((const int32_t *)values)[start + i];
}

/* Cuts the items that wait in level 0 and then the values into segments, each a row of `table`, `width` long.

   Rows are filled up with the largest value there is, which sorting leaves at the end. integers: the table holds 32-bit
   integers, as both the values and what waits are such, or nothing waits. What is left over is the caller's to keep. */
KERNEL void wp_cut_segments(const void *waiting, int64_t waiting_type, int64_t waiting_count, const void *values,
                            int64_t type, const int64_t *lengths, int64_t segments, int64_t width, int64_t integers,
                            void *table) {
    int64_t from_waiting = 0, from_values = 0;
    for (int64_t s = 0; s < segments; s++) {
        int64_t place = s * width, left = lengths[s];
        int64_t old = waiting_count - from_waiting < left ? waiting_count - from_waiting : left;
        copy_values(table, integers, place, waiting, waiting_type, from_waiting, old);
        from_waiting += old;
        copy_values(table, integers, place + old, values, type, from_values, left - old);
        from_values += left - old;
        for (int64_t i = lengths[s]; i < width; i++) {
            if (integers)
                ((int32_t *)table)[place + i] = INT32_MAX;
            else
                ((double *)table)[place + i] = (double)INFINITY;
        }
    }
}

/* How many of a sorted row are at most each edge is added to `below`.

   By halving without a branch: which half it is cannot be foretold, and the searches of several edges overlap. */
#define COUNT_CELLS(name, number)                                                                                      \
    static void name(const number *row, int64_t length, const double *edges, int64_t count, int64_t *below) {          \
        for (int64_t e = 0; e < count; e++) {                                                                          \
            const number *first = row;                                                                                 \
            double edge = edges[e];                                                                                    \
            for (int64_t left = length, half; left > 1; left -= half) {                                                \
                half = left / 2;                                                                                       \
                first += -(int64_t)((double)first[half - 1] <= edge) & half;                                           \
            }                                                                                                          \
            below[e] += first - row + (length > 0 && (double)*first <= edge);                                          \
        }                                                                                                              \
    }

COUNT_CELLS(count_doubles, double)
COUNT_CELLS(count_integers, int32_t)

/* Every second item of a sorted row, from the one at `half` on. */
#define KEEP_HALF(name, number)                                                                                        \
    static int64_t name(const number *row, int64_t length, int64_t half, double *kept) {                               \
        for (int64_t i = 0; i < length / 2; i++) kept[i] = (double)row[2 * i + half];                                  \
        return length / 2;                                                                                             \
    }

KEEP_HALF(keep_doubles, double)
KEEP_HALF(keep_integers, int32_t)

/* Two ascending runs on their way into one: what is left of either, and the place it goes to. Ends are exclusive. */
typedef struct {
    const double *a, *a_end, *b, *b_end;
    double *out, *out_end;
} merging;

/* One of two, without a branch: which one comes next cannot be foretold. */
static inline double chosen(double no, double yes, uint64_t all_if_yes) {
    uint64_t x, y;
    memcpy(&x, &no, 8);
    memcpy(&y, &yes, 8);
    x ^= (x ^ y) & all_if_yes;
    memcpy(&no, &x, 8);
    return no;
}

static inline void take_least(merging *m) {
    uint64_t second = -(uint64_t)(*m->b < *m->a);
    *m->out++ = chosen(*m->a, *m->b, second);
    m->b += second & 1;
    m->a += 1 - (second & 1);
}

static inline void take_largest(merging *m) {
    uint64_t first = -(uint64_t)(m->b_end[-1] < m->a_end[-1]);
    *--m->out_end = chosen(m->b_end[-1], m->a_end[-1], first);
    m->a_end -= first & 1;
    m->b_end -= 1 - (first & 1);
}

/* How often both ends can be taken from before a run may be empty. */
static inline int64_t safe_steps(const merging *m) {
    int64_t a = m->a_end - m->a, b = m->b_end - m->b;
    return (a < b ? a : b) / 2;
}

static void finish(merging m) {
    for (int64_t steps; (steps = safe_steps(&m)) > 0;)
        for (; steps; steps--) {
            take_least(&m);
            take_largest(&m);
        }
    while (m.a < m.a_end && m.b < m.b_end) take_least(&m);
    memcpy(m.out, m.a, (size_t)(m.a_end - m.a) * 8);
    memcpy(m.out + (m.a_end - m.a), m.b, (size_t)(m.b_end - m.b) * 8);
}

/* Two ascending runs behind each other, a[0:left] and a[left:count], as one in `out`.

   Each step of a merge waits for the one before it. So four go on at once: the lower and the upper half of the result,
   each from both of its ends, which is nearly three times as fast. */
static void merge_runs(const double *a, int64_t left, int64_t count, double *out) {
    const double *b = a + left;
    int64_t right = count - left, half = count / 2;
    int64_t low = half > right ? half - right : 0, high = half < left ? half : left;
    while (low < high) { /* how many of the first run belong to the lower half */
        int64_t middle = (low + high) >> 1;
        if (a[middle] <= b[half - middle - 1])
            low = middle + 1;
        else
            high = middle;
    }
    merging lower = {a, a + low, b, b + (half - low), out, out + half};
    merging upper = {a + low, b, b + (half - low), b + right, out + half, out + count};
    for (;;) {
        int64_t steps = safe_steps(&lower), others = safe_steps(&upper);
        steps = steps < others ? steps : others;
        if (!steps) break;
        for (; steps; steps--) {
            take_least(&lower);
            take_least(&upper);
            take_largest(&lower);
            take_largest(&upper);
        }
    }
    finish(lower);
    finish(upper);
}

/* Sorts items that are runs in ascending order behind each other; `scratch` and `ends` have room for `count` each. */
static void sort_runs(double *items, int64_t count, double *scratch, int64_t *ends) {
    int64_t runs = 0;
    for (int64_t i = 1; i <= count; i++)
        if (i == count || items[i] < items[i - 1]) ends[runs++] = i;
    double *from = items, *to = scratch;
    while (runs > 1) {
        int64_t start = 0, merged = 0;
        for (int64_t r = 0; r < runs; r += 2) {
            int64_t middle = ends[r], end = r + 1 < runs ? ends[r + 1] : ends[r];
            merge_runs(from + start, middle - start, end - start, to + start);
            ends[merged++] = start = end;
        }
        runs = merged;
        double *other = from;
        from = to;
        to = other;
    }
    if (from != items) memcpy(items, from, (size_t)count * 8);
}

/* Every odd compaction of a level changes sides: the half it keeps are the even (0) or the odd (1) places. */
static inline int64_t next_half(int64_t *compactions, int64_t *offset) {
    *offset ^= (*compactions)++ & 1;
    return *offset;
}

/* Compacts the sorted segments of level 0 (rows of `table`), and after them those of every level above.

   levels: how many there are, the new ones included. segments[h]: how many segments level h compacts; lengths: theirs,
   level by level. waiting: the items of the levels from 1 on, level by level, counts[h] each; after the call `kept`
   holds those that remain, and counts[h] says how many. kept must have room for all of them, and is not `waiting`.
   work: room for four times `room` numbers of eight bytes, `room` being the items above level 0 and those that come. */
KERNEL void wp_compact(const void *table, int64_t type, int64_t width, int64_t levels, const int64_t *segments,
                          const int64_t *lengths, int64_t *compactions, int64_t *offsets, const double *waiting,
                          int64_t *counts, double *kept, const double *edges, int64_t edge_count, int64_t *below,
                          double *work, int64_t room) {
    double *stream = work, *next = stream + room, *scratch = next + room;
    int64_t *ends = (int64_t *)(scratch + room);
    int64_t size = 0; /* items in `next`, the stream of the level above */
    for (int64_t s = 0; s < segments[0]; s++) {
        int64_t half = next_half(compactions, offsets);
        if (type == DOUBLE) {
            const double *row = (const double *)table + s * width;
            count_doubles(row, lengths[s], edges, edge_count, below);
            size += keep_doubles(row, lengths[s], half, next + size);
        } else {
            const int32_t *row = (const int32_t *)table + s * width;
            count_integers(row, lengths[s], edges, edge_count, below);
            size += keep_integers(row, lengths[s], half, next + size);
        }
    }
    lengths += segments[0];
    for (int64_t h = 1; h < levels; h++) {
        memcpy(stream, waiting, (size_t)counts[h] * 8);
        memcpy(stream + counts[h], next, (size_t)size * 8);
        waiting += counts[h];
        size += counts[h];
        int64_t start = 0, promoted = 0;
        for (int64_t s = 0; s < segments[h]; s++) {
            int64_t half = next_half(compactions + h, offsets + h);
            sort_runs(stream + start, lengths[s], scratch, ends);
            promoted += keep_doubles(stream + start, lengths[s], half, next + promoted);
            start += lengths[s];
        }
        lengths += segments[h];
        counts[h] = size - start;
        memcpy(kept, stream + start, (size_t)counts[h] * 8);
        kept += counts[h];
        size = promoted;
    }
}
