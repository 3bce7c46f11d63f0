// SPDX-License-Identifier: GPL-2.0
/* What may be asked for at CREATE, and what is taken when nothing is said. */
#include "config.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "limits.h"
#include "scheme.h"

bool schm_name_valid(const char *name, size_t size)
{
	size_t i, len = strnlen(name, size);

	if (!len || len > SCHEME_NAME_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (name[i] >= 'a' && name[i] <= 'z')
			continue;
		if (!i || !((name[i] >= '0' && name[i] <= '9') ||
			    strchr("._+-", name[i])))
			return false;
	}
	return true;
}

static bool name_for_users(const char *name)
{
	return strstarts(name, SCHEME_USER_PREFIX) &&
	       name[strlen(SCHEME_USER_PREFIX)];
}

static int config_name(struct schm_config *config,
		       const struct scheme_create *arg)
{
	if (!schm_name_valid(arg->name, sizeof(arg->name)))
		return -EINVAL;
	config->privileged = capable(CAP_SYS_ADMIN);
	if (!config->privileged && !name_for_users(arg->name))
		return -EPERM;
	strscpy(config->name, arg->name, sizeof(config->name));
	return 0;
}

/* Who gets the node: the creator's to choose within its own rights. */
static int config_node(struct schm_config *config,
		       const struct scheme_create *arg)
{
	config->mode = arg->mode;
	config->uid = current_euid();
	config->gid = current_egid();
	if (arg->mode & ~(u32)0777)
		return -EINVAL;
	if (arg->uid != (u32)-1)
		config->uid = make_kuid(current_user_ns(), arg->uid);
	if (arg->gid != (u32)-1)
		config->gid = make_kgid(current_user_ns(), arg->gid);
	if (!uid_valid(config->uid) || !gid_valid(config->gid))
		return -EINVAL;
	if (uid_eq(config->uid, current_euid()) &&
	    (gid_eq(config->gid, current_egid()) || in_group_p(config->gid)))
		return 0;
	return capable(CAP_CHOWN) ? 0 : -EPERM;
}

static int config_sizes(struct schm_config *config,
			const struct scheme_create *arg)
{
	u64 bytes;

	config->queues = arg->queues ?: 1;
	config->depth = arg->depth ?: SCHM_DEPTH_DEFAULT;
	config->slot_size = arg->slot_size ?: SCHM_SLOT_DEFAULT;
	if (config->queues > SCHM_QUEUES_MAX ||
	    config->depth > SCHM_DEPTH_MAX || !is_power_of_2(config->depth) ||
	    config->slot_size > SCHM_SLOT_MAX ||
	    config->slot_size < PAGE_SIZE || !is_power_of_2(config->slot_size))
		return -EINVAL;
	bytes = (u64)config->depth * config->slot_size;
	if (bytes > SCHM_QUEUE_BYTES_MAX ||
	    bytes * config->queues > SCHM_SCHEME_BYTES_MAX)
		return -EINVAL;
	if (!config->privileged &&
	    bytes * config->queues > SCHM_USER_BYTES_MAX)
		return -EPERM;
	return 0;
}

static int config_limits(struct schm_config *config,
			 const struct scheme_create *arg)
{
	u32 tags = config->depth * config->queues;

	if (arg->user_limit > tags || arg->timeout_ms > SCHM_TIMEOUT_MAX_MS ||
	    arg->busy_poll_us > SCHM_BUSY_POLL_MAX_US)
		return -EINVAL;
	/* an eighth stays for the others, however stuck one client's are */
	config->user_limit = arg->user_limit ?: tags - tags / 8;
	config->timeout_ms = arg->timeout_ms;
	config->busy_poll_us = arg->busy_poll_us;
	return 0;
}

int schm_config_check(struct schm_config *config,
		      const struct scheme_create *arg)
{
	int ret;

	if (arg->abi >> 16 != SCHEME_ABI_MAJOR)
		return -ENOSYS;
	if (arg->flags || arg->reserved0 ||
	    memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	ret = config_name(config, arg);
	if (!ret)
		ret = config_node(config, arg);
	if (!ret)
		ret = config_sizes(config, arg);
	if (!ret)
		ret = config_limits(config, arg);
	return ret;
}
