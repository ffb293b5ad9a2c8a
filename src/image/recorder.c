#include "image/recorder.h"

#include "image/circumstances.h"
#include "image/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- entries -------------------------------------------------------------------------------- */

void recorder_fail(struct recorder *recorder, int error, const char *format, ...)
{
    va_list arguments;

    if (recorder->failure != 0)
        return;
    recorder->failure = error;
    va_start(arguments, format);
    vsnprintf(recorder->problem.text, sizeof(recorder->problem.text), format, arguments);
    va_end(arguments);
}

/* Positions have 32 bits. */
static bool reserve(struct recorder *recorder, size_t size)
{
    size_t capacity = recorder->capacity > 0 ? recorder->capacity : 65536;

    while (capacity < recorder->size + size && capacity < INT_MAX)
        capacity *= 2;
    if (capacity < recorder->size + size || recorder->failure != 0)
        return false;
    char *data = capacity > recorder->capacity ? realloc(recorder->data, capacity) : recorder->data;
    if (!data)
        return false;
    recorder->data = data;
    recorder->capacity = capacity;
    return true;
}

static void put(struct recorder *recorder, const void *data, size_t size)
{
    memcpy(recorder->data + recorder->size, data, size);
    memset(recorder->data + recorder->size + size, 0, dependencies_pad(size) - size);
    recorder->size += dependencies_pad(size);
}

static void append(struct recorder *recorder, enum dependency_kind kind, const char *text,
    int error, const struct identity *identity)
{
    struct dependencies_entry head = {
        .kind = (uint16_t)kind,
        .error = (uint16_t)error,
        .text_size = (uint32_t)strlen(text) + 1,
    };

    if (!reserve(recorder, sizeof(head) + dependencies_pad(head.text_size) + sizeof(*identity))) {
        recorder_fail(recorder, -ENOMEM, "out of memory");
        return;
    }
    put(recorder, &head, sizeof(head));
    put(recorder, text, head.text_size);
    if (identity)
        put(recorder, identity, sizeof(*identity));
}

/* ---- begin and end -------------------------------------------------------------------------- */

static void append_facts(struct recorder *recorder)
{
    char fact[CIRCUMSTANCES_FACT_SIZE];

    for (size_t i = 0; i < CIRCUMSTANCES_FACTS; i++) {
        circumstances_get_fact(i, fact);
        append(recorder, DEPENDENCY_FACT, fact, 0, NULL);
    }
}

static void append_circumstances(
    struct recorder *recorder, char *const *arguments, char *const *environment)
{
    const char *option;

    while ((option = circumstances_next_option(&arguments)))
        append(recorder, DEPENDENCY_OPTION, option, 0, NULL);
    for (; *environment; environment++)
        if (circumstances_has_variable(*environment))
            append(recorder, DEPENDENCY_VARIABLE, *environment, 0, NULL);
    append_facts(recorder);
}

static uint64_t device_of(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? status.st_dev : 0;
}

void recorder_init(struct recorder *ret, char *const *arguments, char *const *environment)
{
    struct dependencies_head head = {.magic = DEPENDENCIES_MAGIC};

    *ret = (struct recorder){.devices = {device_of("/proc/self/"), device_of("/sys/kernel/")}};
    if (!reserve(ret, sizeof(head))) {
        recorder_fail(ret, -ENOMEM, "out of memory");
        return;
    }
    put(ret, &head, sizeof(head));
    append_circumstances(ret, arguments, environment);
}

void recorder_done(struct recorder *recorder)
{
    free(recorder->data);
    free(recorder->slots);
    free(recorder->own);
    *recorder = (struct recorder){.failure = -EBADF};
}

static const char *find_leftover(const struct recorder *recorder)
{
    struct stat status;

    for (const char *own = recorder->own; own && own < recorder->own + recorder->own_size;
         own += strlen(own) + 1)
        if (lstat(own, &status) == 0)
            return own;
    return NULL;
}

int recorder_finish(
    struct recorder *recorder, struct slice *ret_record, struct problem *ret_problem)
{
    if (recorder->failure != 0)
        return problem_set(ret_problem, recorder->failure, "%s", recorder->problem.text);
    const char *leftover = find_leftover(recorder);
    if (leftover)
        return problem_set(ret_problem, -EEXIST, "%s was left behind", leftover);
    struct dependencies_head head = {.magic = DEPENDENCIES_MAGIC, .size = recorder->size};
    memcpy(recorder->data, &head, sizeof(head));
    *ret_record = (struct slice){recorder->data, recorder->size};
    return 0;
}

/* ---- which paths are known ------------------------------------------------------------------ */

static size_t hash_path(enum dependency_kind kind, const char *path)
{
    uint64_t hash = 0xcbf29ce484222325 ^ kind; /* FNV-1a */

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
    return (size_t)(hash ^ hash >> 32);
}

static bool is_entry(
    const struct recorder *recorder, size_t position, enum dependency_kind kind, const char *path)
{
    struct dependencies_entry head;

    memcpy(&head, recorder->data + position, sizeof(head));
    return head.kind == kind && strcmp(recorder->data + position + sizeof(head), path) == 0;
}

/* The slot of the path, or the free one where it belongs. There is always a free one. */
static uint32_t *find_slot(
    const struct recorder *recorder, enum dependency_kind kind, const char *path)
{
    size_t mask = recorder->slot_count - 1;
    size_t i = hash_path(kind, path) & mask;

    while (recorder->slots[i] != 0 && !is_entry(recorder, recorder->slots[i], kind, path))
        i = (i + 1) & mask;
    return &recorder->slots[i];
}

static void refill(struct recorder *recorder, const uint32_t *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct dependencies_entry head;
        if (slots[i] == 0)
            continue;
        memcpy(&head, recorder->data + slots[i], sizeof(head));
        *find_slot(recorder, head.kind, recorder->data + slots[i] + sizeof(head)) = slots[i];
    }
}

/* Makes room for one more path. */
static bool grow(struct recorder *recorder)
{
    uint32_t *old = recorder->slots;
    size_t old_count = recorder->slot_count, count = old_count > 0 ? 2 * old_count : 4096;

    if (recorder->path_count < old_count / 2)
        return true;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots) {
        recorder_fail(recorder, -ENOMEM, "out of memory");
        return false;
    }
    recorder->slots = slots;
    recorder->slot_count = count;
    refill(recorder, old, old_count);
    free(old);
    return true;
}

static bool is_own(const struct recorder *recorder, const char *path)
{
    for (const char *own = recorder->own; own && own < recorder->own + recorder->own_size;
         own += strlen(own) + 1)
        if (paths_is_below(path, own))
            return true;
    return false;
}

/* ---- identities at rest --------------------------------------------------------------------- */

enum {
    REST = 20,             /* ms: two ticks of the slowest clock, HZ=100 */
    REST_IF_COARSE = 2500, /* for file systems whose times are seconds */
    WAIT_LIMIT = 10000,    /* for all paths */
};

static uint64_t rest_of(const struct identity *identity)
{
    bool is_coarse = identity->changed % 1000000000 == 0 && identity->modified % 1000000000 == 0;

    return (uint64_t)(is_coarse ? REST_IF_COARSE : REST) * 1000000;
}

/* A time in the future is one of which nobody knows when the clock will reach it again. */
static bool is_at_rest(const struct identity *identity)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    return identity->changed < ns && ns - identity->changed > rest_of(identity);
}

static void wait_for_rest(struct recorder *recorder)
{
    const struct timespec pause = {.tv_nsec = 5000000};

    nanosleep(&pause, NULL);
    recorder->waited += 5;
}

static int get_identity(enum dependency_kind kind, const char *path, struct identity *ret)
{
    if (kind == DEPENDENCY_LISTING)
        return identity_get_listing(path, true, ret);
    return identity_get(path, kind == DEPENDENCY_FILE, ret);
}

/* The names in a directory are read after its times. If it was at rest, and nothing has changed
 * after that, both belong together. */
static bool is_consistent_listing(const char *path, const struct identity *identity)
{
    struct identity again, expected = *identity;

    expected.names = 0;
    return identity_get_listing(path, false, &again) == 0 && identity_equal(&again, &expected);
}

static int get_identity_at_rest(
    struct recorder *recorder, enum dependency_kind kind, const char *path, struct identity *ret)
{
    for (;;) {
        int r = get_identity(kind, path, ret);
        if (r < 0 ||
            (is_at_rest(ret) && (kind != DEPENDENCY_LISTING || is_consistent_listing(path, ret))))
            return r;
        if (recorder->waited >= WAIT_LIMIT) {
            recorder_fail(recorder, -EBUSY, "%s changes all the time", path);
            return -EBUSY;
        }
        wait_for_rest(recorder);
    }
}

/* ---- what the import does ------------------------------------------------------------------- */

static bool is_kernels(const struct recorder *recorder, const struct identity *identity)
{
    return identity->device != 0 &&
        (identity->device == recorder->devices[0] || identity->device == recorder->devices[1]);
}

/* Names that are relative to a directory, and the names in it, are recorded below its own path, not
 * below the links that have led there. */
static void record_links(struct recorder *recorder, const char *directory)
{
    char path[PATHS_ROOM], link[PATHS_ROOM];

    snprintf(path, sizeof(path), "%s", directory);
    for (int i = 0; i < PATHS_MAX_LINKS && paths_follow_link(path, link); i++)
        recorder_look(recorder, DEPENDENCY_LINK, link);
}

static void record_look(struct recorder *recorder, enum dependency_kind kind, const char *path)
{
    struct identity identity;
    uint32_t *slot = find_slot(recorder, kind, path);

    if (*slot != 0)
        return;
    int r = get_identity_at_rest(recorder, kind, path, &identity);
    if (r == 0 && is_kernels(recorder, &identity)) {
        if (kind == DEPENDENCY_FILE)
            recorder_look(recorder, DEPENDENCY_LINK, path);
        return;
    }
    *slot = (uint32_t)recorder->size;
    recorder->path_count++;
    append(recorder, kind, path, -r, r == 0 ? &identity : NULL);
    if (r == 0 && S_ISDIR(identity.mode))
        record_links(recorder, path);
}

void recorder_look(struct recorder *recorder, enum dependency_kind kind, const char *path)
{
    if (paths_is_through_process(path))
        recorder_fail(recorder, -EOPNOTSUPP, "what %s is cannot be recorded", path);
    if (recorder->failure != 0 || paths_is_made_up(path) || is_own(recorder, path) ||
        !grow(recorder))
        return;
    record_look(recorder, kind, path);
}

static bool was_looked_at(const struct recorder *recorder, const char *path)
{
    return recorder->slot_count > 0 &&
        (*find_slot(recorder, DEPENDENCY_FILE, path) != 0 ||
            *find_slot(recorder, DEPENDENCY_LINK, path) != 0);
}

static void add_own(struct recorder *recorder, const char *path)
{
    size_t size = strlen(path) + 1;
    char *own = realloc(recorder->own, recorder->own_size + size);

    if (!own) {
        recorder_fail(recorder, -ENOMEM, "out of memory");
        return;
    }
    memcpy(own + recorder->own_size, path, size);
    recorder->own = own;
    recorder->own_size += size;
}

void recorder_create(struct recorder *recorder, const char *path)
{
    struct stat status;

    if (recorder->failure != 0 || paths_is_made_up(path) || is_own(recorder, path) ||
        was_looked_at(recorder, path))
        return;
    bool is_new = lstat(path, &status) < 0 && errno == ENOENT;
    recorder_look(recorder, DEPENDENCY_LINK, path);
    if (is_new)
        add_own(recorder, path);
}

void recorder_write(struct recorder *recorder, const char *path, bool creates)
{
    struct stat status;

    if (!creates && stat(path, &status) < 0)
        recorder_look(recorder, DEPENDENCY_FILE, path);
}
