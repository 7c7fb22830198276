// Threads that share the turns of a loop. Each turn writes to places of its own, so
// that the result does not depend on which thread runs it.

// The turns of a loop from `first` up to `last`, on what `share` was given.
typedef void loop_turns(int64_t first, int64_t last, const void *const *arrays,
                        const int64_t *sizes);

// In additions: what a thread takes at a time. The sums of so many parts are kept.
enum { COST_OF_PART = PART_COST, MOST_PARTS = PART_COUNT };

// How many turns are a part, each of which costs as much as `cost` additions.
static inline int64_t turns_of_part(int64_t cost) {
    return 1 + COST_OF_PART / (1 + cost);
}

// The same for a loop that has sums for each part.
static inline int64_t turns_of_sums(int64_t turns, int64_t cost) {
    const int64_t least = 1 + (turns - 1) / MOST_PARTS, usual = turns_of_part(cost);
    return usual < least ? least : usual;
}

static inline int64_t count_parts(int64_t turns, int64_t at_once) {
    return turns <= at_once ? 1 : 1 + (turns - 1) / at_once;
}

// The sums of a part: those of the first one stand in the result, all others elsewhere.
static inline void *sums_of_part(int64_t part, const void *result, const void *others,
                                 int64_t bytes) {
    return part == 0 ? (char *)result : (char *)others + (part - 1) * bytes;
}

// Runs all turns, a part after another, without threads.
static void run_alone(loop_turns *run, int64_t turns, int64_t at_once,
                      const void *const *arrays, const int64_t *sizes) {
    int64_t first = 0;
    for (; first + at_once < turns; first += at_once) {
        run(first, first + at_once, arrays, sizes);
    }
    run(first, turns, arrays, sizes);
}

#if defined(_WIN32)
static void share(loop_turns *run, int64_t turns, int64_t at_once,
                  const void *const *arrays, const int64_t *sizes) {
    run_alone(run, turns, at_once, arrays, sizes);
}
#else
#include <pthread.h>

int getpid(void);

static int64_t threads = 0;

// The program says how many there are, those that call `share` included.
void use_threads(int64_t count) {
    threads = count;
}

// The loop that is running, and the threads that wait for the next one.
static struct {
    int user;     // The process that runs a loop; 0 for none.
    int process;  // That of the threads: what is forked has none of them.
    pthread_mutex_t lock;
    pthread_cond_t begun, ended;
    int64_t started, most, running, turns, next, at_once;
    loop_turns *run;
    const void *const *arrays;
    const int64_t *sizes;
} pool;

// Runs the next turns that no thread has taken; the lock is held before and after.
static bool run_next(void) {
    const int64_t first = pool.next, rest = pool.turns - first;
    if (rest <= 0 || pool.running >= pool.most) {
        return false;
    }
    const int64_t last = first + (rest < pool.at_once ? rest : pool.at_once);
    pool.next = last;
    pool.running++;
    pthread_mutex_unlock(&pool.lock);
    pool.run(first, last, pool.arrays, pool.sizes);
    pthread_mutex_lock(&pool.lock);
    pool.running--;
    return true;
}

static void *wait_for_loops(void *unused) {
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (run_next()) {
        }
        if (pool.running == 0) {
            pthread_cond_signal(&pool.ended);
        }
        pthread_cond_wait(&pool.begun, &pool.lock);
    }
    return unused;
}

static void start_threads(void) {
    pthread_attr_t options;
    pthread_t thread;
    pthread_attr_init(&options);
    pthread_attr_setdetachstate(&options, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&options, 1 << 20);
    while (pool.started < pool.most - 1
           && pthread_create(&thread, &options, wait_for_loops, 0) == 0) {
        pool.started++;
    }
    pthread_attr_destroy(&options);
}

// False where another thread of the program has a loop running.
static bool take_pool(void) {
    const int process = getpid();
    int user = __atomic_load_n(&pool.user, __ATOMIC_RELAXED);
    if (user == process
        || !__atomic_compare_exchange_n(&pool.user, &user, process, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return false;
    }
    if (pool.process != process) {
        pthread_mutex_init(&pool.lock, 0);
        pthread_cond_init(&pool.begun, 0);
        pthread_cond_init(&pool.ended, 0);
        pool.process = process;
        pool.started = pool.running = 0;
    }
    return true;
}

// Runs all turns of a loop, `at_once` as a part. Two parts are worth a second thread.
static void share(loop_turns *run, int64_t turns, int64_t at_once,
                  const void *const *arrays, const int64_t *sizes) {
    if (threads < 2 || turns <= at_once || !take_pool()) {
        run_alone(run, turns, at_once, arrays, sizes);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool.run = run;
    pool.arrays = arrays;
    pool.sizes = sizes;
    pool.turns = turns;
    pool.at_once = at_once;
    pool.most = threads;
    pool.next = 0;
    start_threads();
    pthread_cond_broadcast(&pool.begun);
    while (run_next()) {
    }
    while (pool.running > 0) {
        pthread_cond_wait(&pool.ended, &pool.lock);
    }
    pthread_mutex_unlock(&pool.lock);
    __atomic_store_n(&pool.user, 0, __ATOMIC_RELEASE);
}
#endif
