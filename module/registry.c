// SPDX-License-Identifier: GPL-2.0
/* The names: which schemes there are, and their device numbers. */
#include "registry.h"

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "limits.h"
#include "node.h"
#include "scheme.h"

static DEFINE_MUTEX(names_lock);
static LIST_HEAD(names);			/* names_lock */
static DEFINE_XARRAY_ALLOC(minors);		/* written under names_lock */
static u32 minor_next;				/* names_lock */
static dev_t first_dev;
static struct cdev cdev;

int schm_registry_init(const struct file_operations *client_fops)
{
	int ret;

	ret = alloc_chrdev_region(&first_dev, 0, SCHM_SCHEMES_MAX, "scheme");
	if (ret)
		return ret;
	ret = schm_node_init();
	if (ret)
		goto err_unregister_region;
	cdev_init(&cdev, client_fops);
	cdev.owner = client_fops->owner;
	ret = cdev_add(&cdev, first_dev, SCHM_SCHEMES_MAX);
	if (ret)
		goto err_node_exit;
	return 0;

err_node_exit:
	schm_node_exit();
err_unregister_region:
	unregister_chrdev_region(first_dev, SCHM_SCHEMES_MAX);
	return ret;
}

void schm_registry_exit(void)
{
	WARN_ON_ONCE(!list_empty(&names));
	cdev_del(&cdev);
	schm_node_exit();
	unregister_chrdev_region(first_dev, SCHM_SCHEMES_MAX);
	xa_destroy(&minors);
}

static struct schm_scheme *find_name_locked(const char *name)
{
	struct schm_scheme *s;

	lockdep_assert_held(&names_lock);
	list_for_each_entry(s, &names, name_node)
		if (!strcmp(s->config.name, name))
			return s;
	return NULL;
}

static int add_locked(struct schm_scheme *s)
{
	struct schm_node *node;
	u32 minor;
	int ret;

	lockdep_assert_held(&names_lock);
	if (find_name_locked(s->config.name))
		return -EEXIST;
	/* cyclic, so that a stale node does not soon lead to another scheme */
	ret = xa_alloc_cyclic(&minors, &minor, NULL,
			      XA_LIMIT(0, SCHM_SCHEMES_MAX - 1), &minor_next,
			      GFP_KERNEL);
	if (ret < 0)
		return ret == -EBUSY ? -ENOSPC : ret;
	s->minor = minor;
	/* an opener may come as soon as the node exists: publish first */
	xa_store(&minors, minor, s, GFP_KERNEL);
	node = schm_node_add(s, MKDEV(MAJOR(first_dev), minor));
	if (IS_ERR(node)) {
		xa_erase(&minors, minor);
		return PTR_ERR(node);
	}
	s->node = node;
	list_add_tail(&s->name_node, &names);
	return 0;
}

int schm_registry_add(struct schm_scheme *s)
{
	int ret;

	schm_scheme_get(s);
	mutex_lock(&names_lock);
	ret = add_locked(s);
	mutex_unlock(&names_lock);
	if (ret)
		schm_scheme_put(s);
	return ret;
}

void schm_registry_del(struct schm_scheme *s)
{
	mutex_lock(&names_lock);
	xa_erase(&minors, s->minor);
	schm_node_del(s->node);
	list_del_init(&s->name_node);
	mutex_unlock(&names_lock);
	schm_scheme_put(s);
}

struct schm_scheme *schm_registry_find_minor(unsigned int minor)
{
	struct schm_scheme *s;

	rcu_read_lock();
	s = xa_load(&minors, minor);
	if (s && !kref_get_unless_zero(&s->ref))
		s = NULL;
	rcu_read_unlock();
	return s;
}

struct schm_scheme *schm_registry_find_name(const char *name)
{
	struct schm_scheme *s;

	mutex_lock(&names_lock);
	s = find_name_locked(name);
	if (s)
		schm_scheme_get(s);
	mutex_unlock(&names_lock);
	return s;
}

dev_t schm_registry_dev(const struct schm_scheme *s)
{
	return MKDEV(MAJOR(first_dev), s->minor);
}

bool schm_registry_empty(void)
{
	return xa_empty(&minors);
}

struct schm_scheme *schm_registry_next(unsigned long *minor)
{
	struct schm_scheme *s;

	rcu_read_lock();
	while ((s = xa_find(&minors, minor, ULONG_MAX, XA_PRESENT)) &&
	       !kref_get_unless_zero(&s->ref))
		++*minor;
	rcu_read_unlock();
	return s;
}

void schm_registry_for_each(void (*fn)(struct schm_scheme *s))
{
	struct schm_scheme *s;
	unsigned long minor = 0;

	while ((s = schm_registry_next(&minor))) {
		fn(s);
		schm_scheme_put(s);
		minor++;
	}
}
