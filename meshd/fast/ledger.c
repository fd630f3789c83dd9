/* What usage/ledger.py does when an exchange begins, and when it ends. */

#include "attributes.h"

enum { TALLY, UP, DOWN, OPEN, ABOUT, WAY };
static Slot of_meter[] = {{"tally", 0}, {"up", 0}, {"down", 0}, {"open", 0}, {"about", 0}, {"way", 0}, {NULL, 0}};
enum { OWN, FAMILY, CELLS, EXCHANGES_AT, IS_OPEN, VISITED, TERMS, METER, SLOT };
static Slot of_tally[] = {{"own", 0},     {"family", 0}, {"cells", 0}, {"exchanges_at", 0}, {"open", 0},
                          {"visited", 0}, {"terms", 0},  {"meter", 0}, {"slot", 0},         {NULL, 0}};
enum { VISITS, BELOW, METERS, REFUSAL };
static Slot of_allowance[] = {{"visits", 0}, {"below", 0}, {"meters", 0}, {"refusal", 0}, {NULL, 0}};

enum { N_BY_KEY, N_TOKEN_ID, N_IDENTITY, N_ACCOUNT, N_ID, N_PARENT_ID, N_TERMS, N_CLOSED, N_TALLIES,
       N_RESTING, N_EXCHANGES, N_CHRONICLE, N_ADD };
static Name names[] = {{"_by_key", NULL},   {"token_id", NULL}, {"identity", NULL}, {"account", NULL},    {"id", NULL},
                       {"parent_id", NULL}, {"terms", NULL},    {"_closed", NULL},  {"_tallies", NULL},   {"resting", NULL},
                       {"_exchanges", NULL}, {"_chronicle", NULL}, {"add", NULL},   {NULL, NULL}};

static PyTypeObject *meters, *tallies, *allowances;
static PyObject *open_in_python, *close_in_python, *one;

/* Whether a tally is one that C counts in; false where Python has to see to it. */
static bool is_usual(PyObject *tally)
{
    if (!is(tally, tallies))
        return false;
    PyObject *own = get(tally, of_tally[OWN]), *family = get(tally, of_tally[FAMILY]), *visited = get(tally, of_tally[VISITED]);
    return (visited == Py_True || visited == Py_False) && is(own, allowances) && is(family, allowances) &&
           countable(tally, of_tally[IS_OPEN]) && countable(own, of_allowance[VISITS]) && countable(family, of_allowance[BELOW]) &&
           get(own, of_allowance[METERS]) != NULL && PySet_CheckExact(get(own, of_allowance[METERS]));
}

/* Whether an exchange more may be counted in it without more ado. */
static bool may_open(PyObject *tally)
{
    return is_usual(tally) && get(tally, of_tally[METER]) != NULL &&
           get(get(tally, of_tally[OWN]), of_allowance[REFUSAL]) == Py_None &&
           get(get(tally, of_tally[FAMILY]), of_allowance[REFUSAL]) == Py_None;
}

/* Count one more or less of visitors, or of the family's; -1 with an error. */
static int count_below(PyObject *tally, int step)
{
    return get(tally, of_tally[VISITED]) == Py_True ? count_in(get(tally, of_tally[OWN]), of_allowance[VISITS], step)
                                                    : count_in(get(tally, of_tally[FAMILY]), of_allowance[BELOW], step);
}

/* The tally of an admission, and its terms; NULL without an error where there is none yet. */
static PyObject *tally_of(PyObject *ledger, PyObject *admission, PyObject **terms)
{
    static const int to_account[] = {N_IDENTITY, N_ACCOUNT};
    PyObject *account = along(admission, names, to_account, 2), *id = NULL, *parent = NULL, *token = NULL;
    PyObject *by_key = NULL, *key = NULL, *tally = NULL;
    if (account != NULL && (id = PyObject_GetAttr(account, names[N_ID].name)) != NULL &&
        (parent = PyObject_GetAttr(account, names[N_PARENT_ID].name)) != NULL && (token = PyObject_GetAttr(admission, names[N_TOKEN_ID].name)) != NULL &&
        (*terms = PyObject_GetAttr(admission, names[N_TERMS].name)) != NULL &&
        (by_key = PyObject_GetAttr(ledger, names[N_BY_KEY].name)) != NULL && PyDict_CheckExact(by_key) &&
        (key = PyTuple_Pack(3, id, token, parent)) != NULL)
        tally = Py_XNewRef(PyDict_GetItemWithError(by_key, key));
    Py_XDECREF(account);
    Py_XDECREF(id);
    Py_XDECREF(parent);
    Py_XDECREF(token);
    Py_XDECREF(by_key);
    Py_XDECREF(key);
    return tally;
}

static PyObject *open_meter(PyObject *ledger, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *terms = NULL, *meter = NULL;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "open() takes an admission, and what stops it");
    PyObject *tally = tally_of(ledger, arguments[0], &terms);
    if (tally != NULL && may_open(tally) && get(tally, of_tally[TERMS]) == terms) {
        PyObject *of_a_meter[3] = {tally, arguments[0], arguments[1]};
        PyObject *kind = Py_NewRef(get(tally, of_tally[METER])), *own = get(tally, of_tally[OWN]);
        PyObject *all = Py_NewRef(get(own, of_allowance[METERS]));
        meter = PyObject_Vectorcall(kind, of_a_meter, 3, NULL);
        /* Others may have been closed meanwhile, by what the collector lets go: from what the counts are now. */
        if (meter != NULL &&
            (count_in(tally, of_tally[IS_OPEN], 1) < 0 || count_below(tally, 1) < 0 || PySet_Add(all, meter) < 0))
            Py_CLEAR(meter);
        Py_DECREF(kind);
        Py_DECREF(all);
    } else if (!PyErr_Occurred())
        meter = PyObject_CallFunctionObjArgs(open_in_python, ledger, arguments[0], arguments[1], NULL);
    Py_XDECREF(tally);
    Py_XDECREF(terms);
    return meter;
}

/* Have the log write its line, and the chronicle take it; -1 with an error. */
static int tell_of(PyObject *ledger, PyObject *meter, PyObject *tally, PyObject *exchange)
{
    PyObject *log = PyObject_GetAttr(ledger, names[N_EXCHANGES].name), *chronicle = NULL, *added = NULL;
    int done = -1;
    if (log != NULL)
        added = PyObject_CallMethodObjArgs(log, names[N_ADD].name, exchange, get(tally, of_tally[SLOT]),
                                           get(meter, of_meter[UP]), get(meter, of_meter[DOWN]), NULL);
    if (added != NULL && (chronicle = PyObject_GetAttr(ledger, names[N_CHRONICLE].name)) != NULL)
        done = tell(chronicle, names[N_ADD], exchange);
    Py_XDECREF(log);
    Py_XDECREF(added);
    Py_XDECREF(chronicle);
    return done;
}

/* Note a tally that has nothing open now; -1 with an error. */
static int rests(PyObject *ledger, PyObject *tally)
{
    PyObject *all = PyObject_GetAttr(ledger, names[N_TALLIES].name);
    PyObject *resting = all == NULL ? NULL : PyObject_GetAttr(all, names[N_RESTING].name);
    int done = -1;
    if (resting != NULL)
        done = PySet_CheckExact(resting) ? PySet_Add(resting, tally) : tell(resting, names[N_ADD], tally);
    Py_XDECREF(all);
    Py_XDECREF(resting);
    return done;
}

/* All of it in the order of Python, so that an error leaves behind what it leaves there. */
static int end(PyObject *ledger, PyObject *meter, PyObject *tally, PyObject *closed, PyObject *exchange)
{
    long long open;
    put_bool(meter, of_meter[OPEN], false);
    put(meter, of_meter[TALLY], Py_NewRef(closed));
    put(meter, of_meter[ABOUT], Py_NewRef(Py_None));
    put(meter, of_meter[WAY], Py_NewRef(Py_None));
    const int found = PySet_Discard(get(get(tally, of_tally[OWN]), of_allowance[METERS]), meter);
    if (found == 0)
        PyErr_SetObject(PyExc_KeyError, meter);
    if (found <= 0 || count_below(tally, -1) < 0 || add_to_cell(tally, of_tally[EXCHANGES_AT], one) < 0 ||
        tell_of(ledger, meter, tally, exchange) < 0 || count_in(tally, of_tally[IS_OPEN], -1) < 0)
        return -1;
    return integer(get(tally, of_tally[IS_OPEN]), &open) && open == 0 ? rests(ledger, tally) : 0;
}

static PyObject *close_meter(PyObject *ledger, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "close() takes a meter and an exchange");
    PyObject *meter = arguments[0], *exchange = arguments[1];
    PyObject *tally = PyObject_TypeCheck(meter, meters) ? Py_XNewRef(get(meter, of_meter[TALLY])) : NULL;
    const bool usual = tally != NULL && get(meter, of_meter[OPEN]) == Py_True && is_usual(tally) &&
                       get(tally, of_tally[CELLS]) != NULL && get(tally, of_tally[EXCHANGES_AT]) != NULL &&
                       get(tally, of_tally[SLOT]) != NULL && get(meter, of_meter[UP]) != NULL && get(meter, of_meter[DOWN]) != NULL;
    PyObject *closed = usual ? PyObject_GetAttr(ledger, names[N_CLOSED].name) : NULL, *done = NULL;
    if (!usual)
        done = PyObject_CallFunctionObjArgs(close_in_python, ledger, meter, exchange, NULL);
    else if (closed != NULL && end(ledger, meter, tally, closed, exchange) == 0)
        done = Py_NewRef(Py_None);
    Py_XDECREF(tally);
    Py_XDECREF(closed);
    return done;
}

static PyMethodDef of_ledger[] = {
    {"open", (PyCFunction)(void (*)(void))open_meter, METH_FASTCALL, "Begin to count for an admission."},
    {"close", (PyCFunction)(void (*)(void))close_meter, METH_FASTCALL, "Count an exchange that has ended."},
    {NULL, NULL, 0, NULL},
};
PyObject *ledger_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *ledger, *meter, *tally, *allowance;
    if (!PyArg_ParseTuple(classes, "O!O!O!O!", &PyType_Type, &ledger, &PyType_Type, &meter, &PyType_Type, &tally,
                          &PyType_Type, &allowance) ||
        find_slots(meter, of_meter) < 0 || find_slots(tally, of_tally) < 0 || find_slots(allowance, of_allowance) < 0 ||
        make_names(names) < 0)
        return NULL;
    Py_XSETREF(open_in_python, PyObject_GetAttrString((PyObject *)ledger, "open"));
    Py_XSETREF(close_in_python, PyObject_GetAttrString((PyObject *)ledger, "close"));
    Py_XSETREF(one, PyLong_FromLong(1));
    meters = (PyTypeObject *)Py_NewRef(meter);
    tallies = (PyTypeObject *)Py_NewRef(tally);
    allowances = (PyTypeObject *)Py_NewRef(allowance);
    return PyErr_Occurred() ? NULL : methods_of(ledger, of_ledger, NULL);
}
