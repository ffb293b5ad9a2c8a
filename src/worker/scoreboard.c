#include "worker/scoreboard.h"

#include "base/printable.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static size_t kept_size(size_t size)
{
    return sizeof(struct scoreboard_totals) + size * sizeof(struct slot);
}

static void *map_shared(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int scoreboard_init(struct scoreboard *board, size_t size)
{
    void *kept = map_shared(kept_size(size)), *reports = map_shared(size * sizeof(struct report));

    if (kept == MAP_FAILED || reports == MAP_FAILED)
        return -errno;
    board->size = size;
    board->totals = kept;
    board->slots = (struct slot *)(board->totals + 1);
    board->reports = reports;
    return 0;
}

void scoreboard_done(struct scoreboard *board)
{
    if (board->totals) {
        munmap(board->totals, kept_size(board->size));
        munmap(board->reports, board->size * sizeof(struct report));
    }
    *board = (struct scoreboard){0};
}

void scoreboard_shield(const struct scoreboard *board, bool shielded)
{
    mprotect(board->totals, kept_size(board->size), shielded ? PROT_NONE : PROT_READ | PROT_WRITE);
}

void scoreboard_unmap_slots(const struct scoreboard *board)
{
    munmap(board->totals, kept_size(board->size));
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
        memset(&board->reports[i], 0, sizeof(board->reports[i]));
        return slot;
    }
    return NULL;
}

struct slot *scoreboard_find(const struct scoreboard *board, pid_t pid)
{
    for (size_t i = 0; i < board->size; i++)
        if (board->slots[i].pid == pid && board->slots[i].state != SLOT_FREE)
            return &board->slots[i];
    return NULL;
}

struct report *scoreboard_report(const struct scoreboard *board, const struct slot *slot)
{
    return &board->reports[slot - board->slots];
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
    slot->generation = 0; /* or whoever takes it next could be swept by that number */
    slot->overdue = slot->killed = false;
    __atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_SEQ_CST);
}

/* ---- reports -------------------------------------------------------------------------------- */

void report_set_request(
    struct report *report, const char *request, const char *id, const struct address *client)
{
    report->client = *client;
    strncpy(report->request_id, id, sizeof(report->request_id) - 1);
    strncpy(report->request, request, sizeof(report->request) - 1);
}

/* Copies a text that may be anything. */
static void copy_text(char *to, const char *from, size_t size)
{
    memcpy(to, from, size - 1);
    to[size - 1] = '\0';
    printable_replace(to, PRINTABLE_ASCII, '?');
}

const char *report_request(const struct report *report, char buffer[SLOT_REQUEST_SIZE])
{
    copy_text(buffer, report->request, SLOT_REQUEST_SIZE);
    return buffer[0] ? buffer : "a request";
}

const char *report_request_id(const struct report *report, char buffer[REQUEST_ID_SIZE])
{
    copy_text(buffer, report->request_id, REQUEST_ID_SIZE);
    return buffer;
}

void report_client(const struct report *report, struct address *ret_client)
{
    ret_client->family = report->client.family;
    copy_text(ret_client->host, report->client.host, sizeof(ret_client->host));
    copy_text(ret_client->port, report->client.port, sizeof(ret_client->port));
}

unsigned report_status(const struct report *report)
{
    unsigned status = report->status;

    return status >= 100 && status <= 599 ? status : 0;
}
