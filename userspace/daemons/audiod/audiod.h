/* SPDX-License-Identifier: MIT */
/*
 * What audiod's files share.
 *
 *	main	options		files	the scheme's callbacks
 *	serve	the loop	rings	rings that came by a socket
 *	sink	deadlines	output	where the sound goes (alsa: a card)
 *	status	in words
 *
 * One thread, the one of main(), serves the scheme and every ring and plays. A
 * second one only sleeps: it waits for signals, and for rings that come by a socket
 * and for their ends, so that the first one, when it spins, need not ask the kernel
 * for them.
 */
#ifndef AUDIOD_H
#define AUDIOD_H

#include <pthread.h>
#include <stdatomic.h>

#include <scheme_ring.h>

#include "daemon.h"
#include "flat.h"
#include "output.h"
#include "quota.h"
#include "sink.h"

#define RINGS_MAX	32U
#define RING_DEPTH	64U	/* requests of each at a time */
#define STATUS_MAX	16U	/* descriptors of the status */
#define STATUS_MISSES	16U	/* that it tells */
#define VISITORS_MAX	8U	/* who have connected and not yet brought a ring */

/* What a user has a quarter of at most: kinds of the quota. */
enum { QUOTA_RINGS, QUOTA_STATUSES, QUOTA_VISITORS };

/* A ring that is served here. */
struct link {
	uid_t			uid;
	int			life;		/* that the other thread watches, or -1 */
	struct scheme_ring	*ring;
	struct scheme_ring_server *server;
};

struct status {
	uid_t			uid;
	char			*text;		/* NULL: a free place */
};

struct audiod {
	struct daemon		daemon;
	/* options */
	struct audio_format	format;
	const char		*socket;	/* listen here; there is no module */
	const char		*wav, *alsa;
	int			priority;	/* SCHED_FIFO; 0: none */
	bool			spins;
	bool			json;

	/* the thread that serves */
	struct output		output;
	struct sink		sink;
	struct scheme_queue	*queue;		/* NULL without a module */
	struct flat		play, status;
	struct status		statuses[STATUS_MAX];	/* as they were at open */
	struct link		links[RINGS_MAX];
	unsigned int		nr_links;

	/* between both threads */
	int			wake_fd;	/* an eventfd: look at what follows */
	int			ended_fd;	/* and one for the other direction */
	int			lives_fd;	/* an epoll of links' lives; -1: none */
	struct quota		quota;
	atomic_bool		stop;
	atomic_bool		news;		/* written with lock: there is some of */
	pthread_mutex_t		lock;
	bool			hung_up;	/* lock; some client has */
	struct link		new_links[RINGS_MAX]; /* lock */
	unsigned int		nr_new;		/* lock */

	/* the other thread */
	pthread_t		door;
	int			listen_fd;	/* -1: none */
};

/* files.c */
extern const struct scheme_ops audio_ops;
/* When options are known: who may play, and look. */
void files_init(struct audiod *a);
void files_uninit(struct audiod *a);

/*
 * status.c: one line of JSON, to be freed; NULL: no memory. misses: tell so many of
 * the last ones, at most SINK_MISSES.
 */
char *status_text(const struct audiod *a, unsigned int misses);

/* rings.c: the other thread. 0, or -errno after one line on stderr. */
int rings_listen(struct audiod *a);
int rings_start(struct audiod *a);
void rings_stop(struct audiod *a);

/* serve.c: until told to stop, or the scheme is dead. 0, or -errno. */
int serve(struct audiod *a);
/* Close all rings, when there is no other thread. */
void serve_end(struct audiod *a);
/* The one that a client asks the module for: accept it, or -errno. */
int serve_accept(struct audiod *a, struct scheme_req *req);
/* From the other thread: a ring, which is ours now; some client has hung up; stop. */
void serve_add(struct audiod *a, const struct link *link);
void serve_hung_up(struct audiod *a);
void serve_stop(struct audiod *a);

/* A place for a ring of this user's, till link_close(). -ENOBUFS, -ENOMEM. */
int link_new(struct audiod *a, struct link *link, uid_t uid);
/* Serve link->ring. */
int link_serve(struct audiod *a, struct link *link,
	       const struct scheme_ring_server_config *who);
void link_close(struct audiod *a, struct link *link);

#endif /* AUDIOD_H */
