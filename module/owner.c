// SPDX-License-Identifier: GPL-2.0
#include "owner.h"

#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "account.h"
#include "buf.h"
#include "limits.h"

#define WINDOW_MASK	(BIT_ULL(SCHM_BUF_SHIFT) - 1)

static_assert(SCHEME_PHYS_SIZE_MAX <= WINDOW_MASK);

/* A buffer that has not been given back. */
struct schm_owned {
	struct schm_buf		*buf;		/* one reference */
	/* owner->lock */
	bool			mapped;		/* for owner->dev */
	struct sg_table		table;		/* if mapped */
};

/* ---- addresses ----------------------------------------------------------- */

/*
 * The API for DMA helps devices that cannot reach a page with a copy of it. A buffer
 * must be the memory itself.
 */
static bool table_is_direct(const struct schm_owner *owner, struct sg_table *table)
{
	struct scatterlist *sg;
	unsigned int i;

	if (owner->translated)
		return true;
	for_each_sgtable_dma_sg(table, sg, i)
		if (sg_dma_address(sg) != phys_to_dma(owner->dev, sg_phys(sg)))
			return false;
	return true;
}

/* Below the limit of this buffer, and in such ranges as it may have? */
static bool table_fits(struct sg_table *table, const struct scheme_physalloc *arg,
		       unsigned int addr_bits)
{
	struct scatterlist *sg;
	unsigned int i;

	if (table->nents > arg->max_ranges)
		return false;
	for_each_sgtable_dma_sg(table, sg, i) {
		if (addr_bits < 64 &&
		    (sg_dma_address(sg) + sg_dma_len(sg) - 1) >> addr_bits)
			return false;
		if (table->nents > 1 && sg_dma_len(sg) < arg->min)
			return false;
	}
	return true;
}

/*
 * By default an IOMMU may remember an address for some time after the kernel has
 * unmapped it, and our memory may be free before: have it forgotten now.
 */
static void owner_flush_locked(struct schm_owner *owner)
{
	struct iommu_domain *domain;

	lockdep_assert_held(&owner->lock);
	if (!owner->translated)
		return;
	domain = iommu_get_domain_for_dev(owner->dev);
	if (domain && domain->type == IOMMU_DOMAIN_DMA_FQ)
		iommu_flush_iotlb_all(domain);
}

static void owned_unmap_locked(struct schm_owner *owner, struct schm_owned *owned)
{
	lockdep_assert_held(&owner->lock);
	if (!owned->mapped)
		return;
	dma_unmap_sgtable(owner->dev, &owned->table, DMA_BIDIRECTIONAL, 0);
	owner_flush_locked(owner);
	sg_free_table(&owned->table);
	owned->mapped = false;
}

/*
 * The API for DMA knows one limit for all of a device's addresses: that of a buffer
 * stands while it is mapped. Beside an IOMMU its memory has been chosen by it.
 */
static int table_map_locked(struct schm_owner *owner, struct sg_table *table,
			    unsigned int addr_bits)
{
	bool fewer = owner->translated && addr_bits < owner->addr_bits;
	int ret;

	lockdep_assert_held(&owner->lock);
	if (fewer && dma_set_mask(owner->dev, DMA_BIT_MASK(addr_bits)))
		return -ENOMEM;
	ret = dma_map_sgtable(owner->dev, table, DMA_BIDIRECTIONAL, DMA_ATTR_NO_WARN);
	if (fewer && dma_set_mask(owner->dev, DMA_BIT_MASK(owner->addr_bits)))
		WARN_ON_ONCE(1);
	return ret;
}

static int owned_map_locked(struct schm_owner *owner, struct schm_owned *owned,
			    const struct scheme_physalloc *arg, unsigned int addr_bits)
{
	int ret;

	lockdep_assert_held(&owner->lock);
	ret = schm_buf_table(owned->buf, &owned->table);
	if (ret)
		return ret;
	ret = table_map_locked(owner, &owned->table, addr_bits);
	if (ret) {
		sg_free_table(&owned->table);
		return ret == -EINVAL || ret == -EIO ? -ENOMEM : ret;
	}
	owned->mapped = true;
	if (!table_is_direct(owner, &owned->table))
		ret = -EOPNOTSUPP;
	else if (!table_fits(&owned->table, arg, addr_bits))
		ret = -ENOMEM;
	if (ret)
		owned_unmap_locked(owner, owned);
	return ret;
}

/* ---- an owner's life ----------------------------------------------------- */

struct schm_owner *schm_owner_alloc(void)
{
	struct schm_owner *owner;

	owner = kzalloc(sizeof(*owner), GFP_KERNEL_ACCOUNT);
	if (!owner)
		return NULL;
	owner->account = schm_account_get();
	if (!owner->account) {
		kfree(owner);
		return NULL;
	}
	mutex_init(&owner->lock);
	xa_init_flags(&owner->bufs, XA_FLAGS_ALLOC1);
	return owner;
}

static void owned_free(struct schm_owned *owned)
{
	WARN_ON_ONCE(owned->mapped);
	schm_buf_put(owned->buf);
	kfree(owned);
}

void schm_owner_free(struct schm_owner *owner)
{
	struct schm_owned *owned;
	unsigned long id;

	WARN_ON_ONCE(owner->dev);
	xa_for_each(&owner->bufs, id, owned)
		owned_free(owned);
	xa_destroy(&owner->bufs);
	schm_account_put(owner->account);
	kfree(owner);
}

void schm_owner_count(struct schm_owner *owner, unsigned int *nr, u64 *pages)
{
	struct schm_owned *owned;
	unsigned long id;

	*nr = 0;
	*pages = 0;
	mutex_lock(&owner->lock);
	xa_for_each(&owner->bufs, id, owned) {
		++*nr;
		*pages += owned->buf->nr;
	}
	mutex_unlock(&owner->lock);
}

/* ---- binding ------------------------------------------------------------- */

int schm_owner_is_bound(struct schm_owner *owner)
{
	enum schm_owner_state state = READ_ONCE(owner->state);

	return state == SCHM_OWNER_GONE ? -ENODEV : state == SCHM_OWNER_BOUND;
}

int schm_owner_bound(struct schm_owner *owner, struct device *dev,
		     unsigned int addr_bits, bool translated)
{
	int ret = -EALREADY;

	mutex_lock(&owner->lock);
	if (owner->state == SCHM_OWNER_UNBOUND && xa_empty(&owner->bufs)) {
		owner->dev = dev;
		owner->addr_bits = addr_bits;
		owner->translated = translated;
		WRITE_ONCE(owner->state, SCHM_OWNER_BOUND);
		ret = 0;
	}
	mutex_unlock(&owner->lock);
	return ret;
}

void schm_owner_revoke(struct schm_owner *owner)
{
	struct schm_owned *owned;
	unsigned long id;

	mutex_lock(&owner->lock);
	xa_for_each(&owner->bufs, id, owned)
		owned_unmap_locked(owner, owned);
	owner->dev = NULL;
	WRITE_ONCE(owner->state, SCHM_OWNER_GONE);
	mutex_unlock(&owner->lock);
}

/* ---- making buffers ------------------------------------------------------ */

/* What the device of an owner makes of the caller's wish. */
struct plan {
	struct schm_want	want;
	unsigned int		memory_bits;	/* of physical addresses */
	unsigned int		addr_bits;	/* of those that are told */
	struct device		*dev;
};

static unsigned int addr_bits_of(const struct scheme_physalloc *arg)
{
	unsigned int bits = arg->addr_bits ?: 64;

	return arg->flags & SCHEME_PHYS_SPACE_32 ? min(bits, 32U) : bits;
}

/* Behind an IOMMU any pages make one range of addresses, wherever they are. */
static int plan_make(struct schm_owner *owner, const struct scheme_physalloc *arg,
		     struct plan *plan)
{
	struct schm_want *want = &plan->want;
	int ret = 0;

	want->nr = PAGE_ALIGN(arg->size) >> PAGE_SHIFT;
	want->min = PAGE_ALIGN(arg->min) >> PAGE_SHIFT;
	want->flags = arg->flags;
	want->max_ranges = arg->max_ranges;
	plan->addr_bits = addr_bits_of(arg);
	plan->memory_bits = plan->addr_bits;
	mutex_lock(&owner->lock);
	plan->dev = owner->dev;
	if (owner->state == SCHM_OWNER_GONE) {
		ret = -ENODEV;
	} else if (owner->dev && owner->translated) {
		want->min = 1;
		want->flags &= ~(SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_STRATEGY);
		want->flags |= SCHEME_PHYS_LIST;
		want->max_ranges = SCHEME_PHYS_RANGES_MAX;
		plan->memory_bits = 64;
	} else if (owner->dev) {
		plan->memory_bits = min(plan->addr_bits, owner->addr_bits);
	}
	mutex_unlock(&owner->lock);
	return ret;
}

/* Give the buffer a number, and addresses. -EAGAIN: the owner is no longer as planned. */
static int owned_add_locked(struct schm_owner *owner, struct schm_owned *owned,
			    const struct scheme_physalloc *arg,
			    const struct plan *plan, u32 *id)
{
	int ret;

	lockdep_assert_held(&owner->lock);
	if (owner->dev != plan->dev || owner->state == SCHM_OWNER_GONE)
		return -EAGAIN;
	if (owner->dev) {
		ret = owned_map_locked(owner, owned, arg, plan->addr_bits);
		if (ret)
			return ret;
	}
	ret = xa_alloc_cyclic(&owner->bufs, id, owned, XA_LIMIT(1, SCHM_BUFFERS_MAX),
			      &owner->next, GFP_KERNEL_ACCOUNT);
	if (ret >= 0)
		return 0;
	owned_unmap_locked(owner, owned);
	return ret == -EBUSY ? -ENOSPC : ret;
}

static int owner_add(struct schm_owner *owner, const struct plan *plan,
		     struct scheme_physalloc *arg)
{
	struct schm_owned *owned;
	u32 id;
	int ret;

	owned = kzalloc(sizeof(*owned), GFP_KERNEL_ACCOUNT);
	if (!owned)
		return -ENOMEM;
	owned->buf = schm_buf_alloc(owner->account, &plan->want, plan->memory_bits);
	if (IS_ERR(owned->buf)) {
		ret = PTR_ERR(owned->buf);
		kfree(owned);
		return ret;
	}
	mutex_lock(&owner->lock);
	ret = owned_add_locked(owner, owned, arg, plan, &id);
	if (!ret) {
		/* once unlocked, somebody may give it back */
		arg->size = owned->buf->nr << PAGE_SHIFT;
		arg->cache = owned->buf->cache;
		arg->offset = (u64)id << SCHM_BUF_SHIFT;
	}
	mutex_unlock(&owner->lock);
	if (ret)
		owned_free(owned);
	return ret;
}

int schm_owner_add(struct schm_owner *owner, struct scheme_physalloc *arg)
{
	struct plan plan;
	int ret;

	/* the state changes but twice in an owner's life */
	do {
		ret = plan_make(owner, arg, &plan);
		if (!ret)
			ret = owner_add(owner, &plan, arg);
	} while (ret == -EAGAIN);
	return ret;
}

/* ---- finding them -------------------------------------------------------- */

static struct schm_owned *owned_find_locked(struct schm_owner *owner, u64 pos)
{
	lockdep_assert_held(&owner->lock);
	if (pos >> SCHM_BUF_SHIFT > SCHM_BUFFERS_MAX)
		return NULL;
	return xa_load(&owner->bufs, pos >> SCHM_BUF_SHIFT);
}

int schm_owner_remove(struct schm_owner *owner, u64 offset, u64 size)
{
	struct schm_owned *owned;

	mutex_lock(&owner->lock);
	owned = owned_find_locked(owner, offset);
	if (owned && !(offset & WINDOW_MASK) && size == owned->buf->nr << PAGE_SHIFT) {
		xa_erase(&owner->bufs, offset >> SCHM_BUF_SHIFT);
		owned_unmap_locked(owner, owned);
	} else {
		owned = NULL;
	}
	mutex_unlock(&owner->lock);
	if (!owned)
		return -EINVAL;
	owned_free(owned);
	return 0;
}

struct schm_buf *schm_owner_find(struct schm_owner *owner, u64 pos, u64 *first)
{
	struct schm_owned *owned;
	struct schm_buf *buf = NULL;

	mutex_lock(&owner->lock);
	owned = owned_find_locked(owner, pos);
	if (owned)
		buf = schm_buf_get(owned->buf);
	mutex_unlock(&owner->lock);
	*first = (pos & WINDOW_MASK) >> PAGE_SHIFT;
	return buf;
}

/* ---- telling addresses --------------------------------------------------- */

static u32 owned_nr_ranges(const struct schm_owned *owned)
{
	return owned->mapped ? owned->table.nents : owned->buf->nr_ranges;
}

static void owned_copy_ranges(struct schm_owned *owned, struct scheme_range *ranges,
			      u32 nr)
{
	struct scatterlist *sg;
	u32 i;

	if (owned->mapped) {
		for_each_sgtable_dma_sg(&owned->table, sg, i) {
			if (i == nr)
				return;
			ranges[i].addr = sg_dma_address(sg);
			ranges[i].len = sg_dma_len(sg);
		}
		return;
	}
	for (i = 0; i < nr; i++) {
		ranges[i].addr = owned->buf->ranges[i].first << PAGE_SHIFT;
		ranges[i].len = owned->buf->ranges[i].nr << PAGE_SHIFT;
	}
}

struct scheme_range *schm_owner_ranges(struct schm_owner *owner, u64 offset, u32 max,
				       bool hidden, u32 *nr)
{
	struct scheme_range *ranges;
	struct schm_owned *owned;
	u32 i;

	mutex_lock(&owner->lock);
	owned = owned_find_locked(owner, offset);
	if (!owned || offset & WINDOW_MASK) {
		ranges = ERR_PTR(-EINVAL);
	} else if (owner->state == SCHM_OWNER_GONE) {
		ranges = ERR_PTR(-ENODEV);
	} else {
		*nr = owned_nr_ranges(owned);
		max = min(max, *nr);
		ranges = kvcalloc(max, sizeof(*ranges), SCHM_GFP_BUF);
		if (ranges)
			owned_copy_ranges(owned, ranges, max);
		else
			ranges = ERR_PTR(-ENOMEM);
	}
	mutex_unlock(&owner->lock);
	for (i = 0; hidden && !IS_ERR(ranges) && i < max; i++)
		ranges[i].addr = SCHEME_PHYS_HIDDEN;
	return ranges;
}

/* The rest of the range that has the byte at. */
static void owned_locate(struct schm_owned *owned, u64 at, struct scheme_range *range)
{
	struct scatterlist *sg;
	u32 i;

	if (owned->mapped) {
		for_each_sgtable_dma_sg(&owned->table, sg, i) {
			range->addr = sg_dma_address(sg) + at;
			range->len = sg_dma_len(sg) - at;
			if (at < sg_dma_len(sg))
				return;
			at -= sg_dma_len(sg);
		}
		return;
	}
	for (i = 0; i < owned->buf->nr_ranges; i++) {
		u64 len = owned->buf->ranges[i].nr << PAGE_SHIFT;

		range->addr = (owned->buf->ranges[i].first << PAGE_SHIFT) + at;
		range->len = len - at;
		if (at < len)
			return;
		at -= len;
	}
}

int schm_owner_locate(struct schm_owner *owner, const struct schm_buf *buf, u64 pos,
		      struct scheme_range *range)
{
	struct schm_owned *owned;
	int ret = 0;

	mutex_lock(&owner->lock);
	owned = owned_find_locked(owner, pos);
	if (!owned || owned->buf != buf)
		ret = -EFAULT;
	else if (owner->state == SCHM_OWNER_GONE)
		ret = -ENODEV;
	else
		owned_locate(owned, pos & WINDOW_MASK, range);
	mutex_unlock(&owner->lock);
	return ret;
}

/* ---- whose turn it is ---------------------------------------------------- */

static void segment_sync(struct device *dev, dma_addr_t addr, size_t len, u32 flags)
{
	enum dma_data_direction dir = DMA_BIDIRECTIONAL;

	if (!(flags & SCHEME_SYNC_WRITE))
		dir = DMA_FROM_DEVICE;
	else if (!(flags & SCHEME_SYNC_READ))
		dir = DMA_TO_DEVICE;
	if (flags & SCHEME_SYNC_START)
		dma_sync_single_for_cpu(dev, addr, len, dir);
	else
		dma_sync_single_for_device(dev, addr, len, dir);
}

/*
 * A segment of the device may be several ranges of memory behind an IOMMU, and one
 * call takes what is contiguous for both.
 */
static void owned_sync_locked(struct schm_owner *owner, struct schm_owned *owned,
			      u64 at, u64 len, u32 flags)
{
	const struct schm_range *range = owned->buf->ranges;
	u64 range_end = range->nr << PAGE_SHIFT, begin = 0, end = at + len, to;
	struct scatterlist *sg;
	unsigned int i;

	lockdep_assert_held(&owner->lock);
	for_each_sgtable_dma_sg(&owned->table, sg, i) {
		while (at < end && at < begin + sg_dma_len(sg)) {
			while (at >= range_end)
				range_end += (++range)->nr << PAGE_SHIFT;
			to = min3(end, begin + sg_dma_len(sg), range_end);
			segment_sync(owner->dev, sg_dma_address(sg) + (at - begin), to - at,
				     flags);
			at = to;
		}
		begin += sg_dma_len(sg);
	}
}

int schm_owner_sync(struct schm_owner *owner, u64 pos, u64 len, u32 flags)
{
	u64 at = pos & WINDOW_MASK, size;
	struct schm_owned *owned;
	int ret = 0;

	mutex_lock(&owner->lock);
	owned = owned_find_locked(owner, pos);
	size = owned ? owned->buf->nr << PAGE_SHIFT : 0;
	if (at >= size || len > size - at)
		ret = -EINVAL;
	else if (owner->state == SCHM_OWNER_GONE)
		ret = -ENODEV;
	else if (owned->mapped)
		owned_sync_locked(owner, owned, at, len, flags);
	mutex_unlock(&owner->lock);
	return ret;
}
