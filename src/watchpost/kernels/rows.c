/* Rows of text to typed columns: what stands between literals that are the same on every row.

   One pass, nothing is looked at twice: cells are proved to have the class that is asked of them while they are read.
   Whatever does not fit ends the reading with its place, and the caller takes the slower way. */
#include "arrow.h"
#include "numbers.h"

enum kind { SKIPPED = 0, WHOLE = 1, FRACTION = 2, CELL = 3, TEXT = 4 };

/* A stretch of text. */
typedef struct {
    const uint8_t *start;
    int64_t length;
} text_piece;

/* A field of a row: the literal before it, and how what follows is read. stops: a table of the bytes that end it. */
typedef struct {
    const uint8_t *before;
    int64_t before_length;
    int64_t kind;
    const uint8_t *stops;
} row_field;

/* A string of Arrow's view layout: up to 12 bytes lie in it, of longer ones the first 4 and a place. */
typedef struct {
    int32_t length;
    uint8_t start[4];
    int32_t buffer, place;
} string_view;

typedef struct {
    void *values; /* int64, double or string_view */
    uint8_t *valid;
    uint8_t *long_texts;
    int64_t long_used, long_held, nulls;
    int64_t kind;
    const void *buffers[4];
    int64_t long_lengths[1];
} column;

static void release_schema(struct ArrowSchema *schema) {
    for (int64_t i = 0; i < schema->n_children; i++) {
        struct ArrowSchema *child = schema->children[i];
        if (child->release) child->release(child);
        free(child);
    }
    free(schema->children);
    free(schema->private_data);
    schema->release = NULL;
}

static void free_column(column *c) {
    free(c->values);
    free(c->valid);
    free(c->long_texts);
    free(c);
}

static void release_column(struct ArrowArray *array) {
    free_column(array->private_data);
    array->release = NULL;
}

static void release_table(struct ArrowArray *array) {
    for (int64_t i = 0; i < array->n_children; i++) {
        struct ArrowArray *child = array->children[i];
        if (child->release) child->release(child);
        free(child);
    }
    free(array->children);
    free(array->private_data);
    array->release = NULL;
}

static bool fill_schema(struct ArrowSchema *schema, const char *format, int64_t number) {
    memset(schema, 0, sizeof *schema);
    char *name = malloc(24);
    if (!name) return false;
    int length = 0;
    for (int64_t rest = number, scale = 1; length == 0; scale *= 10)
        if (rest / scale < 10)
            for (; scale; scale /= 10) name[length++] = (char)('0' + rest / scale % 10);
    name[length] = 0;
    schema->format = format;
    schema->name = name;
    schema->flags = 2; /* nullable */
    schema->release = release_schema;
    schema->private_data = name;
    return true;
}

static bool add_text(column *c, int64_t row, const uint8_t *start, int64_t length) {
    string_view *view = (string_view *)c->values + row;
    view->length = (int32_t)length;
    if (length <= 12) {
        memset(view->start, 0, 12);
        memcpy(view->start, start, (size_t)length);
        return true;
    }
    if (c->long_used + length > c->long_held) {
        int64_t held = 2 * c->long_held + length + 4096;
        uint8_t *grown = held > INT32_MAX ? NULL : realloc(c->long_texts, (size_t)held);
        if (!grown) return false;
        c->long_texts = grown;
        c->long_held = held;
    }
    memcpy(view->start, start, 4);
    view->buffer = 0;
    view->place = (int32_t)c->long_used;
    memcpy(c->long_texts + c->long_used, start, (size_t)length);
    c->long_used += length;
    return true;
}

static bool add_null(column *c, int64_t row, int64_t rows) {
    if (!c->valid) {
        size_t bytes = (size_t)(rows + 7) / 8;
        c->valid = malloc(bytes);
        if (!c->valid) return false;
        memset(c->valid, 0xFF, bytes);
    }
    c->valid[row >> 3] &= (uint8_t)~(1u << (row & 7));
    c->nulls++;
    if (c->kind == CELL)
        memset((string_view *)c->values + row, 0, sizeof(string_view));
    else
        ((int64_t *)c->values)[row] = 0;
    return true;
}

/* One field of one row; the first byte after it, NULL if it is not of its kind or memory is gone. */
static inline const uint8_t *read_field(const row_field *field, column *c, const uint8_t *p, const uint8_t *end,
                                        int64_t row, int64_t rows, const power_of_five *powers) {
    if (field->kind == WHOLE || field->kind == FRACTION) {
        if (field->stops[*p]) return add_null(c, row, rows) ? p : NULL;
        p = field->kind == WHOLE ? parse_whole(p, end, (int64_t *)c->values + row)
                                 : parse_fraction(p, end, powers, (double *)c->values + row);
        return p && p < end && field->stops[*p] ? p : NULL;
    }
    const uint8_t *start = p;
    while (!field->stops[*p]) p++; /* the last byte of all stops everything */
    if (field->kind == SKIPPED) return p;
    if (p == start && field->kind == CELL) return add_null(c, row, rows) ? p : NULL;
    return add_text(c, row, start, p - start) ? p : NULL;
}

/* Reads the rows of one piece; returns the row after them, or -1 with the misfit's field (-1: a literal) in *misfit. */
static int64_t read_piece(const text_piece *piece, int64_t row, int64_t rows, const row_field *fields, int64_t count,
                          const uint8_t *ending, int64_t ending_length, const power_of_five *powers, column **columns,
                          int64_t *misfit) {
    const uint8_t *p = piece->start, *end = p + piece->length;
    *misfit = -1;
    for (; p < end; row++) {
        if (row == rows) return -1;
        for (int64_t i = 0; i < count; i++) {
            const row_field *field = fields + i;
            /* A literal must leave a byte behind it: the field's own end at least. */
            if (end - p <= field->before_length) return -1;
            if (field->before_length == 1 ? *p != *field->before
                                          : memcmp(p, field->before, (size_t)field->before_length) != 0)
                return -1;
            p = read_field(field, columns[i], p + field->before_length, end, row, rows, powers);
            if (!p) {
                *misfit = i;
                return -1;
            }
        }
        if (end - p < ending_length || memcmp(p, ending, (size_t)ending_length) != 0) return -1;
        p += ending_length;
    }
    return row;
}

static bool make_columns(column **columns, const row_field *fields, int64_t count, int64_t rows) {
    for (int64_t i = 0; i < count; i++) {
        if (fields[i].kind == SKIPPED) continue;
        column *c = columns[i] = calloc(1, sizeof(column));
        if (!c) return false;
        c->kind = fields[i].kind;
        c->values = malloc((size_t)(rows ? rows : 1) * (c->kind >= CELL ? sizeof(string_view) : 8));
        if (!c->values) return false;
    }
    return true;
}

static void fill_array(struct ArrowArray *array, column *c, int64_t rows) {
    bool text = c->kind >= CELL;
    memset(array, 0, sizeof *array);
    c->long_lengths[0] = c->long_used;
    c->buffers[0] = c->valid;
    c->buffers[1] = c->values;
    c->buffers[2] = c->long_used ? (const void *)c->long_texts : (const void *)c->long_lengths;
    c->buffers[3] = c->long_lengths;
    array->length = rows;
    array->null_count = c->nulls;
    array->n_buffers = text ? c->long_used ? 4 : 3 : 2;
    array->buffers = c->buffers;
    array->release = release_column;
    array->private_data = c;
}

/* Hands the columns over; false if memory is gone, the columns then being the caller's still. */
static bool export_columns(column **columns, int64_t count, int64_t rows, struct ArrowSchema *schema,
                           struct ArrowArray *array) {
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) kept += columns[i] != NULL;
    if (!fill_schema(schema, "+s", 0)) return false;
    memset(array, 0, sizeof *array);
    array->private_data = calloc(1, sizeof(void *));
    array->children = calloc((size_t)kept + 1, sizeof *array->children);
    schema->children = calloc((size_t)kept + 1, sizeof *schema->children);
    bool whole = array->private_data && array->children && schema->children;
    for (int64_t i = 0; whole && i < kept; i++) {
        array->children[i] = calloc(1, sizeof **array->children);
        schema->children[i] = calloc(1, sizeof **schema->children);
        whole = array->children[i] && schema->children[i];
        schema->n_children += schema->children[i] != NULL;
    }
    for (int64_t i = 0, child = 0; whole && i < count; i++) {
        if (!columns[i]) continue;
        const char *format = columns[i]->kind == WHOLE ? "l" : columns[i]->kind == FRACTION ? "g" : "vu";
        whole = fill_schema(schema->children[child++], format, i);
    }
    if (!whole) {
        for (int64_t i = 0; array->children && i < kept; i++) free(array->children[i]);
        free(array->children);
        free(array->private_data);
        release_schema(schema);
        return false;
    }
    for (int64_t i = 0, child = 0; i < count; i++)
        if (columns[i]) fill_array(array->children[child++], columns[i], rows);
    array->length = rows;
    array->n_buffers = 1;
    array->buffers = array->private_data;
    array->n_children = kept;
    array->release = release_table;
    return true;
}

/* Reads `rows` rows, which stand in pieces one after another, whole rows in each; its last byte ends every field.

   Returns the number of fields when all is read; the columns of the fields that are not skipped, each named by its
   number, are then in schema and array. Else the number of the field that is not of its kind, -1 where a literal
   differs or the rows are not that many, -2 when memory is gone; nothing is handed over then. */
KERNEL int64_t wp_read_rows(const text_piece *pieces, int64_t piece_count, int64_t rows, const row_field *fields,
                            int64_t count, const uint8_t *ending, int64_t ending_length, const power_of_five *powers,
                            struct ArrowSchema *schema, struct ArrowArray *array) {
    for (int64_t n = 0; n < piece_count; n++)
        for (int64_t i = 0; i < count; i++)
            if (pieces[n].length < 1 || !fields[i].stops[pieces[n].start[pieces[n].length - 1]]) return -1;
    column **columns = calloc((size_t)count + 1, sizeof *columns);
    if (!columns) return -2;
    int64_t outcome = -2, row = 0;
    if (make_columns(columns, fields, count, rows)) {
        for (int64_t n = 0; n < piece_count && row >= 0; n++)
            row = read_piece(pieces + n, row, rows, fields, count, ending, ending_length, powers, columns, &outcome);
        if (row >= 0) outcome = row == rows ? count : -1;
    }
    if (outcome == count && !export_columns(columns, count, rows, schema, array)) outcome = -2;
    if (outcome != count)
        for (int64_t i = 0; i < count; i++)
            if (columns[i]) free_column(columns[i]);
    free(columns);
    return outcome;
}
