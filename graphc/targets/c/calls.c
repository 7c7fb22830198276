// Calls from Python. NumPy's interface for C fixes the members that an array has after
// the head of an object.
struct array_members {
    char *data;
    int axes;
    const intptr_t *shape;
    const intptr_t *strides;
    const void *base;
    const void *dtype;
    int flags;
};

struct call {
    const char *objects;
    int64_t first, count;
    const int64_t *types;
    const void *const *expected;
    void **addresses;
    const int64_t *sizes;
    const double *numbers;
    int (*run)(void *const *, const int64_t *, const double *);
    int (*step)(void *const *, const int64_t *, const double *, void *const *,
                const int64_t *, const double *);
    const struct call *then;
};

// The type of arrays, and where in objects their members and the items of a tuple
// begin; 0 where that is not known.
static const void *array_class;
static int64_t head_bytes, items_bytes;

void use_objects(const void *arrays, int64_t head, int64_t items) {
    array_class = arrays;
    head_bytes = head;
    items_bytes = items;
}

// Takes the addresses of objects in a tuple. Returns the place of the first that is not
// an array as it has to be, at the address that is expected, if any. For each, types
// has the dtype, the flags that must be set, the number of axes, and their sizes.
static int64_t take_addresses(const struct call *call) {
    if (items_bytes == 0) {
        return call->first;
    }
    const char *const *objects = (const void *)(call->objects + items_bytes);
    const int64_t *type = call->types;
    for (int64_t i = 0; i < call->count; i++) {
        const int64_t axes = type[2], *shape = type + 3;
        if (i >= call->first) {
            const char *members = objects[i] + head_bytes;
            const struct array_members *array = (const void *)members;
            // The last member of the head is the type of the object.
            if (((const void *const *)members)[-1] != array_class
                || (intptr_t)array->dtype != type[0]
                || (array->flags & type[1]) != type[1] || array->axes != axes) {
                return i;
            }
            for (int64_t axis = 0; axis < axes; axis++) {
                if (array->shape[axis] != shape[axis]) {
                    return i;
                }
            }
            if (call->expected == 0) {
                call->addresses[i] = array->data;
            } else if (call->expected[i] != array->data) {
                return i;
            }
        }
        type = shape + axes;
    }
    return call->count;
}

// Runs a function, and what comes after it. Returns what that does, or -1 - i where
// Python has to look at array i; those of what comes after are counted as one.
int call_on_arrays(const struct call *call) {
    int64_t place = take_addresses(call);
    if (place < call->count) {
        return (int)(-1 - place);
    }
    const struct call *then = call->then;
    if (then == 0) {
        return call->run(call->addresses, call->sizes, call->numbers);
    }
    if (take_addresses(then) < then->count) {
        return (int)(-1 - place);
    }
    return then->step(call->addresses, call->sizes, call->numbers, then->addresses,
                      then->sizes, then->numbers);
}
