#include "ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 1 << 22 };

enum stage { UNUSED, CALLING, RETURNED };

struct entry {
    _Atomic uint32_t sender;    /* the transaction that sent it; 0: the host */
    _Atomic uint32_t handler;   /* the last one that handled it */
    _Atomic uint32_t life;      /* of the sender */
    _Atomic int result, status; /* of the verb; of the callback */
    _Atomic uint8_t from, to, kind, stage;
    _Atomic uint8_t began, letters, letter, answers;
};

/* What runs in a worker: a handler, or a callback of an ask, which has no message. */
struct transaction {
    _Atomic uint32_t message;
    _Atomic uint32_t is_over; /* the same process began another one */
};

struct ledger_book *ledger;
static struct entry *entries;
static struct transaction *transactions;

static int my_slot = LEDGER_HOST;
static uint32_t my_transaction;
static uint32_t my_life;

/* ---- memory ---- */

static void *
map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    return memory;
}

void
ledger_make(void)
{
    ledger = map(sizeof *ledger);
    entries = map(MOST * sizeof *entries);
    transactions = map(MOST * sizeof *transactions);
}

void
ledger_clear(void)
{
    madvise(ledger, sizeof *ledger, MADV_REMOVE);
    madvise(entries, MOST * sizeof *entries, MADV_REMOVE);
    madvise(transactions, MOST * sizeof *transactions, MADV_REMOVE);
}

void
ledger_complain(uint32_t number, const char *what)
{
    const struct entry *e = &entries[number];

    if (atomic_fetch_add(&ledger->violations, 1) > 20)
        return;
    dprintf(
        STDERR_FILENO,
        "message %u, %d to %d, kind %d: %s (sent by %u, result %d, answers %d, status "
        "%d, begun %d, letters %d, letter %s), handling %u\n",
        number, e->from, e->to, e->kind, what, e->sender, e->result, e->answers,
        e->status, e->began, e->letters,
        ward_letter_name((ward_letter)atomic_load(&e->letter)),
        transactions[e->sender].message);
}

/* ---- who ---- */

static void
begin_transaction(uint32_t message)
{
    uint32_t next = atomic_fetch_add(&ledger->transactions, 1) + 1;

    if (next >= MOST) {
        atomic_store(&ledger->is_calm, 1);
        next = MOST - 1;
    }
    if (my_transaction != 0)
        atomic_store(&transactions[my_transaction].is_over, 1);
    atomic_store(&transactions[next].message, message);
    my_transaction = next;
}

void
ledger_i_am(int slot)
{
    my_slot = slot;
    my_transaction = 0;
    my_life = atomic_fetch_add(&ledger->lives, 1) + 1;
    atomic_store(&ledger->actors[slot].life, my_life);
    atomic_fetch_add(&ledger->actors[slot].lives, 1);
    atomic_fetch_add(&ledger->actors[slot].beats, 1);
    if (slot != LEDGER_HOST)
        begin_transaction(0);
}

void
ledger_step(void)
{
    begin_transaction(0);
}

int
ledger_me(void)
{
    return my_slot;
}

ward_ref
ledger_ref(int slot)
{
    const struct ledger_actor *actor = &ledger->actors[slot];

    return (ward_ref){.id = actor->id, .nonce = actor->nonce};
}

/* ---- sending ---- */

uint32_t
ledger_open(int to, enum ledger_kind kind)
{
    uint32_t number = atomic_fetch_add(&ledger->numbers, 1) + 1;
    struct entry *e;

    if (number >= MOST - 1) {
        atomic_store(&ledger->numbers, MOST - 2);
        atomic_store(&ledger->is_calm, 1);
        return 0;
    }
    e = &entries[number];
    atomic_store(&e->from, (uint8_t)my_slot);
    atomic_store(&e->to, (uint8_t)to);
    atomic_store(&e->kind, (uint8_t)kind);
    atomic_store(&e->sender, my_transaction);
    atomic_store(&e->life, my_life);
    atomic_store(&e->stage, CALLING);
    return number;
}

void
ledger_sent(uint32_t number, int result)
{
    atomic_store(&entries[number].result, result);
    atomic_store(&entries[number].stage, RETURNED);
    atomic_fetch_add(&ledger->actors[my_slot].beats, 1);
}

/* ---- arriving ---- */

void
ledger_receive(uint32_t number, unsigned attempt)
{
    struct entry *e = &entries[number];
    _Atomic uint32_t *last = &ledger->last[e->from][my_slot];

    atomic_fetch_add(&ledger->actors[my_slot].beats, 1);
    if (my_slot != LEDGER_HOST)
        begin_transaction(number);
    if (e->to != my_slot)
        ledger_complain(number, "arrived elsewhere");
    if (atomic_fetch_add(&e->began, 1) > attempt)
        ledger_complain(number, "arrived twice");
    if (number < *last || (number == *last && attempt == 0))
        ledger_complain(number, "overtaken");
    atomic_store(last, number);
    atomic_store(&e->handler, my_transaction);
}

void
ledger_answered(uint32_t number, int status)
{
    atomic_fetch_add(&ledger->actors[my_slot].beats, 1);
    if (my_slot != LEDGER_HOST)
        begin_transaction(0);
    if (atomic_fetch_add(&entries[number].answers, 1) > 0)
        ledger_complain(number, "answered twice");
    atomic_store(&entries[number].status, status);
}

void
ledger_letter(uint32_t number, ward_letter why)
{
    if (atomic_fetch_add(&entries[number].letters, 1) > 0)
        ledger_complain(number, "two dead letters");
    atomic_store(&entries[number].letter, (uint8_t)why);
}

/* ---- the audit ---- */

enum fate { COMMITTED, DIED, UNKNOWN_FATE };

struct audit {
    uint32_t handled, refused, unsent;
    uint32_t letters[16];
    uint32_t taken[LEDGER_SLOTS][LEDGER_SLOTS]; /* from, to */
    uint32_t *missing; /* of each transaction: the first that went nowhere */
};

static bool
has_letter(const struct entry *e, ward_letter why)
{
    return e->letters > 0 && e->letter == why;
}

/* What became of a transaction is told by what became of its message. */
static enum fate
fate_of(uint32_t number)
{
    const struct transaction *t = &transactions[number];
    const struct entry *e = &entries[t->message];

    if (number == 0)
        return COMMITTED;
    if (t->message == 0)
        return t->is_over ? COMMITTED : UNKNOWN_FATE;
    if ((e->letters > 0 && e->letter != WARD_LETTER_UNHANDLED) || e->handler != number)
        return DIED; /* one that is tried again may be dropped meanwhile */
    return COMMITTED;
}

static bool
is_accounted(const struct entry *e)
{
    return e->began > 0 || e->letters > 0;
}

/* Refused to the caller, and a dead letter as well: that is so where an ask was dropped, and
 * where the host tells an actor that is gone. */
static bool
is_told_twice(const struct entry *e)
{
    if (e->result == -WARD_EUNKNOWN)
        return e->from == LEDGER_HOST && has_letter(e, WARD_LETTER_UNKNOWN);
    return e->kind != LEDGER_TELL && e->result == -EAGAIN && e->began == 0 &&
           has_letter(e, WARD_LETTER_MAILBOX_FULL) && ledger->actors[e->to].drops;
}

/*
 * A mailbox that does not drop others' messages may be full of what the dead have sent. Then it
 * need not take what a sender begins a life with, but all that was promised while there was room.
 */
static bool
was_promised(const struct audit *audit, const struct entry *e)
{
    const struct ledger_actor *from = &ledger->actors[e->from];
    const struct ledger_actor *to = &ledger->actors[e->to];
    uint32_t lives = 0;

    for (int i = 0; i < LEDGER_WORKERS; i++)
        lives += ledger->actors[i].lives;
    if (lives == LEDGER_WORKERS)
        return true;
    return from->lives == 1 && to->ends == 0 &&
           audit->taken[e->from][e->to] > ledger->credit;
}

static void
audit_letter(const struct audit *audit, uint32_t number, const struct entry *e)
{
    const struct ledger_actor *to = &ledger->actors[e->to];
    bool was_begun = e->began > 0;

    switch ((ward_letter)atomic_load(&e->letter)) {
    case WARD_LETTER_POISON:
        if (to->deaths == 0)
            ledger_complain(number, "poison of nobody who died");
        return;
    case WARD_LETTER_INTERRUPTED:
        return;
    case WARD_LETTER_UNHANDLED:
        if (!was_begun)
            ledger_complain(number, "not begun, and unhandled");
        return;
    case WARD_LETTER_MAILBOX_FULL:
        if (!to->drops && was_promised(audit, e))
            ledger_complain(number, "dropped by a mailbox that does not drop");
        break;
    case WARD_LETTER_STOPPED:
    case WARD_LETTER_UNKNOWN:
        if (to->ends == 0)
            ledger_complain(number, "nobody had ended");
        break;
    default:
        ledger_complain(number, "an odd dead letter");
    }
    if (was_begun && to->redeliver == 0)
        ledger_complain(number, "begun, and a dead letter");
}

/* An ask that failed: what that says about its message. */
static void
audit_status(uint32_t number, const struct entry *e, int status)
{
    if (status == 0 && e->began == 0)
        ledger_complain(number, "answered, but never begun");
    if ((status == -EAGAIN || status == -WARD_EUNKNOWN) && e->began > 0 &&
        ledger->actors[e->to].redeliver == 0)
        ledger_complain(number, "refused, but begun");
    if (status == -EDEADLK && is_accounted(e))
        ledger_complain(number, "refused, but it arrived");
    if (status == -WARD_ECRASHED && !is_accounted(e))
        ledger_complain(number, "it crashed somebody, but never arrived");
    if (status == -WARD_EUNHANDLED && !has_letter(e, WARD_LETTER_UNHANDLED))
        ledger_complain(number, "unhandled, without a dead letter");
}

static void
audit_ask_then(uint32_t number, const struct entry *e)
{
    if (e->answers == 0 && e->life == ledger->actors[e->from].life)
        ledger_complain(number, "its callback never came");
    if (e->answers == 0)
        return;
    audit_status(number, e, e->status);
    if (e->status == -ETIMEDOUT && !is_accounted(e))
        ledger_complain(number, "timed out, and lost");
}

/* Of a transaction that died a beginning has left, or nothing. */
static void
audit_beginning(struct audit *audit, uint32_t number, const struct entry *e)
{
    uint32_t *missing = &audit->missing[e->sender];

    if (is_accounted(e) && *missing != 0)
        ledger_complain(number, "left, though one before it did not");
    if (!is_accounted(e) && e->kind == LEDGER_TELL && e->stage == RETURNED &&
        e->result == 0 && *missing == 0)
        *missing = number;
    audit->unsent += !is_accounted(e);
}

static void
audit_sent(struct audit *audit, uint32_t number, const struct entry *e)
{
    bool is_blocking = e->kind == LEDGER_ASK;

    if (e->result < 0 && !is_blocking && is_accounted(e) && !is_told_twice(e))
        ledger_complain(number, "refused, but it arrived");
    if (is_blocking)
        audit_status(number, e, e->result);
    if (e->result < 0) {
        audit->refused++;
        return;
    }
    if (fate_of(e->sender) != COMMITTED) {
        audit_beginning(audit, number, e);
        return;
    }
    if (e->kind == LEDGER_TELL && !is_accounted(e))
        ledger_complain(number, "lost");
    if (e->kind == LEDGER_ASK_THEN)
        audit_ask_then(number, e);
}

void
ledger_audit(void)
{
    struct audit audit = {0};
    uint32_t count = ledger->numbers;

    audit.missing = calloc(MOST, sizeof *audit.missing);
    assert_non_null(audit.missing);
    for (uint32_t i = 1; i <= count; i++) {
        const struct entry *e = &entries[i];
        audit.handled += e->began > 0;
        audit.taken[e->from][e->to] += e->result == 0;
        if (e->letters > 0) {
            audit.letters[e->letter]++;
            audit_letter(&audit, i, e);
        }
        if (e->stage == RETURNED)
            audit_sent(&audit, i, e);
        else if (e->stage == CALLING)
            audit_beginning(&audit, i, e);
    }
    free(audit.missing);
    print_message("%u messages: %u handled, %u refused, %u not sent by the dead;", count,
                  audit.handled, audit.refused, audit.unsent);
    for (size_t i = 0; i < sizeof audit.letters / sizeof audit.letters[0]; i++)
        if (audit.letters[i] > 0)
            print_message(" %u %s", audit.letters[i], ward_letter_name((ward_letter)i));
    print_message("\n");
    assert_int_equal(ledger->violations, 0);
}
