/* SPDX-License-Identifier: GPL-2.0 */
/* How schemes die. */
#ifndef SCHM_LIFE_H
#define SCHM_LIFE_H

#include "schm.h"

/*
 * End the scheme: no new opens, every request ends with ENODEV, everybody who
 * polls is woken, the name becomes free. Any number of times, from anywhere
 * that may sleep; returns when the name is free.
 */
void schm_scheme_kill(struct schm_scheme *s);

/*
 * The same for a scheme that could not be registered. Its number was known for
 * a moment, so that somebody may have opened it.
 */
void schm_scheme_discard(struct schm_scheme *s);

/*
 * Have fn called whenever a scheme has been stopped, before its name is free;
 * it must not wait. NULL: nobody wants to know any more.
 */
void schm_scheme_on_stop(void (*fn)(void));

/* Look after the owners of all schemes while there are any. */
void schm_watch_start(void);
void schm_watch_stop(void);

#endif /* SCHM_LIFE_H */
