// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "client.h"
#include "control.h"
#include "event.h"
#include "life.h"
#include "phys.h"
#include "registry.h"
#include "request.h"
#include "schemefs.h"

static int __init schm_init(void)
{
	int ret;

	ret = schm_req_init();
	if (ret)
		return ret;
	ret = schm_registry_init(&schm_client_fops);
	if (ret)
		goto err_req_exit;
	ret = schm_event_init();
	if (ret)
		goto err_registry_exit;
	ret = schm_phys_init();
	if (ret)
		goto err_event_exit;
	ret = schm_fs_init();
	if (ret)
		goto err_phys_exit;
	ret = schm_control_init();
	if (ret)
		goto err_fs_exit;
	return 0;

err_fs_exit:
	schm_fs_exit();
err_phys_exit:
	schm_phys_exit();
err_event_exit:
	schm_event_exit();
err_registry_exit:
	schm_registry_exit();
err_req_exit:
	schm_req_exit();
	return ret;
}

static void __exit schm_exit(void)
{
	schm_control_exit();
	schm_watch_stop();
	schm_fs_exit();
	schm_phys_exit();
	schm_event_exit();
	schm_registry_exit();
	schm_req_exit();
	/* schemes are freed by RCU, with code of the kernel's; wait all the same */
	rcu_barrier();
}

module_init(schm_init);
module_exit(schm_exit);

MODULE_DESCRIPTION("Redox-style schemes: user-space daemons serve devices");
MODULE_AUTHOR("The redox-scheme developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
