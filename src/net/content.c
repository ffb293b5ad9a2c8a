#include "net/content.h"

#include <errno.h>

void content_init(struct content *content, struct conn *conn, const struct request *request,
    const struct body_limits *limits, usec_t read_timeout)
{
    *content = (struct content){
        .conn = conn,
        .awaits_continue = request->expects_continue,
        .read_timeout = read_timeout,
    };
    body_init(&content->body, request, limits);
}

static int content_fail(struct content *content, int error, int status, const char *problem)
{
    content->error = error;
    content->status = status;
    content->problem = problem;
    return -error;
}

/* RFC 9110 §10.1.1: omitted if some of the content has arrived, or after the final response. */
void content_send_continue(struct content *content)
{
    if (content->awaits_continue && conn_pending(content->conn).size == 0 &&
        !content->conn->claimed)
        conn_send_interim(content->conn, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    content->awaits_continue = false;
}

static int content_fill(struct content *content)
{
    if (content->deadline == 0)
        content->deadline = deadline_after(content->read_timeout);
    int r = conn_fill(content->conn, content->deadline);
    if (r != -EINTR)
        content->deadline = 0;

    switch (r) {
    case 0:
    case -EINTR: return r;
    case -ENODATA:
    case -EPIPE:
    case -ECONNRESET:
        return content_fail(
            content, ECONNRESET, 0, "the client disconnected before its content was complete");
    case -ETIMEDOUT:
        return content_fail(content, ETIMEDOUT, 408, "the client did not send its content in time");
    case -ECANCELED: return content_fail(content, ECANCELED, 0, "the request has ended");
    default: return content_fail(content, -r, 0, "the connection failed while reading the content");
    }
}

static int decode(struct content *content)
{
    struct slice pending = conn_pending(content->conn);
    size_t used;

    int status = body_decode(&content->body, pending.data, pending.size, &used, &content->piece);
    if (status != 0)
        return content_fail(
            content, status == 400 ? EBADMSG : EFBIG, status, content->body.problem);
    conn_consume(content->conn, used);
    return 0;
}

int content_peek(struct content *content, struct slice *ret_piece)
{
    if (content->error != 0)
        return -content->error;
    while (content->piece.size == 0 && !body_is_done(&content->body)) {
        int r = conn_pending(content->conn).size == 0 ? content_fill(content) : 0;
        if (r == 0)
            r = decode(content);
        if (r != 0)
            return r;
    }
    *ret_piece = content->piece;
    return 0;
}

void content_take(struct content *content, size_t size)
{
    content->piece = slice_after(content->piece, size);
}

bool content_is_received(struct content *content)
{
    while (content->error == 0 && !body_is_done(&content->body) &&
        conn_pending(content->conn).size > 0)
        decode(content);
    return body_is_done(&content->body);
}
