/*
 * Group: what the children of one supervisor have to do with one another: they start one after
 * the other, are taken down and started again together, use up one intensity, and may end their
 * supervisor. Pure, as the engine is, of which it is a part: these are the calls between the two
 * files.
 *
 * Used by: engine.c. Uses: engine.h.
 */
#ifndef WARD_SUPERVISOR_GROUP_H
#define WARD_SUPERVISOR_GROUP_H

#include "supervisor/engine.h"

/* ---- of engine.c, for group.c ---- */

void ward__node_enter(struct ward__engine *e, struct ward__node *node,
                      enum ward__node_state state);
/* A new incarnation; after a delay. */
void ward__node_start(struct ward__engine *e, struct ward__node *node);
/* One step further down. */
void ward__node_advance(struct ward__engine *e, struct ward__node *node);
/* It begins no message any more, and goes down to its goal. */
void ward__node_halt(struct ward__engine *e, struct ward__node *node);
/* The end of a node that is on its way down already. */
void ward__node_redirect(struct ward__node *node);
/* Its life is over: it stays as ABSENT, or leaves its parent. */
void ward__node_leave(struct ward__engine *e, struct ward__node *node);
/* It died and is not to come back: its post_stop runs in a fresh process. */
bool ward__node_owes_recovery(const struct ward__node *node);
/* A child failed for good with what it hands up: so does this one. */
void ward__node_fail_for_child(struct ward__engine *e, struct ward__node *node);
/* It is up, by whatever way. */
void ward__node_is_up(struct ward__engine *e, struct ward__node *node);
/* What was to shut down as soon as it is up: it, and what came up with it above, lowest first. */
void ward__node_shut_down_due(struct ward__engine *e, struct ward__node *node);

/* ---- of group.c, for engine.c ---- */

/* The supervisor that a node is a member of, or NULL. */
struct ward__node *ward__group_of(const struct ward__node *node);

/* A restart that counts: in the node's budget and in its supervisor's intensity, or in neither.
 * If both grant it, and others come along, they are on their way down from now on. */
enum ward__goal ward__group_grant(struct ward__engine *e, struct ward__node *node);

/* Is it a member that goes down with its group? Then whatever happens to it belongs to that
 * restart. */
bool ward__group_covers(const struct ward__node *node);
/* Its goal then. */
enum ward__goal ward__group_goal(struct ward__node *node);

/* A member is down: the trigger itself, or one that came along. */
void ward__group_is_down(struct ward__engine *e, struct ward__node *node);
/* The delay of the trigger is over. */
void ward__group_delay_over(struct ward__engine *e, struct ward__node *supervisor);
/* The sequence goes on behind the child that it was starting. */
void ward__group_next(struct ward__engine *e, struct ward__node *supervisor);
/* A child has ended while its supervisor goes on. */
void ward__group_member_over(struct ward__engine *e, struct ward__node *supervisor,
                             struct ward__node *node);
/* Stops the last child of a node that ends, or all at once. True if there is none left. */
bool ward__group_is_emptied(struct ward__engine *e, struct ward__node *node);
/* It leaves its parent's list. */
void ward__group_remove(struct ward__node *node);
/* What it was about is forgotten: it goes down, or starts anew. */
void ward__group_forget(struct ward__node *supervisor);

#endif
