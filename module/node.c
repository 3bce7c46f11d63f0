// SPDX-License-Identifier: GPL-2.0
/* The device node of a scheme and its attributes in sysfs. */
#include "node.h"

#include <linux/device.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "scheme.h"

/*
 * Outlives the scheme if somebody keeps the device: what devtmpfs asks for is
 * here. The driver data, a scheme, is valid until device_del() has returned.
 */
struct schm_node {
	struct device	dev;
	umode_t		mode;
	kuid_t		uid;
	kgid_t		gid;
};

static struct class *scheme_class;

/*
 * Without a name from here the driver core would take the device's own, and put
 * the node into /dev itself: a few bytes must be had.
 */
static char *node_devnode(SCHM_DEVNODE_CONST struct device *dev, umode_t *mode,
			  kuid_t *uid, kgid_t *gid)
{
	SCHM_DEVNODE_CONST struct schm_node *node =
		container_of(dev, SCHM_DEVNODE_CONST struct schm_node, dev);

	if (mode)
		*mode = node->mode;
	if (uid)
		*uid = node->uid;
	if (gid)
		*gid = node->gid;
	return kasprintf(GFP_KERNEL | __GFP_NOFAIL, "scheme/%s", dev_name(dev));
}

static ssize_t owner_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%d\n",
			  schm_scheme_owner_nr(dev_get_drvdata(dev)));
}
static DEVICE_ATTR_RO(owner);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	const struct schm_scheme *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", schm_scheme_alive(s) ? "alive" : "dying");
}
static DEVICE_ATTR_RO(state);

#define CONFIG_ATTR(field)						\
static ssize_t field##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	const struct schm_scheme *s = dev_get_drvdata(dev);		\
									\
	return sysfs_emit(buf, "%u\n", s->config.field);		\
}									\
static DEVICE_ATTR_RO(field)

CONFIG_ATTR(queues);
CONFIG_ATTR(depth);
CONFIG_ATTR(slot_size);
CONFIG_ATTR(user_limit);
CONFIG_ATTR(timeout_ms);
CONFIG_ATTR(busy_poll_us);

#define STATS_ATTR(field)						\
static ssize_t field##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct scheme_stats stats;					\
									\
	schm_scheme_stats(dev_get_drvdata(dev), &stats);		\
	return sysfs_emit(buf, "%llu\n", stats.field);			\
}									\
static DEVICE_ATTR_RO(field)

STATS_ATTR(requests);
STATS_ATTR(answers);
STATS_ATTR(refused);
STATS_ATTR(bad_results);
STATS_ATTR(cancels);
STATS_ATTR(abandoned);
STATS_ATTR(timeouts);
STATS_ATTR(closes);
STATS_ATTR(events);
STATS_ATTR(enters);
STATS_ATTR(in_flight);
STATS_ATTR(handles);
STATS_ATTR(broken);

static struct attribute *node_attrs[] = {
	&dev_attr_owner.attr,
	&dev_attr_state.attr,
	&dev_attr_queues.attr,
	&dev_attr_depth.attr,
	&dev_attr_slot_size.attr,
	&dev_attr_user_limit.attr,
	&dev_attr_timeout_ms.attr,
	&dev_attr_busy_poll_us.attr,
	&dev_attr_requests.attr,
	&dev_attr_answers.attr,
	&dev_attr_refused.attr,
	&dev_attr_bad_results.attr,
	&dev_attr_cancels.attr,
	&dev_attr_abandoned.attr,
	&dev_attr_timeouts.attr,
	&dev_attr_closes.attr,
	&dev_attr_events.attr,
	&dev_attr_enters.attr,
	&dev_attr_in_flight.attr,
	&dev_attr_handles.attr,
	&dev_attr_broken.attr,
	NULL
};
ATTRIBUTE_GROUPS(node);

static const struct device_type node_type = {
	.name = "scheme",
	.groups = node_groups,
	.devnode = node_devnode,
};

int schm_node_init(void)
{
	scheme_class = schm_class_create("scheme");
	return PTR_ERR_OR_ZERO(scheme_class);
}

void schm_node_exit(void)
{
	class_destroy(scheme_class);
}

static void node_release(struct device *dev)
{
	kfree(container_of(dev, struct schm_node, dev));
}

struct schm_node *schm_node_add(struct schm_scheme *s, dev_t devt)
{
	struct schm_node *node;
	int ret;

	node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	if (!node)
		return ERR_PTR(-ENOMEM);
	node->mode = s->config.mode;
	node->uid = s->config.uid;
	node->gid = s->config.gid;
	device_initialize(&node->dev);
	node->dev.class = scheme_class;
	node->dev.type = &node_type;
	node->dev.release = node_release;
	node->dev.devt = devt;
	dev_set_drvdata(&node->dev, s);
	ret = dev_set_name(&node->dev, "%s", s->config.name);
	if (!ret)
		ret = device_add(&node->dev);
	if (ret) {
		put_device(&node->dev);
		return ERR_PTR(ret);
	}
	return node;
}

void schm_node_del(struct schm_node *node)
{
	device_del(&node->dev);
	put_device(&node->dev);
}
