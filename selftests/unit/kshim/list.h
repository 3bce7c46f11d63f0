/* SPDX-License-Identifier: GPL-2.0 */
/* Lists, hash tables and an xarray; see kshim.h. */
#ifndef KSHIM_LIST_H
#define KSHIM_LIST_H

/* ---- lists --------------------------------------------------------------- */

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)
#define INIT_LIST_HEAD(list)	((list)->next = (list)->prev = (list))
#define list_entry		container_of
#define list_empty(list)	((list)->next == (list))
#define list_empty_careful(list) list_empty(list)
#define list_first_entry(list, type, member) list_entry((list)->next, type, member)
#define list_first_entry_or_null(list, type, member) \
	(list_empty(list) ? NULL : list_first_entry(list, type, member))
#define list_for_each_entry(pos, list, member)				\
	for (pos = list_entry((list)->next, typeof(*pos), member);	\
	     &pos->member != (list);					\
	     pos = list_entry(pos->member.next, typeof(*pos), member))
#define list_for_each_entry_safe(pos, n, list, member)			\
	for (pos = list_entry((list)->next, typeof(*pos), member),	\
	     n = list_entry(pos->member.next, typeof(*pos), member);	\
	     &pos->member != (list);					\
	     pos = n, n = list_entry(n->member.next, typeof(*n), member))

static inline void kshim_link(struct list_head *first, struct list_head *last,
			      struct list_head *prev, struct list_head *next)
{
	KSHIM_CHECK(prev->next == next && next->prev == prev);
	first->prev = prev;
	prev->next = first;
	last->next = next;
	next->prev = last;
}

static inline void list_add(struct list_head *entry, struct list_head *list)
{
	kshim_link(entry, entry, list, list->next);
}

static inline void list_add_tail(struct list_head *entry, struct list_head *list)
{
	kshim_link(entry, entry, list->prev, list);
}

static inline void list_del(struct list_head *entry)
{
	KSHIM_CHECK(entry->next->prev == entry && entry->prev->next == entry);
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = entry->prev = NULL;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *list)
{
	list_del(entry);
	list_add_tail(entry, list);
}

static inline void list_move(struct list_head *entry, struct list_head *list)
{
	list_del(entry);
	list_add(entry, list);
}

/* Leaves the source as it was, as the kernel's does. */
static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
	if (!list_empty(from))
		kshim_link(from->next, from->prev, to->prev, to);
}

static inline void list_splice_tail_init(struct list_head *from, struct list_head *to)
{
	list_splice_tail(from, to);
	INIT_LIST_HEAD(from);
}

/* ---- hash tables --------------------------------------------------------- */

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define DECLARE_HASHTABLE(name, bits) struct hlist_head name[1 << (bits)]
#define DEFINE_HASHTABLE(name, bits) DECLARE_HASHTABLE(name, bits)
#define hash_init(table)	memset(table, 0, sizeof(table))
#define hash_empty(table)	(!memchr_inv(table, 0, sizeof(table)))
#define hash_bucket(table, key) \
	(&(table)[(u64)(key) * 0x9e3779b97f4a7c15ULL >> 32 & (ARRAY_SIZE(table) - 1)])
#define hash_add(table, node, key) kshim_hash_add(hash_bucket(table, key), node)
#define kshim_hash_entry(node, type, member) \
	((node) ? container_of(node, type, member) : NULL)
#define kshim_hash_each(pos, head, member)				\
	for (pos = kshim_hash_entry((head)->first, typeof(*pos), member); pos; \
	     pos = kshim_hash_entry(pos->member.next, typeof(*pos), member))
#define hash_for_each_possible(table, pos, member, key) \
	kshim_hash_each(pos, hash_bucket(table, key), member)
#define hash_for_each(table, bucket, pos, member)			\
	for (bucket = 0; bucket < (int)ARRAY_SIZE(table); bucket++)	\
		kshim_hash_each(pos, &(table)[bucket], member)

static inline void kshim_hash_add(struct hlist_head *head, struct hlist_node *node)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (node->next)
		node->next->pprev = &node->next;
	head->first = node;
}

static inline void hash_del(struct hlist_node *node)
{
	KSHIM_CHECK(*node->pprev == node);
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

/* ---- an xarray that allocates numbers ------------------------------------ */

#define KSHIM_XA_SIZE	1024

struct xarray {
	void	*entry[KSHIM_XA_SIZE];
	bool	used[KSHIM_XA_SIZE];
};

struct xa_limit {
	u32 min, max;
};

#define DEFINE_XARRAY_ALLOC(name) struct xarray name
#define XA_LIMIT(lo, hi)	((struct xa_limit){ .min = (lo), .max = (hi) })
#define XA_PRESENT		0

int xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry,
		    struct xa_limit limit, u32 *next, gfp_t gfp);
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
void *xa_load(struct xarray *xa, unsigned long index);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      int filter);
bool xa_empty(const struct xarray *xa);
#define xa_destroy(xa)		memset(xa, 0, sizeof(*(xa)))

#endif /* KSHIM_LIST_H */
