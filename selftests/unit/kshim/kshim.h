/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel as the module's pure parts use, for user space, one
 * thread and unit tests. Included before everything else; the kernel's headers
 * are empty files then (see ../../Makefile), except those of its interface.
 *
 * What it checks in the kernel's stead: locks are held where they must be, are
 * not taken twice and not held across what may sleep; counts of references do
 * not come back from zero; what may only wait for others never does. A breach
 * ends the program. Memory is the sanitizers' business.
 */
#ifndef KSHIM_H
#define KSHIM_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/types.h>

#define KSHIM_CHECK(cond) \
	((cond) ? (void)0 : kshim_breach(__FILE__, __LINE__, #cond))

__attribute__((noreturn))
void kshim_breach(const char *file, int line, const char *what);

/* ---- types and arithmetic ------------------------------------------------ */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef __u64 u64;
typedef __s64 s64;
typedef unsigned short umode_t;
typedef unsigned int fmode_t;
typedef unsigned int gfp_t;

#define __force
#define __user
#define __acquires(lock)
#define __releases(lock)
#define U32_MAX		UINT32_MAX
#define U64_MAX		UINT64_MAX
#define S64_MIN		INT64_MIN
#define S64_MAX		INT64_MAX
#define SZ_4K		0x1000
#define SZ_32K		0x8000
#define SZ_128K		0x20000
#define SZ_1M		0x100000
#define SZ_32M		0x2000000
#define SZ_64M		0x4000000
#define SZ_256M		0x10000000
#define SZ_1G		0x40000000
#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define SMP_CACHE_BYTES	64
#define NSEC_PER_USEC	1000L
#define NSEC_PER_SEC	1000000000L
#define MAX_LFS_FILESIZE	S64_MAX
#define S_IALLUGO	07777
#define ERESTARTSYS	512
#define EIOCBQUEUED	529

#define unlikely(x)	__builtin_expect(!!(x), 0)
#define static_assert(cond, ...) _Static_assert(cond, #cond)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ALIGN(x, a)	(((x) + (a) - 1) & ~((typeof(x))(a) - 1))
#define PAGE_ALIGN(x)	ALIGN((size_t)(x), PAGE_SIZE)
#define IS_ALIGNED(x, a) (((x) & ((typeof(x))(a) - 1)) == 0)
#define is_power_of_2(n) ((n) != 0 && ((n) & ((n) - 1)) == 0)
#define fallthrough	__attribute__((__fallthrough__))
#define DIV64_U64_ROUND_UP(a, b) (((a) + (b) - 1) / (b))
static inline unsigned long rounddown_pow_of_two(unsigned long n)
{
	return 1UL << (63 - __builtin_clzl(n));
}

static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return n > 1 ? 2 * rounddown_pow_of_two(n - 1) : 1;
}

#define min_t(type, a, b) ({ type min_a = (a), min_b = (b); min_a < min_b ? min_a : min_b; })
#define max_t(type, a, b) ({ type max_a = (a), max_b = (b); max_a > max_b ? max_a : max_b; })
#define min(a, b)	min_t(typeof(a), a, b)
#define max(a, b)	max_t(typeof(a), a, b)
#define swap(a, b)	do { typeof(a) tmp = (a); (a) = (b); (b) = tmp; } while (0)
#define struct_size(p, member, n) (sizeof(*(p)) + sizeof(*(p)->member) * (n))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define ERR_PTR(err)	((void *)(long)(err))
#define PTR_ERR(ptr)	((long)(ptr))
#define ERR_CAST(ptr)	((void *)(ptr))
#define IS_ERR(ptr)	((unsigned long)(ptr) >= (unsigned long)-4095)

#define WARN_ON_ONCE(cond) KSHIM_CHECK(!(cond))

static inline bool strstarts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static inline void strscpy(char *to, const char *from, size_t size)
{
	while (--size && (*to = *from)) {
		to++;
		from++;
	}
	*to = 0;
}

static inline void *memchr_inv(const void *at, int c, size_t size)
{
	const u8 *p = at;

	for (; size--; p++)
		if (*p != (u8)c)
			return (void *)p;
	return NULL;
}

/* ---- memory order: there is one thread ----------------------------------- */

#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile typeof(x) *)&(x) = (v))
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define smp_mb()		barrier()
#define barrier()		__asm__ volatile("" ::: "memory")
#define cpu_relax()		barrier()

/* ---- locks --------------------------------------------------------------- */

typedef struct {
	bool held;
} spinlock_t;

struct mutex {
	bool held;
};

/* Spinlocks held and RCU sections entered: nothing may sleep. */
extern int kshim_atomic;

#define might_sleep()		KSHIM_CHECK(!kshim_atomic)
#define cond_resched()		might_sleep()
#define DEFINE_SPINLOCK(name)	spinlock_t name
#define DEFINE_MUTEX(name)	struct mutex name
#define MAX_LOCKDEP_SUBCLASSES	8
#define spin_lock_nested(lock, subclass) ((void)(subclass), spin_lock(lock))
#define lockdep_assert_held(lock) KSHIM_CHECK((lock)->held)

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->held = false;
}

static inline void spin_lock(spinlock_t *lock)
{
	KSHIM_CHECK(!lock->held);
	lock->held = true;
	kshim_atomic++;
}

static inline bool spin_trylock(spinlock_t *lock)
{
	if (lock->held)
		return false;
	spin_lock(lock);
	return true;
}

static inline void spin_unlock(spinlock_t *lock)
{
	KSHIM_CHECK(lock->held);
	lock->held = false;
	kshim_atomic--;
}

static inline void mutex_lock(struct mutex *lock)
{
	might_sleep();
	KSHIM_CHECK(!lock->held);
	lock->held = true;
}

static inline void mutex_unlock(struct mutex *lock)
{
	KSHIM_CHECK(lock->held);
	lock->held = false;
}

static inline void rcu_read_lock(void)
{
	kshim_atomic++;
}

static inline void rcu_read_unlock(void)
{
	KSHIM_CHECK(kshim_atomic > 0);
	kshim_atomic--;
}

/* ---- counts -------------------------------------------------------------- */

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long long counter;
} atomic64_t;

#define atomic_read(v)		((v)->counter)
#define atomic64_read(v)	((v)->counter)
#define atomic_set(v, n)	((void)((v)->counter = (n)))
#define atomic_inc_return(v)	(++(v)->counter)
#define atomic_inc(v)		((void)(v)->counter++)
#define atomic_dec(v)		((void)(v)->counter--)
#define atomic_add(i, v)	((void)((v)->counter += (i)))
#define atomic_sub(i, v)	((void)((v)->counter -= (i)))

static inline bool atomic_try_cmpxchg(atomic_t *v, int *old, int new)
{
	if (v->counter != *old) {
		*old = v->counter;
		return false;
	}
	v->counter = new;
	return true;
}

typedef struct {
	int count;
} refcount_t;

#define refcount_set(r, n)	((void)((r)->count = (n)))
#define refcount_read(r)	((r)->count)

static inline void refcount_inc(refcount_t *r)
{
	KSHIM_CHECK(r->count > 0);
	r->count++;
}

static inline bool refcount_inc_not_zero(refcount_t *r)
{
	if (!r->count)
		return false;
	r->count++;
	return true;
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	KSHIM_CHECK(r->count > 0);
	return !--r->count;
}

struct kref {
	refcount_t refcount;
};

#define kref_init(k)		refcount_set(&(k)->refcount, 1)
#define kref_get(k)		refcount_inc(&(k)->refcount)
#define kref_read(k)		refcount_read(&(k)->refcount)

static inline bool kref_get_unless_zero(struct kref *k)
{
	if (!k->refcount.count)
		return false;
	kref_get(k);
	return true;
}

static inline void kref_put(struct kref *k, void (*release)(struct kref *k))
{
	if (refcount_dec_and_test(&k->refcount))
		release(k);
}

#include "list.h"
#include "tree.h"

/* ---- memory -------------------------------------------------------------- */

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define __GFP_ZERO		0
#define __GFP_NOWARN		0
#define SLAB_ACCOUNT		0
#define VM_MAP			0
#define PAGE_KERNEL		0
#define VM_SHARED		1UL
#define VM_EXEC			2UL
#define VM_MAYEXEC		4UL
#define VM_DONTCOPY		8UL
#define VM_DONTEXPAND		16UL
#define VM_DONTDUMP		32UL

struct kmem_cache {
	size_t size;
};

struct page {
	char nothing;
};

struct vm_area_struct {
	unsigned long vm_start, vm_end, vm_pgoff, vm_flags;
};

struct rcu_head {
	int unused;
};

static inline void *kshim_alloc(size_t n, size_t size)
{
	might_sleep();
	return calloc(n, size);
}

#define kzalloc(size, gfp)		kshim_alloc(1, size)
#define kcalloc(n, size, gfp)		kshim_alloc(n, size)
#define kvcalloc(n, size, gfp)		kshim_alloc(n, size)
#define kfree(p)			free(p)
#define kvfree(p)			free(p)
#define kfree_rcu(p, member)		free(p)
#define kmem_cache_create(name, size, align, flags, ctor) kshim_cache(size)
#define KMEM_CACHE(type, flags)		kshim_cache(sizeof(struct type))
#define kmem_cache_destroy(cache)	free(cache)
#define kmem_cache_zalloc(cache, gfp)	kshim_alloc(1, (cache)->size)
#define kmem_cache_free(cache, p)	free(p)
#define alloc_page(gfp)			((struct page *)kshim_alloc(1, 1))
#define __free_page(page)		free(page)
/* The pages themselves are never looked at. */
#define vmap(pages, nr, flags, prot)	kshim_alloc(nr, PAGE_SIZE)
#define vunmap(mem)			free(mem)
#define vma_pages(vma)		(((vma)->vm_end - (vma)->vm_start) >> PAGE_SHIFT)

static inline struct kmem_cache *kshim_cache(size_t size)
{
	struct kmem_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->size = size;
	return cache;
}

static inline int vm_insert_pages(struct vm_area_struct *vma, unsigned long at,
				  struct page **pages, unsigned long *nr)
{
	KSHIM_CHECK(at == vma->vm_start && *nr == vma_pages(vma));
	while (*nr)
		KSHIM_CHECK(pages[--*nr]);
	return 0;
}

#include "task.h"
#include "file.h"

/* ---- what the registry needs to be compiled ------------------------------ */

struct cdev {
	void *owner;
};

#define MINORBITS		20
#define MKDEV(major, minor)	((dev_t)(major) << MINORBITS | (minor))
#define MAJOR(dev)		((unsigned int)((dev) >> MINORBITS))
#define MINOR(dev)		((unsigned int)((dev) & ((1U << MINORBITS) - 1)))
#define alloc_chrdev_region(dev, first, nr, name) (*(dev) = MKDEV(240, first), 0)
#define unregister_chrdev_region(dev, nr) ((void)(dev))
#define cdev_init(cdev, fops)	((void)(cdev))
#define cdev_add(cdev, dev, nr)	0
#define cdev_del(cdev)		((void)(cdev))

/* ---- module/compat.h: kernels do not differ here ------------------------- */

#define SCHM_COMPAT_H
#define no_notify_signal_save()	0
#define no_notify_signal_restore(flags)	((void)(flags))

static inline void schm_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void schm_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}

#define MODULE_DESCRIPTION(text) static_assert(sizeof(text))
#define MODULE_LICENSE(text)	static_assert(sizeof(text))

/* ---- polling, which no case does ----------------------------------------- */

typedef struct poll_table_struct poll_table;

static inline void poll_wait(struct file *file, wait_queue_head_t *wait, poll_table *table)
{
}

#endif /* KSHIM_H */
