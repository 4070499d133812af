/*
 * Credit, at the supervisor: how far each worker may be ahead of each actor that it sends to. A
 * worker begins with the same credit for everybody and sends without asking. What arrives is
 * counted; when half is used up and there is room, more is granted, so a worker whose targets keep
 * up never waits. One that has none left asks (CREDIT), and is refused, or waits, as the mailbox's
 * owner wished; where it waits for an actor that waits for it, it is told so. More than was
 * granted is a breach of the protocol.
 *
 * Nothing is counted against what was granted and not used: a sender that is never heard of again
 * must not keep others out. So a mailbox may be over its bounds by what its senders had in hand.
 *
 * Used by: frames.c, post.c, incarnation.c, ending.c. Uses: mailbox.h, ipc/credit.h.
 */
#ifndef WARD_SUPERVISOR_CREDIT_H
#define WARD_SUPERVISOR_CREDIT_H

#include "ipc/wire.h"
#include "supervisor/incarnation.h"

struct ward__credit;

/* A message to `to` came from `sender`. 0; -WARD_EPROTOCOL: it had no credit; -ENOMEM. */
int ward__credit_spend(struct ward__incarnation *sender, struct ward__actor *to,
                       size_t size);

/* The usual: to the same actor as the one before, within what is promised, and more than half is left. That
 * actor, which takes messages; there is nothing to review. NULL: nothing was done. */
struct ward__actor *ward__credit_spend_again(struct ward__incarnation *sender,
                                             ward_ref to, size_t size);

/* The message is in the mailbox, or refused: is there more to grant? */
void ward__credit_review(struct ward__incarnation *sender, struct ward__actor *to);

/* A message to nobody, or to one that takes none, came from `sender`: it is to forget them. */
void ward__credit_forget(struct ward__incarnation *sender, ward_ref to);

/* A worker has no credit left, and asks. */
void ward__credit_ask(struct ward__incarnation *sender,
                      const struct ward__credit_frame *asked);

/* Is a message of `sender` within what was promised to the senders of a full mailbox? */
bool ward__credit_covers(struct ward__incarnation *sender, struct ward__actor *to);

/* There may be room in a mailbox: those that wait for it get their shares. */
void ward__credits_go_on(struct ward__actor *to);
bool ward__credits_are_owed(const struct ward__actor *to);

/* The worker reads again: what could not be said to it is said. */
void ward__credits_say(struct ward__incarnation *sender);

/* The sender is to stop: it waits for no room. */
void ward__credits_cancel(struct ward__incarnation *sender);

/* The life of a target, or a sender, is over. */
void ward__credits_end_target(struct ward__actor *to);
void ward__credits_end_sender(struct ward__incarnation *sender);

#endif
