// SPDX-License-Identifier: GPL-2.0
/* The list of names and the table of minor numbers; nodes are played here. */
#include "../registry.c"

#include "suites.h"

static int nodes;		/* that there are */
static int node_error;		/* what making one fails with */
static dev_t node_dev;		/* of the last one made */

int schm_node_init(void)
{
	return 0;
}

void schm_node_exit(void)
{
}

/* An opener may come before this returns, and must find the scheme. */
struct schm_node *schm_node_add(struct schm_scheme *s, dev_t devt)
{
	if (node_error || xa_load(&minors, MINOR(devt)) != s)
		return ERR_PTR(node_error ?: -EUCLEAN);
	nodes++;
	node_dev = devt;
	return (struct schm_node *)s;
}

void schm_node_del(struct schm_node *node)
{
	nodes--;
}

static int registry_init(struct kunit *test)
{
	nodes = 0;
	node_error = 0;
	minor_next = 0;
	return 0;
}

static void registry_exit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, nodes, 0);
	KUNIT_EXPECT_TRUE(test, schm_registry_empty());
	KUNIT_EXPECT_TRUE(test, list_empty(&names));
}

static struct schm_scheme *add(struct kunit *test, const char *name)
{
	struct schm_scheme *s = schm_world_scheme(test, name);

	KUNIT_ASSERT_EQ(test, schm_registry_add(s), 0);
	return s;
}

static void del(struct schm_scheme *s)
{
	schm_registry_del(s);
	schm_scheme_put(s);
}

static void S1_scheme_is_found_by_name_and_by_number(struct kunit *test)
{
	struct schm_scheme *a = add(test, "a"), *b = add(test, "b"), *s;

	KUNIT_EXPECT_EQ(test, nodes, 2);
	KUNIT_EXPECT_EQ(test, MINOR(node_dev), (u32)b->minor);
	KUNIT_EXPECT_NE(test, a->minor, b->minor);
	s = schm_registry_find_name("a");
	KUNIT_EXPECT_PTR_EQ(test, s, a);
	/* ours, the registry's, and the one just found */
	KUNIT_EXPECT_EQ(test, kref_read(&a->ref), 3);
	schm_scheme_put(s);
	s = schm_registry_find_minor(b->minor);
	KUNIT_EXPECT_PTR_EQ(test, s, b);
	KUNIT_EXPECT_EQ(test, kref_read(&b->ref), 3);
	schm_scheme_put(s);
	KUNIT_EXPECT_NULL(test, schm_registry_find_name("c"));
	KUNIT_EXPECT_NULL(test, schm_registry_find_name(""));
	KUNIT_EXPECT_NULL(test, schm_registry_find_name("ab"));
	KUNIT_EXPECT_NULL(test, schm_registry_find_minor(b->minor + 1));
	KUNIT_EXPECT_NULL(test, schm_registry_find_minor(U32_MAX));
	del(a);
	del(b);
}

static void S1_taken_name_is_eexist(struct kunit *test)
{
	struct schm_scheme *a = add(test, "a"), *s = schm_world_scheme(test, "a");

	KUNIT_EXPECT_EQ(test, schm_registry_add(s), -EEXIST);
	/* the registry keeps nothing of it, its number neither */
	KUNIT_EXPECT_EQ(test, kref_read(&s->ref), 1);
	KUNIT_EXPECT_EQ(test, nodes, 1);
	KUNIT_EXPECT_NULL(test, schm_registry_find_minor(a->minor + 1));
	schm_scheme_put(s);
	del(a);
}

static void S3_removed_scheme_is_not_found_and_its_name_is_free(struct kunit *test)
{
	struct schm_scheme *a = add(test, "a"), *b;
	int minor = a->minor;

	schm_registry_del(a);
	KUNIT_EXPECT_EQ(test, kref_read(&a->ref), 1);
	KUNIT_EXPECT_NULL(test, schm_registry_find_name("a"));
	KUNIT_EXPECT_NULL(test, schm_registry_find_minor(minor));
	b = add(test, "a");
	/* a stale node must not lead to the successor */
	KUNIT_EXPECT_NE(test, b->minor, minor);
	schm_scheme_put(a);
	del(b);
}

static void S3_scheme_on_its_last_reference_is_not_found(struct kunit *test)
{
	struct schm_scheme *a = add(test, "a");

	/* as a reader may see it between the last put and the freeing */
	refcount_set(&a->ref.refcount, 0);
	KUNIT_EXPECT_NULL(test, schm_registry_find_minor(a->minor));
	refcount_set(&a->ref.refcount, 2);
	del(a);
}

static void S1_node_that_cannot_be_made_leaves_nothing(struct kunit *test)
{
	struct schm_scheme *a = schm_world_scheme(test, "a");

	node_error = -ENOMEM;
	KUNIT_EXPECT_EQ(test, schm_registry_add(a), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kref_read(&a->ref), 1);
	KUNIT_EXPECT_NULL(test, schm_registry_find_name("a"));
	KUNIT_EXPECT_TRUE(test, schm_registry_empty());
	node_error = 0;
	KUNIT_EXPECT_EQ(test, schm_registry_add(a), 0);
	del(a);
}

/* A scheme for each number would be many pages: the numbers alone will do. */
static void S1_table_of_numbers_fills_up_and_wraps(struct kunit *test)
{
	struct schm_scheme *a = add(test, "a"), *b = schm_world_scheme(test, "b");
	u32 i;

	KUNIT_EXPECT_EQ(test, a->minor, 0);
	for (i = 1; i < SCHM_SCHEMES_MAX; i++)
		xa_store(&minors, i, a, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, schm_registry_add(b), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kref_read(&b->ref), 1);

	/* the greatest number is the next free one, and then the least */
	xa_erase(&minors, SCHM_SCHEMES_MAX - 1);
	KUNIT_EXPECT_EQ(test, schm_registry_add(b), 0);
	KUNIT_EXPECT_EQ(test, b->minor, SCHM_SCHEMES_MAX - 1);
	xa_erase(&minors, 5);
	schm_registry_del(b);
	KUNIT_EXPECT_EQ(test, schm_registry_add(b), 0);
	KUNIT_EXPECT_EQ(test, b->minor, 5);
	for (i = 1; i < SCHM_SCHEMES_MAX; i++)
		if (i != 5)
			xa_erase(&minors, i);
	del(b);
	del(a);
}

static unsigned int visited;

static void visit(struct schm_scheme *s)
{
	visited = visited * 10 + s->config.name[0] - '0';
	/* it may be taken out while it is looked at */
	if (s->config.name[0] == '2')
		schm_registry_del(s);
}

static void S2_each_scheme_is_visited_once(struct kunit *test)
{
	struct schm_scheme *s[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s); i++) {
		char name[] = { '1' + i, 0 };

		s[i] = add(test, name);
	}
	visited = 0;
	schm_registry_for_each(visit);
	KUNIT_EXPECT_EQ(test, visited, 1234);
	visited = 0;
	schm_registry_for_each(visit);
	KUNIT_EXPECT_EQ(test, visited, 134);
	schm_scheme_put(s[1]);
	del(s[0]);
	del(s[2]);
	del(s[3]);
	schm_registry_for_each(visit);
	KUNIT_EXPECT_EQ(test, visited, 134);
}

static struct kunit_case registry_cases[] = {
	KUNIT_CASE(S1_scheme_is_found_by_name_and_by_number),
	KUNIT_CASE(S1_taken_name_is_eexist),
	KUNIT_CASE(S3_removed_scheme_is_not_found_and_its_name_is_free),
	KUNIT_CASE(S3_scheme_on_its_last_reference_is_not_found),
	KUNIT_CASE(S1_node_that_cannot_be_made_leaves_nothing),
	KUNIT_CASE(S1_table_of_numbers_fills_up_and_wraps),
	KUNIT_CASE(S2_each_scheme_is_visited_once),
	{}
};

struct kunit_suite schm_registry_suite = {
	.name = "schm_registry",
	.init = registry_init,
	.exit = registry_exit,
	.test_cases = registry_cases,
};
