#pragma once

/* The values of all options. options/parse.h sets them from the command line. Strings are borrowed
 * from there. */

#include "base/deadline.h"
#include "proxy/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the app is imported. */
enum options_import {
    IMPORT_SERVER, /* once; workers are forked from there */
    IMPORT_WORKER, /* in each worker */
};

/* Where a record of each request goes. */
enum options_access_log {
    ACCESS_LOG_JOURNAL, /* to the journal; without a journal, as text to standard error */
    ACCESS_LOG_STDERR,
    ACCESS_LOG_NONE,
};

/* Microseconds; 0: none (linger: do not linger; idle: never exit). wsgi-once(8) states what each
 * bounds. */
struct timeouts {
    usec_t head;
    usec_t read;
    usec_t write;
    usec_t request;
    usec_t linger;
    usec_t import;
    usec_t idle;
    usec_t stop;
    usec_t leftover;
};

/* Limits of a worker; 0: no limit. */
struct resource_limits {
    usec_t cpu;      /* microseconds of processor time */
    uint64_t memory; /* bytes */
    uint64_t files;
    uint64_t processes;
};

struct options {
    const char *application; /* module:callable, module:factory() or a file */
    const char *directory;
    const char **python_path; /* on the heap; `python_paths` directories, in the order given */
    size_t python_paths;
    const char *venv;
    const char *image; /* start from this image, or NULL */
    usec_t image_max_age;
    const char *freeze; /* write an image to this file, and do nothing else; or NULL */
    const char *mount;  /* "" or "/prefix", without a slash at the end */

    /* Limits of a request: bytes; max_fields is a number. */
    uint64_t max_request_line;
    uint64_t max_field_section;
    uint64_t max_fields;
    uint64_t max_content;

    struct timeouts timeouts;

    /* The server. */
    bool single; /* no server: serve one connection */
    uint64_t spare;
    uint64_t max_workers;
    enum options_import import;
    const char *warm_up; /* "/path" or "http://host/path", or NULL */
    bool reload;

    enum options_access_log access_log;
    struct trust trust;  /* the patterns are on the heap */
    bool proxy_protocol; /* connections from trusted proxies begin with a PROXY protocol header */

    struct resource_limits limits;
};

enum options_action {
    OPTIONS_SERVE,
    OPTIONS_CHECK, /* takes the same options and application as OPTIONS_SERVE */
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

/* Frees what options_parse allocated. Zeroed options are allowed. */
void options_done(struct options *options);
