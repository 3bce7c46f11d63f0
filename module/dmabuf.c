// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf keeps a buffer's memory. Each device that attaches to it maps the pages
 * for itself, and processes map them as they map the owner's file.
 */
#include "dmabuf.h"

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "buf.h"

struct dmabuf {
	struct schm_buf		*buf;		/* constant; one reference */
	struct mutex		lock;
	struct list_head	importers;	/* lock */
};

/* A device that is attached. */
struct importer {
	struct list_head	node;		/* dmabuf->lock */
	struct device		*dev;		/* constant */
	struct sg_table		table;
	bool			mapped;		/* dmabuf->lock */
};

static int dmabuf_attach(struct dma_buf *dma_buf, struct dma_buf_attachment *at)
{
	struct dmabuf *d = dma_buf->priv;
	struct importer *imp;
	int ret;

	imp = kzalloc(sizeof(*imp), GFP_KERNEL_ACCOUNT);
	if (!imp)
		return -ENOMEM;
	/* in segments such as this device can have */
	ret = sg_alloc_table_from_pages_segment(&imp->table, d->buf->pages, d->buf->nr, 0,
						d->buf->nr << PAGE_SHIFT,
						dma_get_max_seg_size(at->dev),
						SCHM_GFP_BUF);
	if (ret) {
		kfree(imp);
		return ret;
	}
	imp->dev = at->dev;
	at->priv = imp;
	mutex_lock(&d->lock);
	list_add(&imp->node, &d->importers);
	mutex_unlock(&d->lock);
	return 0;
}

static void dmabuf_detach(struct dma_buf *dma_buf, struct dma_buf_attachment *at)
{
	struct dmabuf *d = dma_buf->priv;
	struct importer *imp = at->priv;

	mutex_lock(&d->lock);
	list_del(&imp->node);
	mutex_unlock(&d->lock);
	sg_free_table(&imp->table);
	kfree(imp);
}

static void importer_set_mapped(struct dmabuf *d, struct importer *imp, bool mapped)
{
	mutex_lock(&d->lock);
	imp->mapped = mapped;
	mutex_unlock(&d->lock);
}

static struct sg_table *dmabuf_map(struct dma_buf_attachment *at,
				   enum dma_data_direction dir)
{
	struct importer *imp = at->priv;
	int ret;

	ret = dma_map_sgtable(imp->dev, &imp->table, dir, 0);
	if (ret)
		return ERR_PTR(ret);
	importer_set_mapped(at->dmabuf->priv, imp, true);
	return &imp->table;
}

static void dmabuf_unmap(struct dma_buf_attachment *at, struct sg_table *table,
			 enum dma_data_direction dir)
{
	struct importer *imp = at->priv;

	importer_set_mapped(at->dmabuf->priv, imp, false);
	dma_unmap_sgtable(imp->dev, table, dir, 0);
}

static int dmabuf_begin_cpu(struct dma_buf *dma_buf, enum dma_data_direction dir)
{
	struct dmabuf *d = dma_buf->priv;
	struct importer *imp;

	mutex_lock(&d->lock);
	list_for_each_entry(imp, &d->importers, node)
		if (imp->mapped)
			dma_sync_sgtable_for_cpu(imp->dev, &imp->table, dir);
	mutex_unlock(&d->lock);
	return 0;
}

static int dmabuf_end_cpu(struct dma_buf *dma_buf, enum dma_data_direction dir)
{
	struct dmabuf *d = dma_buf->priv;
	struct importer *imp;

	mutex_lock(&d->lock);
	list_for_each_entry(imp, &d->importers, node)
		if (imp->mapped)
			dma_sync_sgtable_for_device(imp->dev, &imp->table, dir);
	mutex_unlock(&d->lock);
	return 0;
}

static int dmabuf_mmap(struct dma_buf *dma_buf, struct vm_area_struct *vma)
{
	struct dmabuf *d = dma_buf->priv;

	return schm_buf_mmap(d->buf, vma, vma->vm_pgoff);
}

static int dmabuf_vmap(struct dma_buf *dma_buf, struct iosys_map *map)
{
	struct dmabuf *d = dma_buf->priv;
	void *addr;

	addr = vmap(d->buf->pages, d->buf->nr, VM_MAP, schm_buf_prot(d->buf, PAGE_KERNEL));
	if (!addr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, addr);
	return 0;
}

static void dmabuf_vunmap(struct dma_buf *dma_buf, struct iosys_map *map)
{
	vunmap(map->vaddr);
	iosys_map_clear(map);
}

static void dmabuf_release(struct dma_buf *dma_buf)
{
	struct dmabuf *d = dma_buf->priv;

	schm_buf_put(d->buf);
	kfree(d);
}

static const struct dma_buf_ops dmabuf_ops = {
	.attach			= dmabuf_attach,
	.detach			= dmabuf_detach,
	.map_dma_buf		= dmabuf_map,
	.unmap_dma_buf		= dmabuf_unmap,
	.begin_cpu_access	= dmabuf_begin_cpu,
	.end_cpu_access		= dmabuf_end_cpu,
	.mmap			= dmabuf_mmap,
	.vmap			= dmabuf_vmap,
	.vunmap			= dmabuf_vunmap,
	.release		= dmabuf_release,
};

int schm_dmabuf_export(struct schm_buf *buf, u32 flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dma_buf;
	struct dmabuf *d;
	int fd;

	d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
	if (!d)
		return -ENOMEM;
	mutex_init(&d->lock);
	INIT_LIST_HEAD(&d->importers);
	d->buf = schm_buf_get(buf);
	info.ops = &dmabuf_ops;
	info.size = buf->nr << PAGE_SHIFT;
	info.flags = flags & O_ACCMODE;
	info.priv = d;
	dma_buf = dma_buf_export(&info);
	if (IS_ERR(dma_buf)) {
		schm_buf_put(d->buf);
		kfree(d);
		return PTR_ERR(dma_buf);
	}
	fd = dma_buf_fd(dma_buf, flags & O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dma_buf);
	return fd;
}

struct dma_buf *schm_dmabuf_get(int fd)
{
	struct dma_buf *dma_buf = dma_buf_get(fd);
	int ret = 0;

	/* -EINVAL: a file that is no dma-buf */
	if (IS_ERR(dma_buf))
		return PTR_ERR(dma_buf) == -EINVAL ? ERR_PTR(-EOPNOTSUPP) : dma_buf;
	if (dma_buf->ops != &dmabuf_ops)
		ret = -EOPNOTSUPP;
	else if (~dma_buf->file->f_mode & (FMODE_READ | FMODE_WRITE))
		ret = -EACCES;
	if (!ret)
		return dma_buf;
	dma_buf_put(dma_buf);
	return ERR_PTR(ret);
}

/* MODULE_IMPORT_NS(), whose argument has become a string in 6.13 */
MODULE_INFO(import_ns, "DMA_BUF");
