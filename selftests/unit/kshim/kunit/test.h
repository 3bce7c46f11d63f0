/* SPDX-License-Identifier: GPL-2.0 */
/* As much of KUnit as the tests of module/selftest use; see ../kshim.h. */
#ifndef KSHIM_KUNIT_TEST_H
#define KSHIM_KUNIT_TEST_H

struct kunit {
	void		*priv;
	bool		failed;
	struct kunit_memory *memory;	/* freed when the case has ended */
};

struct kunit_case {
	void		(*run_case)(struct kunit *test);
	const char	*name;
};

struct kunit_suite {
	const char	*name;
	int		(*suite_init)(struct kunit_suite *suite);
	void		(*suite_exit)(struct kunit_suite *suite);
	int		(*init)(struct kunit *test);
	void		(*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(function)	{ .run_case = function, .name = #function }

/* The program's one list of suites, which kshim.c runs. */
extern struct kunit_suite *const kunit_suites[];
#define kunit_test_suites(...) \
	struct kunit_suite *const kunit_suites[] = { __VA_ARGS__, NULL }

void *kunit_kzalloc(struct kunit *test, size_t size, gfp_t gfp);

/* Says what is wrong and where; abort leaves the case at once. */
__attribute__((format(printf, 5, 6)))
void kunit_fail(struct kunit *test, bool abort, const char *file, int line,
		const char *format, ...);

#define kunit_check(test, abort, cond, ...)				\
do {									\
	if (!(cond))							\
		kunit_fail(test, abort, __FILE__, __LINE__, __VA_ARGS__); \
} while (0)

#define kunit_compare(test, abort, left, op, right)			\
do {									\
	typeof(left) kunit_l = (left);					\
	typeof(right) kunit_r = (right);				\
	kunit_check(test, abort, kunit_l op kunit_r,			\
		    "%s %s %s: %lld and %lld", #left, #op, #right,	\
		    (long long)kunit_l, (long long)kunit_r);		\
} while (0)

#define KUNIT_FAIL(test, ...)	kunit_check(test, false, false, __VA_ARGS__)
#define KUNIT_EXPECT_TRUE(test, x)  kunit_check(test, false, x, "%s is false", #x)
#define KUNIT_EXPECT_FALSE(test, x) kunit_check(test, false, !(x), "%s is true", #x)
#define KUNIT_EXPECT_EQ(test, l, r) kunit_compare(test, false, l, ==, r)
#define KUNIT_EXPECT_NE(test, l, r) kunit_compare(test, false, l, !=, r)
#define KUNIT_EXPECT_LT(test, l, r) kunit_compare(test, false, l, <, r)
#define KUNIT_EXPECT_LE(test, l, r) kunit_compare(test, false, l, <=, r)
#define KUNIT_EXPECT_GE(test, l, r) kunit_compare(test, false, l, >=, r)
#define KUNIT_EXPECT_PTR_EQ(test, l, r) \
	kunit_check(test, false, (l) == (r), "%s is not %s", #l, #r)
#define KUNIT_EXPECT_NULL(test, p) KUNIT_EXPECT_PTR_EQ(test, p, NULL)
#define KUNIT_EXPECT_STREQ(test, l, r) \
	kunit_check(test, false, !strcmp(l, r), "\"%s\" is not \"%s\"", l, r)
#define KUNIT_ASSERT_TRUE(test, x)  kunit_check(test, true, x, "%s is false", #x)
#define KUNIT_ASSERT_EQ(test, l, r) kunit_compare(test, true, l, ==, r)
#define KUNIT_ASSERT_GT(test, l, r) kunit_compare(test, true, l, >, r)
#define KUNIT_ASSERT_NOT_ERR_OR_NULL(test, p) \
	kunit_check(test, true, (p) && !IS_ERR(p), "%s is no pointer", #p)

#endif /* KSHIM_KUNIT_TEST_H */
