// SPDX-License-Identifier: GPL-2.0
#include "pcidev.h"

#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/redox_scheme_memory.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "owner.h"

struct schm_pcidev {
	struct pci_dev		*pdev;		/* constant */
	struct list_head	node;		/* devices_lock */
	struct schm_owner	*owner;		/* devices_lock; NULL: FREE */
};

/*
 * Who has which function. The function's device lock may be held outside; under it
 * alone a function that has an owner loses it.
 */
static DEFINE_MUTEX(devices_lock);
static LIST_HEAD(devices);			/* devices_lock */

/*
 * Nobody reads the function's registers meanwhile, nor those of the bridge whose bus
 * may be what is reset. Whoever has the bridge already may wait for our device lock,
 * so that we must not wait for the bridge.
 */
static void pcidev_reset_locked(struct pci_dev *pdev)
{
	struct pci_dev *bridge = pci_upstream_bridge(pdev);
	bool got;

	device_lock_assert(&pdev->dev);
	got = bridge && pci_cfg_access_trylock(bridge);
	pci_cfg_access_lock(pdev);
	/* not every function can be */
	pci_reset_function_locked(pdev);
	pci_cfg_access_unlock(pdev);
	if (got)
		pci_cfg_access_unlock(bridge);
}

/*
 * After this nothing reaches the buffers: first the function is no bus master, then
 * what it has begun is over, then it has forgotten, and only then has it lost the
 * addresses.
 */
static void pcidev_stop(struct schm_pcidev *d, struct schm_owner *owner)
{
	/* so that nobody else stops it, and the owner waits for us before it ends */
	device_lock_assert(&d->pdev->dev);
	if (pci_device_is_present(d->pdev)) {
		pci_clear_master(d->pdev);
		pci_wait_for_pending_transaction(d->pdev);
		pcidev_reset_locked(d->pdev);
	}
	mutex_lock(&devices_lock);
	schm_owner_revoke(owner);
	owner->pcidev = NULL;
	d->owner = NULL;
	mutex_unlock(&devices_lock);
}

/* ---- driver -------------------------------------------------------------- */

static int pcidev_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct schm_pcidev *d;
	int ret;

	d = kzalloc(sizeof(*d), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	ret = pci_enable_device(pdev);
	if (ret) {
		kfree(d);
		return ret;
	}
	/* a range is a segment, however long */
	dma_set_max_seg_size(&pdev->dev, SCHEME_PHYS_SIZE_MAX);
	d->pdev = pdev;
	pci_set_drvdata(pdev, d);
	mutex_lock(&devices_lock);
	list_add(&d->node, &devices);
	mutex_unlock(&devices_lock);
	return 0;
}

static void pcidev_remove(struct pci_dev *pdev)
{
	struct schm_pcidev *d = pci_get_drvdata(pdev);
	struct schm_owner *owner;

	mutex_lock(&devices_lock);
	list_del(&d->node);
	owner = d->owner;
	mutex_unlock(&devices_lock);
	if (owner)
		pcidev_stop(d, owner);
	/* as the PCI core sets them, for the next driver */
	dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	dma_set_max_seg_size(&pdev->dev, SZ_64K);
	pci_disable_device(pdev);
	kfree(d);
}

/* It takes nothing by itself: only what driver_override, or new_id, sends. */
static struct pci_driver pcidev_driver = {
	.name	= KBUILD_MODNAME,
	.probe	= pcidev_probe,
	.remove	= pcidev_remove,
};

/* ---- owners -------------------------------------------------------------- */

static struct schm_pcidev *pcidev_find_locked(const char *name)
{
	struct schm_pcidev *d;

	lockdep_assert_held(&devices_lock);
	list_for_each_entry(d, &devices, node)
		if (!strcmp(pci_name(d->pdev), name))
			return d;
	return NULL;
}

static bool is_translated(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API);
}

/* Would the kernel copy for it? */
static bool is_bounced(struct pci_dev *pdev, bool translated)
{
	return pdev->untrusted || (!translated && is_swiotlb_force_bounce(&pdev->dev));
}

/* Not more than a bridge above it lets through. */
static unsigned int addr_bits_of(struct device *dev, unsigned int bits)
{
	return dev->bus_dma_limit ? min_t(unsigned int, bits, fls64(dev->bus_dma_limit + 1) - 1) :
				    bits;
}

static int pcidev_bind_locked(struct schm_pcidev *d, struct schm_owner *owner,
			      struct scheme_bind *arg)
{
	struct device *dev = &d->pdev->dev;
	bool translated = is_translated(dev);
	int ret;

	lockdep_assert_held(&devices_lock);
	if (d->owner)
		return d->owner == owner ? -EALREADY : -EBUSY;
	if (is_bounced(d->pdev, translated))
		return -EOPNOTSUPP;
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(arg->addr_bits)))
		return -EIO;
	ret = schm_owner_bound(owner, dev, addr_bits_of(dev, arg->addr_bits), translated);
	if (ret)
		return ret;
	d->owner = owner;
	owner->pcidev = d;
	pci_set_master(d->pdev);
	arg->flags = (translated ? SCHEME_BIND_IOMMU : 0) |
		     (d->pdev->reset_methods[0] ? SCHEME_BIND_RESET : 0);
	return 0;
}

static bool is_address(const char *name)
{
	unsigned int domain, bus, slot, func;
	char more;

	return sscanf(name, "%x:%x:%x.%x%c", &domain, &bus, &slot, &func, &more) == 4;
}

int schm_pcidev_bind(struct schm_owner *owner, struct scheme_bind *arg)
{
	struct schm_pcidev *d;
	int ret;

	if (!is_address(arg->device))
		return -EINVAL;
	mutex_lock(&devices_lock);
	d = pcidev_find_locked(arg->device);
	ret = d ? pcidev_bind_locked(d, owner, arg) : -ENODEV;
	mutex_unlock(&devices_lock);
	return ret;
}

/* The function's lock comes first, since whoever takes the function away has it. */
void schm_pcidev_unbind(struct schm_owner *owner)
{
	struct pci_dev *pdev = NULL;
	struct schm_pcidev *d;

	mutex_lock(&devices_lock);
	if (owner->pcidev)
		pdev = pci_dev_get(owner->pcidev->pdev);
	mutex_unlock(&devices_lock);
	if (!pdev)
		return;
	device_lock(&pdev->dev);
	mutex_lock(&devices_lock);
	d = owner->pcidev;
	mutex_unlock(&devices_lock);
	if (d)
		pcidev_stop(d, owner);
	device_unlock(&pdev->dev);
	pci_dev_put(pdev);
}

int schm_pcidev_init(void)
{
	return pci_register_driver(&pcidev_driver);
}

void schm_pcidev_exit(void)
{
	pci_unregister_driver(&pcidev_driver);
}
