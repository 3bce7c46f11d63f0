/* SPDX-License-Identifier: GPL-2.0 */
/* Search trees, which nobody balances; see kshim.h. */
#ifndef KSHIM_TREE_H
#define KSHIM_TREE_H

struct rb_node {
	struct rb_node *parent, *rb_left, *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

#define RB_ROOT			((struct rb_root){ NULL })
#define rb_entry		container_of
#define rb_insert_color(node, root) ((void)(root))

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	KSHIM_CHECK(!*link);
	*node = (struct rb_node){ .parent = parent };
	*link = node;
}

/* Where the tree points to node. */
static inline struct rb_node **kshim_rb_link(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *parent = node->parent;

	if (!parent)
		return &root->rb_node;
	return parent->rb_left == node ? &parent->rb_left : &parent->rb_right;
}

static inline void kshim_rb_put(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	*link = node;
	if (node)
		node->parent = parent;
}

static inline void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node **link = kshim_rb_link(node, root), *next;

	KSHIM_CHECK(*link == node);
	if (!node->rb_left || !node->rb_right) {
		kshim_rb_put(node->rb_left ?: node->rb_right, node->parent, link);
		return;
	}
	/* the one behind it, which has nothing on its left, comes in its place */
	for (next = node->rb_right; next->rb_left;)
		next = next->rb_left;
	kshim_rb_put(next->rb_right, next->parent, kshim_rb_link(next, root));
	kshim_rb_put(node->rb_left, next, &next->rb_left);
	kshim_rb_put(node->rb_right, next, &next->rb_right);
	kshim_rb_put(next, node->parent, link);
}

#endif /* KSHIM_TREE_H */
