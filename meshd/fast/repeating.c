/* How a request that repeats another begins (proxy/repeating.py): whether its account may begin it now, by passing/caps.py,
   and what is noted of it.  The path that these are steps of, `_repeat`, is Python. */

#include "attributes.h"

enum { PLANE, PROXY, CUT, RECORD, METER, WIRE, PLACE };
static Slot of_connection[] = {{"_plane", 0}, {"proxy", 0}, {"cut", 0},   {"record", 0},
                               {"meter", 0},  {"wire", 0},  {"place", 0}, {NULL, 0}};
enum { R_METER, R_DEPARTURE, R_BEGAN };
static Slot of_record[] = {{"meter", 0}, {"departure", 0}, {"began", 0}, {NULL, 0}};
enum { M_PROXY, M_ABOUT, M_WAY };
static Slot of_meter[] = {{"proxy", 0}, {"about", 0}, {"way", 0}, {NULL, 0}};
enum { P_ASKED, P_ACCOUNT };
static Slot of_place[] = {{"asked", 0}, {"account_id", 0}, {NULL, 0}};
enum { AT, REQUESTS, BEGUN };
static Slot of_bucket[] = {{"at", 0}, {"requests", 0}, {"begun_requests", 0}, {NULL, 0}};

enum { N_LIVE, N_LIMITS, N_TUNNELS_MOST, N_RATE, N_LEDGER, N_TUNNELS, N_CAPS, N_BUCKETS, N_WHEEL, N_MONOTONIC, N_OPEN,
       N_STOPPED, N_PEER, N_NOTE_REQUEST, N_NOTE_ADMISSION, N_HOLD, N_DEPARTURE };
static Name names[] = {{"live", NULL}, {"limits", NULL}, {"tunnels_per_account", NULL}, {"requests_per_second", NULL},
                       {"ledger", NULL}, {"tunnels", NULL}, {"caps", NULL}, {"_buckets", NULL}, {"wheel", NULL},
                       {"monotonic", NULL}, {"open", NULL}, {"_stopped", NULL}, {"peer", NULL}, {"note_request", NULL},
                       {"note_admission", NULL}, {"hold", NULL}, {"_departure", NULL}, {NULL, NULL}};

enum { OPENED, LEFT };
static PyObject *in_python[LEFT + 1], *one;
static PyTypeObject *records, *meters, *places, *all_caps, *buckets;

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

/* Whether an account may begin a request: where its bucket was filled in this tick and has one left, and fewer are open than
   may be.  1 with the bucket to take it from, NULL for none; 0 where Python has to say, -1 with an error. */
static int may_start(PyObject *plane, PyObject *admission, PyObject **bucket)
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

/* Take one from a bucket; -1 with an error. */
static int started(PyObject *bucket)
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

static PyObject *opened(PyObject *connection, PyObject *admission)
{
    PyObject *plane = get(connection, of_connection[PLANE]), *bucket = NULL;
    const int may = plane == NULL ? 0 : may_start(plane, admission, &bucket);
    if (may <= 0)
        return may < 0 ? NULL : PyObject_CallFunctionObjArgs(in_python[OPENED], connection, admission, NULL);
    PyObject *ledger = PyObject_GetAttr(plane, names[N_LEDGER].name);
    PyObject *stopped = ledger == NULL ? NULL : PyObject_GetAttr(connection, names[N_STOPPED].name);
    PyObject *meter = stopped == NULL ? NULL : PyObject_CallMethodObjArgs(ledger, names[N_OPEN].name, admission, stopped, NULL);
    if (meter != NULL && !PyObject_TypeCheck(meter, meters))
        Py_SETREF(meter, Py_NewRef(Py_None)); /* and nothing was taken of what it may begin */
    else if (meter != NULL && bucket != NULL && started(bucket) < 0)
        Py_CLEAR(meter);
    Py_XDECREF(ledger);
    Py_XDECREF(stopped);
    Py_XDECREF(bucket);
    return meter;
}

/* Note an exchange's beginning, and its account's, at the client's place; -1 with an error. */
static int hold(PyObject *place, PyObject *record, PyObject *admission)
{
    PyObject *id = account_id_of(admission);
    put(place, of_place[P_ASKED], Py_NewRef(get(record, of_record[R_BEGAN])));
    int done = id == NULL ? -1 : 0;
    if (done == 0 && id != get(place, of_place[P_ACCOUNT]))
        done = tell(place, names[N_HOLD], id);
    Py_XDECREF(id);
    return done;
}

static PyObject *left(PyObject *connection, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 3)
        return PyErr_Format(PyExc_TypeError, "_left() takes a request, an admission and a meter");
    PyObject *request = arguments[0], *admission = arguments[1], *meter = arguments[2], *peer = NULL, *departure = NULL;
    PyObject *wire = get(connection, of_connection[WIRE]), *place = get(connection, of_connection[PLACE]);
    if (!PyObject_TypeCheck(meter, meters) || !is(place, places) || wire == NULL ||
        get(connection, of_connection[PLANE]) == NULL || get(connection, of_connection[PROXY]) == NULL)
        return PyObject_CallFunctionObjArgs(in_python[LEFT], connection, request, admission, meter, NULL);
    put(connection, of_connection[CUT], Py_NewRef(Py_None));
    if ((peer = PyObject_GetAttr(wire, names[N_PEER].name)) == NULL)
        return NULL;
    PyObject *whose[3] = {get(connection, of_connection[PLANE]), get(connection, of_connection[PROXY]), peer};
    PyObject *record = PyObject_Vectorcall((PyObject *)records, whose, 3, NULL);
    Py_DECREF(peer);
    if (record == NULL)
        return NULL;
    put(connection, of_connection[RECORD], Py_NewRef(record));
    Py_INCREF(place);
    if (tell(record, names[N_NOTE_REQUEST], request) == 0 && tell(record, names[N_NOTE_ADMISSION], admission) == 0 &&
        hold(place, record, admission) == 0) {
        put(meter, of_meter[M_PROXY], Py_NewRef(get(connection, of_connection[PROXY])));
        put(meter, of_meter[M_ABOUT], Py_NewRef(record));
        put(record, of_record[R_METER], Py_NewRef(meter));
        put(connection, of_connection[METER], Py_NewRef(meter));
        departure = PyObject_CallMethodObjArgs(connection, names[N_DEPARTURE].name, request, admission, NULL);
    }
    if (departure != NULL) {
        put(record, of_record[R_DEPARTURE], Py_NewRef(departure));
        put(meter, of_meter[M_WAY], Py_NewRef(departure));
    }
    Py_DECREF(place);
    Py_DECREF(record);
    return departure;
}

static PyMethodDef methods[] = {
    {"_opened", opened, METH_O, "The meter of an exchange that may begin now."},
    {"_left", (PyCFunction)(void (*)(void))left, METH_FASTCALL, "Begin the record of an exchange, and its way out."},
    {NULL, NULL, 0, NULL},
};

PyObject *repeating_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *connection, *record, *meter, *place, *caps, *bucket;
    if (!PyArg_ParseTuple(classes, "O!O!O!O!O!O!", &PyType_Type, &connection, &PyType_Type, &record, &PyType_Type, &meter,
                          &PyType_Type, &place, &PyType_Type, &caps, &PyType_Type, &bucket) ||
        find_slots(connection, of_connection) < 0 || find_slots(record, of_record) < 0 || find_slots(meter, of_meter) < 0 ||
        find_slots(place, of_place) < 0 || find_slots(bucket, of_bucket) < 0 || make_names(names) < 0)
        return NULL;
    Py_XSETREF(one, PyLong_FromLong(1));
    records = (PyTypeObject *)Py_NewRef(record);
    meters = (PyTypeObject *)Py_NewRef(meter);
    places = (PyTypeObject *)Py_NewRef(place);
    all_caps = (PyTypeObject *)Py_NewRef(caps);
    buckets = (PyTypeObject *)Py_NewRef(bucket);
    return PyErr_Occurred() ? NULL : methods_of(connection, methods, in_python);
}
