#include "scoreboard.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static size_t total_size(size_t size)
{
    return sizeof(struct scoreboard_totals) + size * sizeof(struct slot);
}

int scoreboard_init(struct scoreboard *board, size_t size)
{
    void *memory =
        mmap(NULL, total_size(size), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    board->totals = memory;
    board->slots = (struct slot *)(board->totals + 1);
    board->size = size;
    return 0;
}

void scoreboard_done(struct scoreboard *board)
{
    if (board->totals)
        munmap(board->totals, total_size(board->size));
    *board = (struct scoreboard){0};
}

bool slot_change(struct slot *slot, enum slot_state from, enum slot_state to)
{
    return __sync_bool_compare_and_swap(&slot->state, (int)from, (int)to);
}

struct slot *scoreboard_take(struct scoreboard *board, unsigned generation)
{
    for (size_t i = 0; i < board->size; i++) {
        struct slot *slot = &board->slots[i];
        if (!slot_change(slot, SLOT_FREE, SLOT_STARTING))
            continue;
        slot->generation = generation;
        slot->since = deadline_now();
        return slot;
    }
    return NULL;
}

struct slot *scoreboard_find(struct scoreboard *board, pid_t pid)
{
    for (size_t i = 0; i < board->size; i++)
        if (board->slots[i].pid == pid && board->slots[i].state != SLOT_FREE)
            return &board->slots[i];
    return NULL;
}

size_t scoreboard_count(const struct scoreboard *board, enum slot_state first, enum slot_state last,
    unsigned generation)
{
    size_t count = 0;

    for (size_t i = 0; i < board->size; i++) {
        const struct slot *slot = &board->slots[i];
        int state = slot->state;
        if (state >= (int)first && state <= (int)last &&
            (generation == 0 || slot->generation == generation))
            count++;
    }
    return count;
}

void scoreboard_begin(struct scoreboard *board, struct slot *slot)
{
    slot->since = board->totals->last_request = deadline_now();
    slot->state = SLOT_RUNNING;
}

void scoreboard_release(struct slot *slot)
{
    slot->pid = 0;
    slot->overdue = slot->doomed = false;
    memset(slot->request, 0, sizeof(slot->request));
    memset(slot->request_id, 0, sizeof(slot->request_id));
    slot->client = (struct address){0};
    slot->recorded = slot->exited = false;
    slot->status = 0;
    __atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_SEQ_CST);
}

void slot_name(struct slot *slot, const char *request, const char *id, const struct address *client)
{
    slot->client = *client;
    strncpy(slot->request_id, id, sizeof(slot->request_id) - 1);
    strncpy(slot->request, request, sizeof(slot->request) - 1);
}

/* Copies a text that may be anything. */
static void copy_text(char *to, const char *from, size_t size)
{
    memcpy(to, from, size - 1);
    to[size - 1] = '\0';
    for (char *c = to; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

const char *slot_request(const struct slot *slot, char buffer[SLOT_REQUEST_SIZE])
{
    copy_text(buffer, slot->request, SLOT_REQUEST_SIZE);
    return buffer[0] ? buffer : "a request";
}

const char *slot_request_id(const struct slot *slot, char buffer[REQUEST_ID_SIZE])
{
    copy_text(buffer, slot->request_id, REQUEST_ID_SIZE);
    return buffer;
}

void slot_client(const struct slot *slot, struct address *ret_client)
{
    ret_client->family = slot->client.family;
    copy_text(ret_client->host, slot->client.host, sizeof(ret_client->host));
    copy_text(ret_client->port, slot->client.port, sizeof(ret_client->port));
}
