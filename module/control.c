// SPDX-License-Identifier: GPL-2.0
/* The control node: what the module can do, and the making of schemes. */
#include "control.h"

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "config.h"
#include "event.h"
#include "life.h"
#include "limits.h"
#include "phys.h"
#include "provider.h"
#include "registry.h"
#include "scheme.h"

#define FEATURES (SCHEME_F_URING_ENTER | SCHEME_F_BUSY_POLL | \
		  SCHEME_F_EVENTS | SCHEME_F_MEMORY | \
		  (SCHM_FIXED_BUFFERS ? SCHEME_F_MEMORY_FIXED : 0) | \
		  SCHEME_F_SCHEMEFS | SCHEME_F_REQUEST | SCHEME_F_RING | \
		  (SCHM_CMD_CANCEL ? SCHEME_F_URING_CANCEL : 0))

static long control_query(void __user *argp)
{
	const struct scheme_query query = {
		.abi = SCHEME_ABI,
		.name_max = SCHEME_NAME_MAX,
		.features = FEATURES,
		.queues_max = SCHM_QUEUES_MAX,
		.depth_max = SCHM_DEPTH_MAX,
		.slot_size_max = SCHM_SLOT_MAX,
		.schemes_max = SCHM_SCHEMES_MAX,
		.queue_bytes_max = SCHM_QUEUE_BYTES_MAX,
	};

	return copy_to_user(argp, &query, sizeof(query)) ? -EFAULT : 0;
}

/* A name whose owner is on its way out is free as soon as it has been ended. */
static int add_name(struct schm_scheme *s)
{
	struct schm_scheme *holder;
	int ret;

	if (!strcmp(s->config.name, SCHM_EVENT_NAME) ||
	    !strcmp(s->config.name, SCHM_PHYS_NAME))
		return -EEXIST;
	ret = schm_registry_add(s);
	if (ret != -EEXIST)
		return ret;
	holder = schm_registry_find_name(s->config.name);
	if (holder) {
		if (schm_scheme_alive(holder) && !schm_scheme_owner_dying(holder)) {
			schm_scheme_put(holder);
			return -EEXIST;
		}
		schm_scheme_kill(holder);
		schm_scheme_put(holder);
	}
	return schm_registry_add(s);
}

static long control_create(void __user *argp)
{
	struct schm_config config = {};
	struct scheme_create arg;
	struct schm_scheme *s;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = schm_config_check(&config, &arg);
	if (ret)
		return ret;
	arg.features = FEATURES;
	if (copy_to_user(argp, &arg, sizeof(arg)))
		return -EFAULT;

	s = schm_scheme_alloc(&config);
	if (IS_ERR(s))
		return PTR_ERR(s);
	ret = add_name(s);
	if (ret) {
		schm_scheme_discard(s);
		goto err_put_scheme;
	}
	schm_watch_start();
	ret = schm_provider_fd(s);
	if (ret < 0)
		goto err_kill;
	return ret;

err_kill:
	schm_scheme_kill(s);
err_put_scheme:
	schm_scheme_put(s);
	return ret;
}

static long control_kill(void __user *argp)
{
	struct schm_scheme *s;
	struct scheme_kill arg;
	int ret = 0;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || arg.reserved || !schm_name_valid(arg.name, sizeof(arg.name)))
		return -EINVAL;
	s = schm_registry_find_name(arg.name);
	if (!s)
		return -ENOENT;
	if (uid_eq(s->creator, current_euid()) || capable(CAP_SYS_ADMIN))
		schm_scheme_kill(s);
	else
		ret = -EPERM;
	schm_scheme_put(s);
	return ret;
}

static long control_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	/* a reader may ask; making and ending schemes takes write access */
	if (cmd != SCHEME_IOC_QUERY && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	switch (cmd) {
	case SCHEME_IOC_QUERY:
		return control_query(argp);
	case SCHEME_IOC_CREATE:
		return control_create(argp);
	case SCHEME_IOC_KILL:
		return control_kill(argp);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations control_fops = {
	.owner		= THIS_MODULE,
	.open		= nonseekable_open,
	.unlocked_ioctl	= control_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice control_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "scheme-control",
	.fops	= &control_fops,
	.mode	= 0600,
};

int schm_control_init(void)
{
	return misc_register(&control_dev);
}

void schm_control_exit(void)
{
	misc_deregister(&control_dev);
}
