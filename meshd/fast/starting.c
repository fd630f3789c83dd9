/* Whether an account may begin a request, by passing/caps.py: where its bucket was filled in this tick and has one left, and
   fewer are open than may be.  All else is Python's to say. */

#include "attributes.h"

enum { AT, REQUESTS, BEGUN };
static Slot of_bucket[] = {{"at", 0}, {"requests", 0}, {"begun_requests", 0}, {NULL, 0}};
enum { N_LIVE, N_LIMITS, N_TUNNELS_MOST, N_RATE, N_LEDGER, N_TUNNELS, N_CAPS, N_BUCKETS, N_WHEEL, N_MONOTONIC };
static Name names[] = {{"live", NULL},    {"limits", NULL},   {"tunnels_per_account", NULL}, {"requests_per_second", NULL},
                       {"ledger", NULL},  {"tunnels", NULL},  {"caps", NULL},                {"_buckets", NULL},
                       {"wheel", NULL},   {"monotonic", NULL}, {NULL, NULL}};

static PyTypeObject *all_caps, *buckets;
static PyObject *one;

/* Whether fewer exchanges are open than may be; -1 with an error. */
static int fewer_open(PyObject *plane, PyObject *id, PyObject *most)
{
    long long bound, open = 0;
    if (!integer(most, &bound))
        return 0;
    if (bound == 0)
        return 1;
    PyObject *ledger = PyObject_GetAttr(plane, names[N_LEDGER].name);
    PyObject *now = ledger == NULL ? NULL : PyObject_CallMethodOneArg(ledger, names[N_TUNNELS].name, id);
    const int done = now == NULL ? -1 : integer(now, &open) && open < bound;
    Py_XDECREF(ledger);
    Py_XDECREF(now);
    return done;
}

/* Whether a bucket was filled in this tick, and has one left; -1 with an error. */
static int has_one(PyObject *plane, PyObject *bucket)
{
    static const int to_now[] = {N_WHEEL, N_MONOTONIC};
    if (!is(bucket, buckets) || get(bucket, of_bucket[AT]) == NULL || get(bucket, of_bucket[REQUESTS]) == NULL ||
        get(bucket, of_bucket[BEGUN]) == NULL)
        return 0;
    PyObject *now = along(plane, names, to_now, 2);
    int done = now == NULL ? -1 : PyObject_RichCompareBool(now, get(bucket, of_bucket[AT]), Py_LE);
    if (done > 0)
        done = PyObject_RichCompareBool(get(bucket, of_bucket[REQUESTS]), one, Py_GE);
    Py_XDECREF(now);
    return done;
}

/* The account's bucket; NULL with an error, or where there is none that C knows. */
static PyObject *bucket_of(PyObject *plane, PyObject *id)
{
    PyObject *caps = PyObject_GetAttr(plane, names[N_CAPS].name), *found = NULL;
    PyObject *all = is(caps, all_caps) ? PyObject_GetAttr(caps, names[N_BUCKETS].name) : NULL;
    if (all != NULL && PyODict_Check(all))
        found = Py_XNewRef(PyODict_GetItemWithError(all, id));
    Py_XDECREF(caps);
    Py_XDECREF(all);
    return found;
}

int may_start(PyObject *plane, PyObject *admission, PyObject **bucket)
{
    static const int to_limits[] = {N_LIVE, N_LIMITS};
    PyObject *limits = along(plane, names, to_limits, 2), *most = NULL, *id = NULL;
    const int bounded = limits == NULL ? -1 : is_true(limits, names[N_RATE]);
    int done = -1;
    *bucket = NULL;
    if (bounded >= 0 && (most = PyObject_GetAttr(limits, names[N_TUNNELS_MOST].name)) != NULL &&
        (id = account_id_of(admission)) != NULL)
        done = fewer_open(plane, id, most);
    if (done > 0 && bounded) {
        *bucket = bucket_of(plane, id);
        done = *bucket != NULL ? has_one(plane, *bucket) : PyErr_Occurred() ? -1 : 0;
        if (done <= 0)
            Py_CLEAR(*bucket);
    }
    Py_XDECREF(limits);
    Py_XDECREF(most);
    Py_XDECREF(id);
    return done;
}

int started(PyObject *bucket)
{
    PyObject *left = PyNumber_Subtract(get(bucket, of_bucket[REQUESTS]), one);
    PyObject *begun = left == NULL ? NULL : PyNumber_Add(get(bucket, of_bucket[BEGUN]), one);
    if (begun == NULL) {
        Py_XDECREF(left);
        return -1;
    }
    put(bucket, of_bucket[REQUESTS], left);
    put(bucket, of_bucket[BEGUN], begun);
    return 0;
}

int ready_starting(PyTypeObject *caps, PyTypeObject *bucket)
{
    if (find_slots(bucket, of_bucket) < 0 || make_names(names) < 0)
        return -1;
    Py_XSETREF(one, PyLong_FromLong(1));
    all_caps = (PyTypeObject *)Py_NewRef(caps);
    buckets = (PyTypeObject *)Py_NewRef(bucket);
    return one == NULL ? -1 : 0;
}
