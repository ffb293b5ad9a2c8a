#pragma once

/* One request and its answer: all that the WSGI side is given of a connection. */

#include "http/request_id.h"
#include "net/content.h"
#include "net/reply.h"
#include "proxy/client.h"
#include "proxy/peer.h"

struct exchange {
    struct conn *conn;
    struct request *request;
    struct peer peer;
    struct client client;
    struct address server;    /* what was connected to */
    char name[256];           /* "METHOD target" for the log, cut when it is long */
    char id[REQUEST_ID_SIZE]; /* for the log and the app; empty when there is none */
    struct slice script_name; /* where the app is mounted: "" or "/prefix" */
    struct slice path_info;   /* the decoded path behind it */
    struct content content;
    struct reply reply;
    size_t own_head_size; /* the head of an answer of the server itself, in bytes */
};
