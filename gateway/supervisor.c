/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See supervisor.h for the picture. The supervisor has a loop of its own (metrics, signals, timers)
 * and never touches PostgreSQL, Redis or a carrier: whatever breaks them cannot end it.
 */
#include "gateway/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/app.h"
#include "gateway/io/http_server.h"
#include "gateway/io/loop.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/io/listener.h"

#define SLAB_ENTRIES   1024
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define STABLE_MS      10000 /* a worker that lived this long starts again without back-off */
#define KILL_GRACE_MS  3000  /* beyond drain_wait + drain_limit */

static struct counter restarts = COUNTER("coko_worker_restarts_total", "Workers started again");
static struct counter reload_ok =
    GAUGE("coko_config_reload_success", "1 when the last configuration load succeeded");
static struct counter reload_at = GAUGE("coko_config_last_reload_timestamp_seconds",
                                        "When the configuration in force was loaded");
static struct counter build_info = GAUGE("coko_build_info", "Constant 1, labelled by version");
static struct counter workers_up = GAUGE("coko_workers", "Running worker processes");

struct slot {
    struct supervisor *s;
    unsigned no;
    pid_t pid; /* 0: no process */
    int control;
    int64_t started_ms;
    int64_t backoff_ms;
    struct loop_timer restart;
    void *slab;
};

struct supervisor {
    struct config *cfg;
    const char *config_path;
    struct loop *loop;
    struct http_server *metrics;
    int metrics_fd;
    unsigned nslots;
    struct slot *slots;
    int *listeners;
    void *own_slab;
    struct app_text *texts; /* two, shared with the workers */
    unsigned generation;    /* of the configuration; its text is texts[generation & 1] */
    const void **slabs;     /* every slot's, then our own */
    size_t slab_size;
    struct event *signals[4];
    struct loop_timer kill_timer;
    bool stopping;
    int exit_code;
};

static void slot_start(struct slot *sl);

/* ---- control of the workers ---- */

static void slot_tell(struct slot *sl, enum app_command cmd, unsigned arg)
{
    unsigned char m[2] = {(unsigned char)cmd, (unsigned char)arg};

    if (sl->pid && write(sl->control, m, sizeof m) != sizeof m)
        log_warn(NULL, "worker not told", "slot=%u command=%c", sl->no, cmd);
}

static void tell_all(struct supervisor *s, enum app_command cmd, unsigned arg)
{
    for (unsigned i = 0; i < s->nslots; i++)
        slot_tell(&s->slots[i], cmd, arg);
}

static unsigned running(const struct supervisor *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->nslots; i++)
        n += s->slots[i].pid != 0;
    return n;
}

/* The next living slot accepts for the dead one, so that its backlog does not wait. */
static void adopt_listener(struct slot *dead)
{
    struct supervisor *s = dead->s;

    for (unsigned i = 1; i < s->nslots; i++) {
        struct slot *n = &s->slots[(dead->no + i) % s->nslots];

        if (n->pid) {
            slot_tell(n, APP_ADOPT, dead->no);
            return;
        }
    }
}

/* ---- fork ---- */

static void child_main(struct slot *sl, int control)
{
    struct supervisor *s = sl->s;
    struct app_env env = {.cfg = s->cfg,
                          .config_path = s->config_path,
                          .slot = sl->no,
                          .listeners = s->listeners,
                          .slots = s->nslots,
                          .control = control,
                          .texts = s->texts,
                          .slab = sl->slab,
                          .slab_size = s->slab_size};
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;

    /* the supervisor's handlers write into its loop's pipe, which is not ours */
    sigaction(SIGTERM, &dfl, NULL);
    sigaction(SIGINT, &dfl, NULL);
    sigaction(SIGHUP, &dfl, NULL);
    sigaction(SIGCHLD, &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (unsigned i = 0; i < s->nslots; i++) {
        if (s->slots[i].pid)
            close(s->slots[i].control);
    }
    close(s->metrics_fd);
    exit(app_run(&env));
}

static void slot_start(struct slot *sl)
{
    struct supervisor *s = sl->s;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        log_error(NULL, "no control socket", "slot=%u errno=%d", sl->no, errno);
        loop_timer_set(&sl->restart, BACKOFF_MAX_MS);
        return;
    }
    pid_t pid = fork();

    if (pid == 0) {
        close(pair[0]);
        child_main(sl, pair[1]);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        log_error(NULL, "cannot fork", "slot=%u errno=%d", sl->no, errno);
        loop_timer_set(&sl->restart, BACKOFF_MAX_MS);
        return;
    }
    sl->pid = pid;
    sl->control = pair[0];
    sl->started_ms = loop_now_ms(s->loop);
    counter_set(&workers_up, running(s));
    log_info(NULL, "worker started", "slot=%u pid=%d", sl->no, (int)pid);
}

static void on_restart(void *arg)
{
    struct slot *sl = arg;

    if (sl->s->stopping)
        return;
    counter_inc(&restarts);
    slot_start(sl);
}

/* ---- death ---- */

static void slot_died(struct slot *sl, int status)
{
    struct supervisor *s = sl->s;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    int64_t lived = loop_now_ms(s->loop) - sl->started_ms;

    close(sl->control);
    sl->pid = 0;
    counter_set(&workers_up, running(s));
    log_at(clean ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, NULL, "worker ended",
           "slot=%u exit=%d signal=%d", sl->no, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    if (s->stopping) {
        s->exit_code |= clean ? 0 : 1;
        if (running(s) == 0)
            loop_stop(s->loop);
        return;
    }
    for (unsigned i = 0; i < s->nslots; i++) { /* also those that the dead one had taken in */
        if (s->slots[i].pid == 0)
            adopt_listener(&s->slots[i]);
    }
    sl->backoff_ms = lived > STABLE_MS
                         ? BACKOFF_MIN_MS
                         : MIN(MAX(sl->backoff_ms * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS);
    loop_timer_set(&sl->restart, sl->backoff_ms);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
    struct supervisor *s = arg;
    int status;
    pid_t pid;

    (void)sig;
    (void)what;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < s->nslots; i++) {
            if (s->slots[i].pid == pid)
                slot_died(&s->slots[i], status);
        }
    }
}

/* ---- stop and reload ---- */

static void on_kill_timer(void *arg)
{
    struct supervisor *s = arg;

    for (unsigned i = 0; i < s->nslots; i++) {
        if (s->slots[i].pid) {
            log_error(NULL, "worker killed", "slot=%u did not drain in time", i);
            kill(s->slots[i].pid, SIGKILL);
        }
    }
}

static void on_term(evutil_socket_t sig, short what, void *arg)
{
    struct supervisor *s = arg;

    (void)sig;
    (void)what;
    if (s->stopping)
        return;
    s->stopping = true;
    log_info(NULL, "draining", "workers=%u", running(s));
    for (unsigned i = 0; i < s->nslots; i++)
        loop_timer_clear(&s->slots[i].restart);
    tell_all(s, APP_DRAIN, 0);
    loop_timer_set(&s->kill_timer,
                   s->cfg->core.drain_wait_ms + s->cfg->core.drain_limit_ms + KILL_GRACE_MS);
    if (running(s) == 0)
        loop_stop(s->loop);
}

/* The file is read once, here: the text that was checked is the text that every worker takes. */
static struct config *read_fresh(struct supervisor *s, struct fault_list *faults)
{
    struct app_text *to = &s->texts[(s->generation + 1) & 1];
    struct config *fresh = NULL;
    struct buf text;
    struct err e = {0};

    buf_init(&text, INI_TEXT_MAX);
    if (config_read(s->config_path, &text, &e) != 0)
        fault_add(faults, s->config_path, 0, "%s", e.msg);
    else
        fresh = config_load_text(s->config_path, buf_str(&text), faults);
    if (fresh) {
        to->len = text.len;
        memcpy(to->text, buf_cstr(&text), text.len);
        s->generation++;
    }
    buf_wipe(&text);
    return fresh;
}

static void on_hup(evutil_socket_t sig, short what, void *arg)
{
    struct supervisor *s = arg;
    struct fault_list faults;

    (void)sig;
    (void)what;
    fault_init(&faults);
    struct config *fresh = read_fresh(s, &faults);

    counter_set(&reload_ok, fresh != NULL);
    if (!fresh) {
        log_error(NULL, "configuration refused", "%s", buf_cstr(&faults.text));
    } else {
        config_free(s->cfg);
        s->cfg = fresh;
        counter_set(&reload_at, clock_wall_us() / 1000000);
        log_set_level((enum log_level)fresh->core.log_level);
        log_info(NULL, "configuration loaded", "%s generation=%u", s->config_path, s->generation);
        tell_all(s, APP_RELOAD, s->generation & 1);
    }
    fault_fini(&faults);
}

/* ---- metrics ---- */

static void on_metrics(struct http_exchange *x, void *arg)
{
    struct supervisor *s = arg;

    counter_render(http_reply_buf(x), s->slabs, s->nslots + 1);
    http_reply_buf_send(x, 200, "text/plain; version=0.0.4; charset=utf-8");
}

static int metrics_open(struct supervisor *s, struct err *e)
{
    s->metrics = http_server_new(s->loop, NULL, e);
    s->metrics_fd = listener_open(s->cfg->http.metrics_listen, false, e);
    if (!s->metrics || s->metrics_fd < 0)
        return -1;
    if (http_mount(s->metrics, "/metrics", on_metrics, s,
                   &(struct http_mount_opts){.name = "metrics"}, e) != 0)
        return -1;
    return http_server_listen_fd(s->metrics, s->metrics_fd, e);
}

/* ---- life ---- */

static void *slab_map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static int slots_open(struct supervisor *s, struct err *e)
{
    for (unsigned i = 0; i < s->nslots; i++) {
        struct slot *sl = &s->slots[i];

        *sl = (struct slot){.s = s, .no = i, .slab = slab_map(s->slab_size)};
        s->slabs[i] = sl->slab;
        s->listeners[i] = listener_open(s->cfg->http.listen, true, e);
        if (!sl->slab || s->listeners[i] < 0)
            return -1;
        loop_timer_init(&sl->restart, s->loop, on_restart, sl);
    }
    return 0;
}

static void signals_open(struct supervisor *s)
{
    static const struct {
        int sig;
        event_callback_fn fn;
    } table[] = {{SIGTERM, on_term}, {SIGINT, on_term}, {SIGHUP, on_hup}, {SIGCHLD, on_child}};

    for (unsigned i = 0; i < ARRAY_LEN(table); i++) {
        s->signals[i] = evsignal_new(loop_base(s->loop), table[i].sig, table[i].fn, s);
        event_add(s->signals[i], NULL);
    }
}

static unsigned worker_count(const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->core.workers > 0)
        return (unsigned)c->core.workers;
    return cores > 0 ? (unsigned)MIN(cores, 64) : 1;
}

static int supervisor_open(struct supervisor *s, struct err *e)
{
    s->nslots = worker_count(s->cfg);
    s->slots = calloc(s->nslots, sizeof *s->slots);
    s->listeners = calloc(s->nslots, sizeof *s->listeners);
    s->slabs = calloc(s->nslots + 1, sizeof *s->slabs);
    s->slab_size = counter_slab_size(SLAB_ENTRIES);
    s->own_slab = slab_map(s->slab_size);
    s->texts = slab_map(2 * sizeof *s->texts);
    s->loop = loop_new(e);
    if (!s->slots || !s->listeners || !s->slabs || !s->own_slab || !s->texts || !s->loop)
        return -1;
    s->slabs[s->nslots] = s->own_slab;
    if (counter_attach(s->own_slab, s->slab_size, e) != 0 || slots_open(s, e) != 0)
        return -1;
    loop_timer_init(&s->kill_timer, s->loop, on_kill_timer, s);
    return metrics_open(s, e);
}

static void supervisor_close(struct supervisor *s)
{
    for (unsigned i = 0; i < ARRAY_LEN(s->signals); i++) {
        if (s->signals[i])
            event_free(s->signals[i]);
    }
    http_server_free(s->metrics);
    loop_timer_clear(&s->kill_timer);
    for (unsigned i = 0; s->slots && i < s->nslots; i++)
        loop_timer_clear(&s->slots[i].restart);
    if (s->loop)
        loop_free(s->loop);
    counter_detach();
    counter_forget(&build_info);
    free(s->slots);
    free(s->listeners);
    free(s->slabs);
    config_free(s->cfg);
}

int supervisor_run(struct config *c, const char *config_path)
{
    struct supervisor s = {.cfg = c, .config_path = config_path, .metrics_fd = -1};
    struct err e = {0};

    log_init((enum log_level)c->core.log_level, "supervisor", c->core.instance);
    signal(SIGPIPE, SIG_IGN);
    if (supervisor_open(&s, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "cannot start", &e);
        s.exit_code = 1;
    } else {
        counter_set(counter_with(&build_info, "version=\"" COKO_VERSION "\""), 1);
        counter_set(&reload_ok, 1);
        counter_set(&reload_at, clock_wall_us() / 1000000);
        signals_open(&s);
        for (unsigned i = 0; i < s.nslots; i++)
            slot_start(&s.slots[i]);
        loop_run(s.loop);
    }
    supervisor_close(&s);
    return s.exit_code;
}
