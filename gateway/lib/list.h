/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked ring. A list is a `struct list` head; an element embeds a `struct list`
 * node. An unlinked node points at itself, so removing twice is harmless and list_linked() can be
 * asked. Owns no memory.
 */
#ifndef COKO_LIB_LIST_H
#define COKO_LIB_LIST_H

#include <assert.h>
#include <stdbool.h>

#include "gateway/lib/base.h"

struct list {
    struct list *next, *prev;
};

/* A static head. */
#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

/* Head or node: must be called before any other use. */
static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Is this node in some list? */
static inline bool list_linked(const struct list *node)
{
    return node->next != node;
}

static inline void list_insert_before(struct list *at, struct list *node)
{
    assert(at->prev != NULL); /* list_init() was forgotten */
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* First node taken off, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *node = head->next;

    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

/* Move all nodes of `from` to the back of `to`. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* First element or NULL. */
#define list_first(head, type, member)                                                             \
    (list_empty(head) ? NULL : container_of((head)->next, type, member))

#define list_last(head, type, member)                                                              \
    (list_empty(head) ? NULL : container_of((head)->prev, type, member))

/* Walk nodes; the current one must not be removed. */
#define list_for_each(node, head)                                                                  \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/* Walk nodes; the current one may be removed (its neighbour may not). */
#define list_for_each_safe(node, head)                                                             \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

#endif
