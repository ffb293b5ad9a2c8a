#include "net/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void reply_init(struct reply *reply, struct conn *conn, const struct request *request)
{
    *reply = (struct reply){.conn = conn, .file = -1};
    response_init(&reply->response, request);
}

void reply_done(struct reply *reply)
{
    free(reply->head);
    reply->head = NULL;
}

/* ---- the head ------------------------------------------------------------------------------- */

static bool reserve_head(struct reply *reply, size_t size)
{
    size_t capacity = reply->head_capacity;

    if (reply->head_size + size <= capacity)
        return true;
    capacity = 2 * capacity + size + 256;
    char *head = realloc(reply->head, capacity);
    if (!head)
        return false;
    reply->head = head;
    reply->head_capacity = capacity;
    return true;
}

static void append_text(struct reply *reply, struct slice text)
{
    if (text.size > 0)
        memcpy(reply->head + reply->head_size, text.data, text.size);
    reply->head_size += text.size;
}

static const char *append_head_line(
    struct reply *reply, struct slice first, struct slice between, struct slice last)
{
    if (!reserve_head(reply, first.size + between.size + last.size + 2))
        return "out of memory";
    append_text(reply, first);
    append_text(reply, between);
    append_text(reply, last);
    append_text(reply, SLICE("\r\n"));
    return NULL;
}

const char *reply_set_status(struct reply *reply, struct slice status)
{
    const char *problem = response_set_status(&reply->response, status);
    if (problem)
        return problem;
    reply->head_size = 0;
    reply->own_length = false;
    return append_head_line(reply, SLICE("HTTP/1.1 "), status, (struct slice){0});
}

const char *reply_add_field(struct reply *reply, struct slice name, struct slice value)
{
    bool drop;
    const char *problem = response_add_field(&reply->response, name, value, &drop);

    if (problem || drop)
        return problem;
    return append_head_line(reply, name, SLICE(": "), value);
}

void reply_set_length(struct reply *reply, uint64_t length)
{
    unsigned status = reply->response.status;
    bool is_known = reply->response.has_content_length && status != 205;

    if (is_known || status == 204 || status == 304)
        return;
    response_set_content_length(&reply->response, status == 205 ? 0 : length);
    reply->own_length = true;
}

/* ---- the next message ----------------------------------------------------------------------- */

static void add_part(struct reply *reply, const char *data, size_t size)
{
    /* The cast is safe: sendmsg(2) does not write to the data. */
    reply->parts[reply->count++] = (struct iovec){(char *)data, size};
}

/* Begins a new message; the first one begins with the head. */
static void begin_message(struct reply *reply)
{
    reply->next = reply->parts;
    reply->count = 0;
    if (reply->head_sent)
        return;
    add_part(reply, reply->head, reply->head_size);
    reply->tail_size =
        response_write_tail(&reply->response, reply->own_length, time(NULL), reply->tail);
    add_part(reply, reply->tail, reply->tail_size);
    reply->head_sent = true;
}

uint64_t reply_room(const struct reply *reply)
{
    const struct response *response = &reply->response;

    if (!response_allows_content(response))
        return 0;
    return response->has_content_length ? response->content_length - reply->content : UINT64_MAX;
}

/* Decides the framing before the first content, and how many of `size` more bytes fit into it. */
static int admit_content(struct reply *reply, uint64_t size, uint64_t *ret_fitting)
{
    const struct response *response = &reply->response;

    if (!reply->head_sent) {
        response_decide_framing(&reply->response);
        if (!conn_claim_response(reply->conn, response->status))
            return -ECANCELED;
    }
    if (response->framing == RESPONSE_LENGTH && size > reply_room(reply))
        size = reply_room(reply);
    reply->content += size;
    *ret_fitting = size;
    return 0;
}

int reply_put(struct reply *reply, const char *data, size_t size, uint64_t *ret_excess)
{
    uint64_t fitting;
    int r = admit_content(reply, size, &fitting);
    if (r < 0)
        return r;

    *ret_excess = size - fitting;
    size = (size_t)fitting;
    begin_message(reply);
    switch (reply->response.framing) {
    case RESPONSE_NO_CONTENT: break;
    case RESPONSE_CHUNKED:
        add_part(reply, reply->chunk_head, response_write_chunk_head(size, reply->chunk_head));
        add_part(reply, data, size);
        add_part(reply, "\r\n", 2);
        break;
    case RESPONSE_LENGTH:
    case RESPONSE_CLOSE: add_part(reply, data, size); break;
    }
    return 0;
}

int reply_put_file(struct reply *reply, int file, off_t offset, uint64_t size)
{
    int r = admit_content(reply, size, &size);
    if (r < 0)
        return r;

    begin_message(reply);
    if (reply->response.framing == RESPONSE_NO_CONTENT)
        return 0;
    reply->file = file;
    reply->file_offset = offset;
    reply->file_size = size;
    return 0;
}

int reply_put_end(struct reply *reply)
{
    if (!reply->head_sent)
        response_decide_framing(&reply->response);
    if (reply->response.framing == RESPONSE_LENGTH &&
        reply->content < reply->response.content_length)
        return -ENODATA;
    uint64_t nothing;
    int r = admit_content(reply, 0, &nothing);
    if (r < 0)
        return r;

    begin_message(reply);
    if (reply->response.framing == RESPONSE_CHUNKED)
        add_part(reply, RESPONSE_LAST_CHUNK, sizeof(RESPONSE_LAST_CHUNK) - 1);
    reply->complete = true;
    return 0;
}

bool reply_is_full(const struct reply *reply)
{
    return reply->head_sent && reply->response.framing == RESPONSE_LENGTH && reply_room(reply) == 0;
}

bool reply_is_incomplete(const struct reply *reply)
{
    if (!reply->head_sent || reply->complete || reply->response.framing == RESPONSE_NO_CONTENT)
        return false;
    return !reply_is_full(reply);
}

int reply_flush(struct reply *reply)
{
    int r = -reply->error;

    if (r == 0)
        r = conn_send(reply->conn, &reply->next, &reply->count);
    if (r == 0)
        r = conn_send_file(reply->conn, reply->file, &reply->file_offset, &reply->file_size);
    if (r < 0 && r != -EINTR)
        reply->error = -r;
    return r;
}
