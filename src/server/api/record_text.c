/* Splits records by looking at quotes and brackets only: whether a record is JSON is for the
 * parser to say. */
#include "server/api/record_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, END_OF_TEXT = -1, FAILED = -2 };

void vdt_record_text_clear(struct vdt_record_text *text)
{
    vdt_buffer_clear(&text->block);
    vdt_buffer_clear(&text->record);
}

/* The next byte, END_OF_TEXT or FAILED. */
static int next_byte(struct vdt_record_text *text, struct vdt_error *error)
{
    if (text->next < text->block.size)
        return text->block.data[text->next++];
    if (!vdt_buffer_reserve(&text->block, BLOCK)) {
        (void)vdt_fail_memory(error, "records");
        return FAILED;
    }
    ssize_t got;
    do
        got = pread(text->fd, text->block.data, BLOCK, (off_t)text->at);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        (void)vdt_fail_errno(error, "records");
        return FAILED;
    }
    text->at += (uint64_t)got;
    text->block.size = (size_t)got;
    text->next = got > 0;
    return got > 0 ? text->block.data[0] : END_OF_TEXT;
}

static void put_back(struct vdt_record_text *text)
{
    text->next--;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int next_solid(struct vdt_record_text *text, struct vdt_error *error)
{
    int c;
    do
        c = next_byte(text, error);
    while (is_blank(c));
    return c;
}

/* A byte of the record. */
static vdt_status keep(struct vdt_record_text *text, int c, struct vdt_error *error)
{
    const char byte = (char)c;
    if (text->record.size >= VDT_RECORD_MOST)
        return vdt_fail(error, VDT_ERR_FORMAT, "record %" PRIu64 ": is longer than %d bytes",
                        text->number, VDT_RECORD_MOST);
    return vdt_buffer_append(&text->record, &byte, 1) ? VDT_OK : vdt_fail_memory(error, "records");
}

static vdt_status stopped(int c, const struct vdt_record_text *text, struct vdt_error *error)
{
    return c == FAILED
               ? error->status
               : vdt_fail(error, VDT_ERR_FORMAT,
                          "record %" PRIu64 ": the text ends within the array", text->number);
}

static vdt_status take_line(struct vdt_record_text *text, struct vdt_error *error)
{
    int c = next_solid(text, error);
    if (c == END_OF_TEXT)
        return VDT_END;
    vdt_status status = c == FAILED ? error->status : VDT_OK;
    text->number++;
    for (; status == VDT_OK && c >= 0 && c != '\n'; c = next_byte(text, error))
        status = keep(text, c, error);
    return status == VDT_OK && c == FAILED ? error->status : status;
}

/* A value that begins with `c`, up to the comma or bracket behind it. */
static vdt_status take_value(struct vdt_record_text *text, int c, struct vdt_error *error)
{
    unsigned depth = 0;
    bool in_string = false, escaped = false;
    vdt_status status = VDT_OK;
    for (; status == VDT_OK; c = next_byte(text, error)) {
        if (c < 0)
            return stopped(c, text, error);
        bool outside = !in_string;
        if (outside && depth == 0 && (c == ',' || c == ']' || c == '}')) {
            put_back(text);
            return VDT_OK;
        }
        if (in_string) {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            in_string = c == '"';
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
        }
        status = keep(text, c, error);
        if (outside && depth == 0 && (c == '}' || c == ']'))
            return status;
    }
    return status;
}

/* Up to the next item: past '[' at the beginning, past ',' later. *c is the item's first byte.
 * VDT_END at the array's end. */
static vdt_status to_item(struct vdt_record_text *text, int *c, struct vdt_error *error)
{
    bool first = !text->begun;
    text->begun = true;
    *c = next_solid(text, error);
    if (first && *c == '{') { /* a single object */
        text->ended = true;
        return VDT_OK;
    }
    if (*c == FAILED)
        return error->status;
    if (first && *c != '[')
        return vdt_fail(error, VDT_ERR_FORMAT, "the body: is no array of records");
    if (!first && *c == ']')
        return VDT_END;
    if (!first && *c != ',')
        return vdt_fail(error, VDT_ERR_FORMAT, "record %" PRIu64 ": has no comma behind it",
                        text->number);
    *c = next_solid(text, error);
    if (first && *c == ']')
        return VDT_END;
    return *c >= 0 ? VDT_OK : stopped(*c, text, error);
}

static vdt_status take_item(struct vdt_record_text *text, struct vdt_error *error)
{
    int c = 0;
    vdt_status status = text->ended ? VDT_END : to_item(text, &c, error);
    if (status == VDT_END) {
        text->ended = true;
        c = next_solid(text, error);
        if (c == FAILED)
            return error->status;
        return c == END_OF_TEXT
                   ? VDT_END
                   : vdt_fail(error, VDT_ERR_FORMAT, "the body: goes on behind its last record");
    }
    if (status != VDT_OK)
        return status;
    text->number++;
    return take_value(text, c, error);
}

vdt_status vdt_record_next(struct vdt_record_text *text, const char **record, size_t *size,
                           struct vdt_error *error)
{
    text->record.size = 0;
    vdt_status status =
        text->form == VDT_RECORD_LINES ? take_line(text, error) : take_item(text, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_buffer_append(&text->record, "", 1))
        return vdt_fail_memory(error, "records");
    *record = (const char *)text->record.data;
    *size = text->record.size - 1;
    return VDT_OK;
}
