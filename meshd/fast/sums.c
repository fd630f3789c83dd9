/* Sums over many exchanges: those that are written to the log (usage/exchangelog.py), and those of reports and of the
   newest exchanges (usage/reports.py, usage/activity.py).  What is not like the one before is Python's. */

#include "attributes.h"

enum { AT = 1, SECONDS, ACCOUNT, HOST = 9, REASON = 13, UP, DOWN, WAY, WIDTH = 19 };
enum { R_SLOT = 1, R_SUMS, R_WIDTH = 5 };
enum { N_FRESH, N_HOUR, N_WAITING, N_COUNT, N_APPEND, N_CELLS };
static Name names[] = {{"_fresh", NULL}, {"_hour", NULL}, {"_waiting", NULL}, {"_count", NULL}, {"append", NULL}, {"_cells", NULL}, {NULL, NULL}};

static PyTypeObject *exchanges, *records;
static PyObject *sums_in_python, *report_in_python, *newest_in_python, *row_in_python;
static long long hour_seconds, at_once, most_waiting, most_fresh, most_rows;
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
static int in_python(PyObject *method, PyObject *owner, PyObject *exchange)
{
    PyObject *alone = PyList_New(1), *done = NULL;
    if (alone != NULL) {
        PyList_SET_ITEM(alone, 0, Py_NewRef(exchange));
        done = PyObject_CallFunctionObjArgs(method, owner, alone, NULL);
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

/* The sums of a key, borrowed: new ones, of so many zeros, where there are none yet and no more than there may be; NULL
   where there are to be none, or with an error. */
static PyObject *cell_of(PyObject *all, PyObject *key, int width, long long most)
{
    PyObject *cell = PyDict_GetItemWithError(all, key);
    if (cell != NULL || PyErr_Occurred() || PyDict_GET_SIZE(all) >= most)
        return cell;
    PyObject *fresh = PyList_New(width);
    for (int i = 0; i < width && fresh != NULL; i++)
        PyList_SET_ITEM(fresh, i, PyLong_FromLong(0)); /* a small number, which is there always */
    if (fresh != NULL && PyDict_SetItem(all, key, fresh) == 0)
        cell = fresh;
    Py_XDECREF(fresh);
    return cell;
}

/* Add to the sums; false with nothing changed where they are none that C adds to. */
static bool add_to(PyObject *cell, const long long *moved, int width)
{
    long long sum;
    PyObject *made[4] = {NULL, NULL, NULL, NULL};
    bool done = PyList_CheckExact(cell) && PyList_GET_SIZE(cell) == width;
    for (int i = 0; i < width && done; i++)
        done = integer(PyList_GET_ITEM(cell, i), &sum) && within(sum, FAR) &&
               (made[i] = PyLong_FromLongLong(sum + moved[i])) != NULL;
    for (int i = 0; i < width; i++)
        if (done)
            PyList_SetItem(cell, i, made[i]);
        else
            Py_XDECREF(made[i]);
    return done;
}

/* Add to the sums of a key; 1 where that is done, 0 where nothing was added, -1 with an error. */
static int add_at(PyObject *all, PyObject *key, const long long *moved, int width, long long most)
{
    PyObject *cell = Py_XNewRef(cell_of(all, key, width, most));
    const int done = cell != NULL ? add_to(cell, moved, width) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(cell);
    return done;
}

/* A row of what waits to be written, to which Python adds what is not as usual. */
static PyObject *add_row(PyObject *rows, PyObject *const *arguments, Py_ssize_t given)
{
    long long more[4];
    PyObject *all[] = {rows, NULL, NULL, NULL, NULL, NULL}, *cells = PyObject_GetAttr(rows, names[N_CELLS].name);
    if (cells == NULL)
        return NULL;
    bool usual = given == 5 && PyDict_CheckExact(cells);
    for (int i = 0; i < 4 && usual; i++)
        usual = integer(arguments[i + 1], &more[i]) && within(more[i], FAR);
    const int done = usual ? add_at(cells, arguments[0], more, 4, most_rows) : 0;
    Py_DECREF(cells);
    if (done != 0)
        return done < 0 ? NULL : Py_NewRef(Py_None);
    if (given > 5)
        return PyErr_Format(PyExc_TypeError, "add() takes a key and four numbers");
    for (Py_ssize_t i = 0; i < given; i++)
        all[i + 1] = arguments[i];
    return PyObject_Vectorcall(row_in_python, all, (size_t)given + 1, NULL);
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
        done = key == NULL ? -1 : add_at(fresh, key, moved, 3, most_fresh);
        Py_XDECREF(key);
    }
    Py_XDECREF(fresh);
    Py_XDECREF(now);
    return done;
}

/* Take one of the newest exchanges; 1 where that is done, 0 where nothing was, -1 with an error. */
static int newest(PyObject *activity, PyObject *exchange)
{
    PyObject *waiting = PyObject_GetAttr(activity, names[N_WAITING].name), *count = PyObject_GetAttr(activity, names[N_COUNT].name);
    PyObject *row = NULL;
    long long waits;
    int done = waiting == NULL || count == NULL ? -1 : 0;
    if (done == 0 && PyDict_CheckExact(waiting) && integer(count, &waits) && waits < most_waiting && is_exchange(exchange) &&
        (row = Py_XNewRef(PyDict_GetItemWithError(waiting, PyTuple_GET_ITEM(exchange, ACCOUNT)))) != NULL) {
        const Py_ssize_t size = PyObject_Size(row);
        PyObject *more = size >= 0 && size < at_once ? PyLong_FromLongLong(waits + 1) : Py_NewRef(count);
        done = size < 0 || more == NULL || PyObject_SetAttr(activity, names[N_COUNT].name, more) < 0 ||
                       tell(row, names[N_APPEND], exchange) < 0
                   ? -1
                   : 1;
        Py_XDECREF(more);
    } else if (PyErr_Occurred())
        done = -1;
    Py_XDECREF(row);
    Py_XDECREF(waiting);
    Py_XDECREF(count);
    return done;
}

/* Add each of them in C, or where that is not for C in Python. */
static PyObject *add_each(PyObject *owner, PyObject *given, int (*add)(PyObject *, PyObject *), PyObject *method)
{
    if (!PyList_CheckExact(given))
        return PyObject_CallFunctionObjArgs(method, owner, given, NULL);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(given); i++) {
        PyObject *exchange = Py_NewRef(PyList_GET_ITEM(given, i));
        int done = add(owner, exchange);
        if (done == 0)
            done = in_python(method, owner, exchange);
        Py_DECREF(exchange);
        if (done < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *add_reports(PyObject *reports, PyObject *given) { return add_each(reports, given, report, report_in_python); }

static PyObject *add_newest(PyObject *activity, PyObject *given) { return add_each(activity, given, newest, newest_in_python); }

static PyMethodDef of_log[] = {
    {"_sums", sums_of, METH_O, "What these records add to the journal's sums, by slot."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_reports[] = {
    {"add", add_reports, METH_O, "Count exchanges that have ended."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_rows[] = {
    {"add", (PyCFunction)(void (*)(void))add_row, METH_FASTCALL, "Add to the row of a key."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_activity[] = {
    {"add", add_newest, METH_O, "Take exchanges that have ended."},
    {NULL, NULL, 0, NULL},
};

PyObject *sums_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *log, *record;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &log, &PyType_Type, &record) ||
        find_fields(record, waiting_fields) < 0)
        return NULL;
    Py_XSETREF(sums_in_python, PyObject_GetAttrString((PyObject *)log, "_sums"));
    records = (PyTypeObject *)Py_NewRef(record);
    return PyErr_Occurred() ? NULL : methods_of(log, of_log);
}

PyObject *reports_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *reports, *exchange;
    if (!PyArg_ParseTuple(classes, "O!O!LL", &PyType_Type, &reports, &PyType_Type, &exchange, &hour_seconds, &most_fresh) ||
        find_fields(exchange, exchange_fields) < 0 || make_names(names) < 0)
        return NULL;
    Py_XSETREF(report_in_python, PyObject_GetAttrString((PyObject *)reports, "add"));
    exchanges = (PyTypeObject *)Py_NewRef(exchange);
    return PyErr_Occurred() ? NULL : methods_of(reports, of_reports);
}

PyObject *rows_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *rows;
    if (!PyArg_ParseTuple(classes, "O!L", &PyType_Type, &rows, &most_rows) || make_names(names) < 0)
        return NULL;
    Py_XSETREF(row_in_python, PyObject_GetAttrString((PyObject *)rows, "add"));
    return PyErr_Occurred() ? NULL : methods_of(rows, of_rows);
}

PyObject *activity_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *activity, *exchange;
    if (!PyArg_ParseTuple(classes, "O!O!LL", &PyType_Type, &activity, &PyType_Type, &exchange, &at_once, &most_waiting) ||
        find_fields(exchange, exchange_fields) < 0 || make_names(names) < 0)
        return NULL;
    Py_XSETREF(newest_in_python, PyObject_GetAttrString((PyObject *)activity, "add"));
    exchanges = (PyTypeObject *)Py_NewRef(exchange);
    return PyErr_Occurred() ? NULL : methods_of(activity, of_activity);
}
