/* SPDX-License-Identifier: GPL-2.0 */
/*
 * redox_scheme: user-space daemons serve character devices and directories.
 *
 * Layers; a file includes its own or lower ones only:
 *
 *   entry	control provider enter attach client* ring_file event phys
 *		schemefs*				user pointers, fops
 *   work	life transfer op request answer ticket handle map window equeue
 *		watch ring ring_pool pcidev owner dmabuf
 *							no fops but of what is mapped
 *   objects	config scheme queue park memory registry node account buf
 *		pages range				references, lists
 *   base	limits compat command
 *
 * client and provider never include each other; they meet in request.h.
 *
 * Locking, outer to inner
 *
 *   io_uring ctx lock	not ours; may be held on entry to ->uring_cmd()
 *     nest_lock	mutex	event queues that watch each other. Taken by a
 *				watch of a queue, and as such a queue is closed
 *   s_umount, s_vfs_rename_mutex, i_rwsem	not ours; held on entry to most
 *				operations of schemefs, and, but for s_umount, while
 *				a request waits for its answer. With the second
 *				held an unprivileged provider is not asked
 *     names_lock	mutex	registry: the list of names, device_add and
 *				device_del. Taken by create and kill only
 *       queue->lock	spin	one queue: private ring indices, tags, request
 *				states and their files in flight, lists of
 *				entries, the parked command
 *         scheme->lock	spin	state, owner, table of handles, table of users,
 *				memory and mappings of handles, their readiness
 *				and the watches of them; the list of direct rings
 *           ring->lock	spin	a direct ring: state, doorbells, what is lent to
 *				it, the watches of its ends
 *           equeue->lock spin	an event queue: its watches, the ready ones, and
 *				the watches of it. Of several queues, the
 *				watched before the watching: at most
 *				SCHM_NEST_MAX, an order that nest_lock keeps
 *   device lock	not ours; of a PCI function: held while it is taken away,
 *				and taken before an owner that has it ends
 *     devices_lock	mutex	pcidev: who has which function
 *       owner->lock	mutex	owners of buffers: state, device, numbers and
 *				addresses of buffers. mmap(2) takes it alone, with
 *				the address-space lock held
 *   dmabuf->lock	mutex	the devices attached to a dma-buf; dma_resv locks
 *				of the importers outside; alone
 *   accounts_lock	spin	who has event queues or buffers; alone
 *   all_lock		spin	the list of all schemes; alone
 *   tops_lock		spin	schemefs: the list of schemes' root inodes;
 *				i_lock inside, by igrab()
 *   schm_inode->lock	spin	schemefs: attributes and open handles of an
 *				inode; alone
 *             wait-queue locks	of handles, completions and queues; innermost.
 *				None of our callbacks is on them
 *
 * mmap(2) comes with the address-space lock held and takes scheme->lock,
 * ring->lock or owner->lock, alone;
 * copying to and from user memory, which may take that lock, is done under none.
 *
 * All of it is taken in process context; no interrupt or timer comes here.
 *
 *   - No lock is held while calling into io_uring, and no spinlock while
 *     touching user memory: what must happen outside a queue's lock is
 *     collected on a struct schm_late and done by schm_late_run().
 *   - The memory shared with a provider is read once, copied, then checked. The
 *     module keeps its own copy of every index and never reads one back that
 *     it has written.
 *   - Lookups by minor number read the registry's xarray under RCU and take a
 *     reference unless the last one is gone; schemes are freed by RCU.
 *
 * Who owns what
 *
 *   scheme	registry (until killed) · provider fds · queue fds · handles
 *   queue	its scheme; freed with it
 *   equeue	its file
 *   watch	its event queue and its source: whichever file goes first ends
 *		it. Keeps neither
 *   handle	its file · every request on it · every mapping of it; the last
 *		one sends the CLOSE. A request of schemefs by path has one of
 *		its own, not open
 *   inode	of schemefs: its dentry and files; holds its scheme. When a
 *		scheme dies, its root's dentry is invalidated, and with it
 *		all below that nobody uses
 *   request	the client that waits for it · its tag, from reserve to the
 *		answer or the scheme's death
 *   file in flight	its request, see ticket.h; attached memory: its handle
 *   owner	its file; a PCI function points at it while it is bound
 *   buf	its owner · mappings · dma-bufs. Pages: also whoever pins them
 *   ring	the files of its ends, which a mapping of entries keeps, too; the
 *		provider's is in flight until it is fetched. Holds its scheme,
 *		the memory of its pool, and files that the client has lent. Whose
 *		file goes first ends it
 *   account	event queues, owners, buffers and rings of one uid
 *
 * Removal: three doors, one exit
 *
 *   answer taken -> req_answer_locked	caller leaves -> req_leave
 *   scheme or ring dies -> schm_queue_fail
 *
 * Whoever moves the request's state under queue->lock has ended it; the others
 * find a final state and leave. See request.h for the states.
 */
#ifndef SCHM_H
#define SCHM_H

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/types.h>

#include <linux/redox_scheme.h>

struct schm_entry;
struct schm_equeue;
struct schm_handle;
struct schm_late;
struct schm_queue;
struct schm_req;
struct schm_ring;
struct schm_scheme;
struct schm_source;
struct schm_user;

#endif /* SCHM_H */
