/*
 * Ledger: what became of each message of a network whose processes die at any moment. It lies
 * in memory that host and workers share, made before ward_early, so what a process wrote
 * survives it. Every message has a number; every handler that runs is a transaction. When all
 * is quiet the audit compares what was sent with what was handled and with the dead letters.
 *
 *   sender: ledger_open, the verb, ledger_sent      receiver: ledger_receive
 *   host: ledger_letter, ledger_audit               asker: ledger_answered
 *
 * Used by: test_network.c. Uses: scene.h.
 */
#ifndef WARD_TESTS_STRESS_LEDGER_H
#define WARD_TESTS_STRESS_LEDGER_H

#include <stdatomic.h>

#include "scene.h"

/* Workers, and behind them the host. */
enum { LEDGER_WORKERS = 20, LEDGER_HOST = LEDGER_WORKERS, LEDGER_SLOTS };

enum ledger_kind { LEDGER_TELL, LEDGER_ASK, LEDGER_ASK_THEN };

/* What the audit must know of an actor. */
struct ledger_actor {
    _Atomic uint64_t id, nonce; /* its reference */
    _Atomic uint32_t life;      /* a number for each incarnation */
    _Atomic uint32_t lives;     /* how many there were */
    _Atomic uint32_t beats;     /* signs of progress */
    _Atomic uint32_t deaths;    /* incarnations that did not end in order */
    _Atomic uint32_t ends;      /* ended for good, and another took the place */
    int redeliver;
    bool drops; /* its mailbox does */
};

struct ledger_book {
    _Atomic uint32_t numbers; /* given so far */
    _Atomic uint32_t transactions;
    _Atomic uint32_t lives;
    _Atomic uint32_t violations;
    _Atomic int is_calm; /* nothing new is to be sent */
    int64_t credit;      /* messages that a sender begins with */
    struct ledger_actor actors[LEDGER_SLOTS];
    _Atomic uint32_t last[LEDGER_SLOTS][LEDGER_SLOTS]; /* number, from, to */
};

extern struct ledger_book *ledger;

/* Before ward_early; and before each run. */
void ledger_make(void);
void ledger_clear(void);

/* Who this process is. A worker says so in pre_start. */
void ledger_i_am(int slot);
int ledger_me(void);
ward_ref ledger_ref(int slot);

/* A worker does something that no message and no answer has led to. */
void ledger_step(void);

/* A number for a message, 0: there is none left; and what the verb said. */
uint32_t ledger_open(int to, enum ledger_kind kind);
void ledger_sent(uint32_t number, int result);

/* A handler begins with this message, a callback with this answer. */
void ledger_receive(uint32_t number, unsigned attempt);
void ledger_answered(uint32_t number, int status);

/* The host: a dead letter. */
void ledger_letter(uint32_t number, ward_letter why);

/* All is quiet: prints what there was, and asserts that it adds up. */
void ledger_audit(void);

/* Counted, and said at once. */
void ledger_complain(uint32_t number, const char *what);

#endif
