#include "worker/identity.h"

#include "base/printable.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void set_name(struct exchange *exchange)
{
    const struct request *request = exchange->request;

    if (!request->target.data)
        snprintf(exchange->name, sizeof(exchange->name), "a request");
    else
        snprintf(exchange->name, sizeof(exchange->name), "%.*s %.*s", (int)request->method.size,
            request->method.data, (int)request->target.size, request->target.data);
    printable_replace(exchange->name, PRINTABLE_ASCII, '?');
}

static void set_id(struct exchange *exchange, const struct trust *trust)
{
    bool is_trusted = peer_is_trusted(&exchange->peer, trust);
    struct slice id = is_trusted ? request_id_find(exchange->request) : (struct slice){0};
    unsigned char random[REQUEST_ID_RANDOM_SIZE];

    if (id.data)
        memcpy(exchange->id, id.data, id.size); /* the rest is zeroed */
    else if (getrandom(random, sizeof(random), 0) == sizeof(random))
        request_id_write(random, exchange->id);
}

void identity_set(struct exchange *exchange, const struct trust *trust)
{
    set_name(exchange);
    set_id(exchange, trust);
}
