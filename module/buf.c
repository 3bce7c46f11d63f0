// SPDX-License-Identifier: GPL-2.0
#include "buf.h"

#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/redox_scheme_memory.h>
#include <linux/slab.h>
#include <linux/sort.h>
#ifdef CONFIG_X86
#include <asm/memtype.h>
#include <asm/set_memory.h>
#endif

#include "account.h"
#include "compat.h"
#include "limits.h"
#include "pages.h"

static unsigned int memory_user_mb;
module_param(memory_user_mb, uint, 0644);
MODULE_PARM_DESC(memory_user_mb,
		 "MiB that the buffers of one user may have; 0 is half of the memory");

/* ---- what it costs ------------------------------------------------------- */

static s64 pages_max(void)
{
	unsigned int mb = READ_ONCE(memory_user_mb);

	return mb ? (s64)mb << (20 - PAGE_SHIFT) : totalram_pages() / 2;
}

static int account_charge(struct schm_account *account, u64 nr)
{
	if (atomic64_add_return(nr, &account->pages) <= pages_max())
		return 0;
	atomic64_sub(nr, &account->pages);
	return -ENOMEM;
}

/* ---- caches -------------------------------------------------------------- */

/*
 * The kernel's own mapping of the pages changes with ours, or the processor would see
 * one memory in two ways.
 */
#ifdef CONFIG_X86
static int cache_set(struct schm_buf *buf, u32 cache)
{
	int ret;

	if (cache == SCHEME_CACHE_WRITE_BACK)
		return 0;
	if (!pat_enabled())
		return -EOPNOTSUPP;
	if (cache == SCHEME_CACHE_WRITE_COMBINE)
		ret = set_pages_array_wc(buf->pages, buf->nr);
	else
		ret = set_pages_array_uc(buf->pages, buf->nr);
	if (ret) {
		/* some of the kernel's mapping may have changed before it failed */
		set_pages_array_wb(buf->pages, buf->nr);
		return -ENOMEM;
	}
	buf->cache = cache;
	return 0;
}

static void cache_restore(struct schm_buf *buf)
{
	if (buf->cache != SCHEME_CACHE_WRITE_BACK)
		set_pages_array_wb(buf->pages, buf->nr);
}
#else
static int cache_set(struct schm_buf *buf, u32 cache)
{
	return cache == SCHEME_CACHE_WRITE_BACK ? 0 : -EOPNOTSUPP;
}

static void cache_restore(struct schm_buf *buf)
{
}
#endif

static u32 cache_wanted(u32 flags)
{
	if (flags & SCHEME_PHYS_WRITE_COMBINE)
		return SCHEME_CACHE_WRITE_COMBINE;
	return flags & SCHEME_PHYS_NO_CACHE ? SCHEME_CACHE_NONE :
					      SCHEME_CACHE_WRITE_BACK;
}

pgprot_t schm_buf_prot(const struct schm_buf *buf, pgprot_t prot)
{
	switch (buf->cache) {
	case SCHEME_CACHE_WRITE_COMBINE:
		return pgprot_writecombine(prot);
	case SCHEME_CACHE_NONE:
		return pgprot_noncached(prot);
	default:
		return prot;
	}
}

/* ---- ranges -------------------------------------------------------------- */

static int range_cmp(const void *a, const void *b)
{
	const struct schm_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* In order of their addresses, and neighbours made one. */
static void ranges_join(struct schm_buf *buf)
{
	struct schm_range *last = buf->ranges, *r = buf->ranges + 1;

	sort(buf->ranges, buf->nr_ranges, sizeof(*buf->ranges), range_cmp, NULL);
	for (; r < buf->ranges + buf->nr_ranges; r++) {
		if (last->first + last->nr == r->first)
			last->nr += r->nr;
		else
			*++last = *r;
	}
	buf->nr_ranges = last - buf->ranges + 1;
}

/* An array of no more than there are now; if there is no memory, the large one stays. */
static void ranges_shrink(struct schm_buf *buf, u32 room)
{
	struct schm_range *small;

	if (buf->nr_ranges == room)
		return;
	small = kvmalloc_array(buf->nr_ranges, sizeof(*small), SCHM_GFP_BUF);
	if (!small)
		return;
	memcpy(small, buf->ranges, buf->nr_ranges * sizeof(*small));
	kvfree(buf->ranges);
	buf->ranges = small;
}

static u64 ranges_nr(const struct schm_range *ranges, u32 nr)
{
	u64 sum = 0;

	while (nr--)
		sum += ranges[nr].nr;
	return sum;
}

static int ranges_take(struct schm_buf *buf, const struct schm_want *want,
		       struct schm_pages *from)
{
	u32 room = min_t(u64, want->max_ranges, DIV_ROUND_UP_ULL(want->nr, want->min));
	struct schm_want fits = *want;
	int ret;

	fits.max_ranges = max(room, 1U);
	buf->ranges = kvcalloc(fits.max_ranges, sizeof(*buf->ranges), SCHM_GFP_BUF);
	if (!buf->ranges)
		return -ENOMEM;
	ret = schm_ranges_take(&from->source, &fits, buf->ranges);
	if (ret < 0)
		return ret;
	buf->nr_ranges = ret;
	buf->nr = ranges_nr(buf->ranges, ret);
	ranges_join(buf);
	ranges_shrink(buf, fits.max_ranges);
	return 0;
}

/* ---- pages --------------------------------------------------------------- */

static int pages_list(struct schm_buf *buf)
{
	u64 i, j, n = 0;

	buf->pages = kvmalloc_array(buf->nr, sizeof(*buf->pages), SCHM_GFP_BUF);
	if (!buf->pages)
		return -ENOMEM;
	for (i = 0; i < buf->nr_ranges; i++) {
		for (j = 0; j < buf->ranges[i].nr; j++) {
			buf->pages[n] = pfn_to_page(buf->ranges[i].first + j);
			schm_page_clear(buf->pages[n++]);
			cond_resched();
		}
	}
	return 0;
}

static void pages_free(struct schm_buf *buf)
{
	u64 i, j;

	for (i = 0; i < buf->nr_ranges; i++) {
		for (j = 0; j < buf->ranges[i].nr; j++) {
			put_page(pfn_to_page(buf->ranges[i].first + j));
			cond_resched();
		}
	}
}

/* ---- a buffer's life ----------------------------------------------------- */

static int buf_fill(struct schm_buf *buf, const struct schm_want *want,
		    unsigned int addr_bits)
{
	struct schm_pages from;
	int ret;

	schm_pages_init(&from, addr_bits);
	ret = ranges_take(buf, want, &from);
	if (!ret)
		ret = pages_list(buf);
	return ret ?: cache_set(buf, cache_wanted(want->flags));
}

static void buf_free(struct schm_buf *buf)
{
	cache_restore(buf);
	pages_free(buf);
	kvfree(buf->pages);
	kvfree(buf->ranges);
	kfree(buf);
}

struct schm_buf *schm_buf_alloc(struct schm_account *account,
				const struct schm_want *want,
				unsigned int addr_bits)
{
	struct schm_buf *buf;
	int ret;

	ret = account_charge(account, want->nr);
	if (ret)
		return ERR_PTR(ret);
	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	ret = buf ? buf_fill(buf, want, addr_bits) : -ENOMEM;
	if (ret) {
		if (buf)
			buf_free(buf);
		atomic64_sub(want->nr, &account->pages);
		return ERR_PTR(ret);
	}
	/* a part was enough: it costs no more than it is */
	atomic64_sub(want->nr - buf->nr, &account->pages);
	buf->account = schm_account_hold(account);
	kref_init(&buf->ref);
	return buf;
}

static void buf_release(struct kref *ref)
{
	struct schm_buf *buf = container_of(ref, struct schm_buf, ref);

	atomic64_sub(buf->nr, &buf->account->pages);
	schm_account_put(buf->account);
	buf_free(buf);
}

void schm_buf_put(struct schm_buf *buf)
{
	kref_put(&buf->ref, buf_release);
}

/* ---- how others see it --------------------------------------------------- */

int schm_buf_table(const struct schm_buf *buf, struct sg_table *table)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(table, buf->nr_ranges, SCHM_GFP_BUF);
	if (ret)
		return ret;
	for_each_sgtable_sg(table, sg, i)
		sg_set_page(sg, pfn_to_page(buf->ranges[i].first),
			    buf->ranges[i].nr << PAGE_SHIFT, 0);
	return 0;
}

static void buf_vm_open(struct vm_area_struct *vma)
{
	schm_buf_get(vma->vm_private_data);
}

static void buf_vm_close(struct vm_area_struct *vma)
{
	schm_buf_put(vma->vm_private_data);
}

/*
 * Every page is there from the beginning, until its process says that it does not need
 * it (madvise), and then does. What is mapped by addresses stays.
 */
static vm_fault_t buf_vm_fault(struct vm_fault *vmf)
{
	struct schm_buf *buf = vmf->vma->vm_private_data;
	/* a dma-buf's file has one buffer, an owner's many */
	u64 page = vmf->pgoff & (BIT_ULL(SCHM_BUF_SHIFT - PAGE_SHIFT) - 1);

	if (page >= buf->nr || buf->cache != SCHEME_CACHE_WRITE_BACK)
		return VM_FAULT_SIGBUS;
	vmf->page = buf->pages[page];
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct buf_vm_ops = {
	.open	= buf_vm_open,
	.close	= buf_vm_close,
	.fault	= buf_vm_fault,
};

/*
 * Pages that others may pin are mapped one by one. Those whose caches are not the
 * usual must not outlive the buffer, and so are mapped by their addresses.
 */
static int buf_insert(struct schm_buf *buf, struct vm_area_struct *vma, u64 first)
{
	unsigned long left = vma_pages(vma), addr = vma->vm_start;
	int ret = 0;
	u64 i;

	if (buf->cache == SCHEME_CACHE_WRITE_BACK) {
		ret = vm_insert_pages(vma, addr, buf->pages + first, &left);
		return ret == -EFAULT ? -ENOMEM : ret;
	}
	vma->vm_page_prot = schm_buf_prot(buf, vma->vm_page_prot);
	for (i = 0; !ret && i < left; i++, addr += PAGE_SIZE)
		ret = remap_pfn_range(vma, addr, page_to_pfn(buf->pages[first + i]),
				      PAGE_SIZE, vma->vm_page_prot);
	return ret;
}

int schm_buf_mmap(struct schm_buf *buf, struct vm_area_struct *vma, u64 first)
{
	int ret;

	/* without MAY: not of a descriptor that is open for reading only */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (first >= buf->nr || vma_pages(vma) > buf->nr - first)
		return -ENXIO;
	schm_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	schm_vm_flags_clear(vma, VM_MAYEXEC);
	ret = buf_insert(buf, vma, first);
	if (ret)
		return ret;
	vma->vm_private_data = schm_buf_get(buf);
	vma->vm_ops = &buf_vm_ops;
	return 0;
}
