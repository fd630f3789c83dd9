/* Sums over many exchanges: those that are written to the log (usage/exchangelog.py), and those of reports
   (usage/reports.py).  What is not like the one before is Python's. */

#include "attributes.h"

enum { AT = 1, SECONDS, ACCOUNT, HOST = 9, REASON = 13, UP, DOWN, WAY, WIDTH = 19 };
enum { R_SLOT = 1, R_SUMS, R_WIDTH = 5 };
enum { N_FRESH, N_HOUR };
static Name names[] = {{"_fresh", NULL}, {"_hour", NULL}, {NULL, NULL}};

static PyTypeObject *exchanges, *records;
static PyObject *sums_in_python, *report_in_python;
static long long hour_seconds, most_fresh;
static const long long FAR = INT64_MAX / 4, LARGEST = 1LL << 50; /* bytes of one exchange, a petabyte */
static const Py_ssize_t MANY = 4096;                                /* records, whose sum is then no overflow */

static bool within(long long number, long long bound) { return -bound <= number && number <= bound; }

/* Add to the sums of a slot in a dictionary; -1 with an error. */
static int add_sums(PyObject *all, PyObject *slot, const long long more[3])
{
    long long sums[3] = {0, 0, 0};
    PyObject *before = PyDict_GetItemWithError(all, slot);
    if (before == NULL && PyErr_Occurred())
        return -1;
    for (int i = 0; i < 3; i++)
        if (before != NULL && (!integer(PyTuple_GET_ITEM(before, i), &sums[i]) || !within(sums[i], FAR)))
            return -1; /* so large is no sum of what was ever moved */
    PyObject *after = Py_BuildValue("(LLL)", sums[0] + more[0], sums[1] + more[1], sums[2] + more[2]);
    const int done = after == NULL ? -1 : PyDict_SetItem(all, slot, after);
    Py_XDECREF(after);
    return done;
}

/* Read a record; false where Python has to see to all of them. */
static bool read_record(PyObject *record, long long *slot, long long sums[3])
{
    if (!is(record, records) || PyTuple_GET_SIZE(record) != R_WIDTH || !integer(PyTuple_GET_ITEM(record, R_SLOT), slot))
        return false;
    PyObject *each = PyTuple_GET_ITEM(record, R_SUMS);
    if (!PyTuple_CheckExact(each) || PyTuple_GET_SIZE(each) != 3)
        return false;
    for (int i = 0; i < 3; i++)
        if (!integer(PyTuple_GET_ITEM(each, i), &sums[i]) || !within(sums[i], LARGEST))
            return false;
    return true;
}

/* The sums of records by slot; nothing is changed but what is given back, so that Python may begin anew. */
static PyObject *sums_of(PyObject *log, PyObject *given)
{
    PyObject *all = PyList_CheckExact(given) && PyList_GET_SIZE(given) <= MANY ? PyDict_New() : NULL, *slot = NULL;
    long long sums[3] = {0, 0, 0}, each[3], number, before = -1;
    bool usual = all != NULL;
    for (Py_ssize_t i = 0; usual && i < PyList_GET_SIZE(given); i++) {
        PyObject *record = PyList_GET_ITEM(given, i);
        usual = read_record(record, &number, each);
        if (!usual || number < 0)
            continue;
        if (number != before) {
            usual = slot == NULL || add_sums(all, slot, sums) == 0;
            sums[0] = sums[1] = sums[2] = 0;
            Py_XSETREF(slot, Py_NewRef(PyTuple_GET_ITEM(record, R_SLOT)));
            before = number;
        }
        for (int k = 0; k < 3; k++)
            sums[k] += each[k];
    }
    if (usual && slot != NULL)
        usual = add_sums(all, slot, sums) == 0;
    Py_XDECREF(slot);
    if (usual)
        return all;
    Py_XDECREF(all);
    PyErr_Clear();
    return PyObject_CallFunctionObjArgs(sums_in_python, log, given, NULL);
}

/* Have Python add one exchange; -1 with an error. */
static int in_python(PyObject *reports, PyObject *exchange)
{
    PyObject *alone = PyList_New(1), *done = NULL;
    if (alone != NULL) {
        PyList_SET_ITEM(alone, 0, Py_NewRef(exchange));
        done = PyObject_CallFunctionObjArgs(report_in_python, reports, alone, NULL);
        Py_DECREF(alone);
    }
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static bool is_exchange(PyObject *exchange)
{
    return is(exchange, exchanges) && PyTuple_GET_SIZE(exchange) == WIDTH;
}

/* Whether an exchange has ended in this hour, and what it has moved. */
static bool in_hour(PyObject *exchange, long long hour, long long moved[3])
{
    PyObject *at = PyTuple_GET_ITEM(exchange, AT), *seconds = PyTuple_GET_ITEM(exchange, SECONDS);
    if (!PyFloat_CheckExact(at) || !PyFloat_CheckExact(seconds) || !integer(PyTuple_GET_ITEM(exchange, UP), &moved[0]) ||
        !integer(PyTuple_GET_ITEM(exchange, DOWN), &moved[1]))
        return false;
    const double ended = PyFloat_AS_DOUBLE(at) + PyFloat_AS_DOUBLE(seconds);
    moved[2] = 1;
    return ended >= 0 && ended < 1e15 && (long long)ended / hour_seconds == hour && within(moved[0], FAR) && within(moved[1], FAR);
}

/* The sums of a key, borrowed: new ones where there are none yet and no more than there may be; NULL where there are to be
   none, or with an error. */
static PyObject *cell_of(PyObject *all, PyObject *key)
{
    PyObject *cell = PyDict_GetItemWithError(all, key);
    if (cell != NULL || PyErr_Occurred() || PyDict_GET_SIZE(all) >= most_fresh)
        return cell;
    PyObject *fresh = Py_BuildValue("[iii]", 0, 0, 0);
    if (fresh != NULL && PyDict_SetItem(all, key, fresh) == 0)
        cell = fresh;
    Py_XDECREF(fresh);
    return cell;
}

/* Add to the sums; false with nothing changed where they are none that C adds to. */
static bool add_to(PyObject *cell, const long long moved[3])
{
    long long sum;
    PyObject *made[3] = {NULL, NULL, NULL};
    bool done = PyList_CheckExact(cell) && PyList_GET_SIZE(cell) == 3;
    for (int i = 0; i < 3 && done; i++)
        done = integer(PyList_GET_ITEM(cell, i), &sum) && within(sum, FAR) &&
               (made[i] = PyLong_FromLongLong(sum + moved[i])) != NULL;
    for (int i = 0; i < 3; i++)
        if (done)
            PyList_SetItem(cell, i, made[i]);
        else
            Py_XDECREF(made[i]);
    return done;
}

/* Add to the sums of a key; 1 where that is done, 0 where nothing was added, -1 with an error. */
static int add_at(PyObject *all, PyObject *key, const long long moved[3])
{
    PyObject *cell = Py_XNewRef(cell_of(all, key));
    const int done = cell != NULL ? add_to(cell, moved) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(cell);
    return done;
}

/* Add one exchange to reports; 1 where that is done, 0 where nothing was, -1 with an error. */
static int report(PyObject *reports, PyObject *exchange)
{
    long long hour, moved[3];
    PyObject *fresh = PyObject_GetAttr(reports, names[N_FRESH].name), *now = PyObject_GetAttr(reports, names[N_HOUR].name);
    int done = fresh == NULL || now == NULL ? -1 : 0;
    if (done == 0 && PyDict_CheckExact(fresh) && integer(now, &hour) && is_exchange(exchange) && in_hour(exchange, hour, moved)) {
        PyObject *key = PyTuple_Pack(5, PyTuple_GET_ITEM(exchange, ACCOUNT), PyTuple_GET_ITEM(exchange, HOST),
                                     PyTuple_GET_ITEM(exchange, REASON), PyTuple_GET_ITEM(exchange, WAY),
                                     moved[0] != 0 || moved[1] != 0 ? Py_True : Py_False);
        done = key == NULL ? -1 : add_at(fresh, key, moved);
        Py_XDECREF(key);
    }
    Py_XDECREF(fresh);
    Py_XDECREF(now);
    return done;
}

/* Add each of them in C, or where that is not for C in Python. */
static PyObject *add_reports(PyObject *reports, PyObject *given)
{
    if (!PyList_CheckExact(given))
        return PyObject_CallFunctionObjArgs(report_in_python, reports, given, NULL);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(given); i++) {
        PyObject *exchange = Py_NewRef(PyList_GET_ITEM(given, i));
        int done = report(reports, exchange);
        if (done == 0)
            done = in_python(reports, exchange);
        Py_DECREF(exchange);
        if (done < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef of_log[] = {
    {"_sums", sums_of, METH_O, "What these records add to the journal's sums, by slot."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_reports[] = {
    {"add", add_reports, METH_O, "Count exchanges that have ended."},
    {NULL, NULL, 0, NULL},
};

PyObject *sums_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *log, *record;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &log, &PyType_Type, &record) ||
        find_fields(record, waiting_fields) < 0)
        return NULL;
    records = (PyTypeObject *)Py_NewRef(record);
    return PyErr_Occurred() ? NULL : methods_of(log, of_log, &sums_in_python);
}

PyObject *reports_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *reports, *exchange;
    if (!PyArg_ParseTuple(classes, "O!O!LL", &PyType_Type, &reports, &PyType_Type, &exchange, &hour_seconds, &most_fresh) ||
        find_fields(exchange, exchange_fields) < 0 || make_names(names) < 0)
        return NULL;
    exchanges = (PyTypeObject *)Py_NewRef(exchange);
    return PyErr_Occurred() ? NULL : methods_of(reports, of_reports, &report_in_python);
}
