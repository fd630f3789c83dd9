/* How the line of an exchange comes to the exchange log (usage/exchangelog.py, logs/linelog.py), where it waits with others. */

#include "attributes.h"

enum { N_PUT, N_WAITING, N_KEPT, N_TIMER, N_MANY };
static Name names[] = {{"_put", NULL}, {"_waiting", NULL}, {"_kept", NULL}, {"_timer", NULL}, {"_many", NULL}, {NULL, NULL}};

static PyTypeObject *records;
static PyObject *put_in_python, *nothing, *one;

/* Of the exchange log: a line that waits, with what its exchange has added to the journal's sums. */
static PyObject *add_line(PyObject *log, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 4)
        return PyErr_Format(PyExc_TypeError, "add() takes an exchange, a slot, and bytes up and down");
    PyObject *sums = PyTuple_Pack(3, arguments[2], arguments[3], one);
    PyObject *record = sums == NULL ? NULL : records->tp_alloc(records, 5);
    if (record == NULL) {
        Py_XDECREF(sums);
        return NULL;
    }
    PyObject *fields[5] = {Py_NewRef(arguments[0]), Py_NewRef(arguments[1]), sums, Py_NewRef(nothing), Py_NewRef(nothing)};
    for (int i = 0; i < 5; i++)
        PyTuple_SET_ITEM(record, i, fields[i]);
    const int done = tell(log, names[N_PUT], record);
    Py_DECREF(record);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

/* Whether one record more is nothing but one record more: there is room, and somebody will write it. */
static bool only_waits(PyObject *log, PyObject *waiting)
{
    PyObject *kept = PyObject_GetAttr(log, names[N_KEPT].name), *many = PyObject_GetAttr(log, names[N_MANY].name);
    PyObject *timer = PyObject_GetAttr(log, names[N_TIMER].name);
    long long most, at_most;
    const bool found = timer != NULL && timer != Py_None && integer(kept, &most) && integer(many, &at_most) &&
                       PyList_GET_SIZE(waiting) < most && PyList_GET_SIZE(waiting) + 1 < at_most;
    Py_XDECREF(kept);
    Py_XDECREF(many);
    Py_XDECREF(timer);
    return found && !PyErr_Occurred();
}

static PyObject *put_record(PyObject *log, PyObject *record)
{
    PyObject *waiting = PyObject_GetAttr(log, names[N_WAITING].name), *done = NULL;
    if (waiting != NULL && PyList_CheckExact(waiting) && only_waits(log, waiting))
        done = PyList_Append(waiting, record) < 0 ? NULL : Py_NewRef(Py_None);
    else {
        PyErr_Clear();
        done = PyObject_CallFunctionObjArgs(put_in_python, log, record, NULL);
    }
    Py_XDECREF(waiting);
    return done;
}

static PyMethodDef of_log[] = {
    {"add", (PyCFunction)(void (*)(void))add_line, METH_FASTCALL, "Add the line of one exchange."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_lines[] = {
    {"_put", put_record, METH_O, "Have a record written soon."},
    {NULL, NULL, 0, NULL},
};

PyObject *log_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *log, *record;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &log, &PyType_Type, &record) ||
        find_fields(record, waiting_fields) < 0 || make_names(names) < 0)
        return NULL;
    Py_XSETREF(one, PyLong_FromLong(1));
    Py_XSETREF(nothing, PyLong_FromLong(0));
    records = (PyTypeObject *)Py_NewRef(record);
    return PyErr_Occurred() ? NULL : methods_of(log, of_log, NULL);
}

PyObject *lines_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *lines;
    if (!PyArg_ParseTuple(classes, "O!", &PyType_Type, &lines) || make_names(names) < 0)
        return NULL;
    return PyErr_Occurred() ? NULL : methods_of(lines, of_lines, &put_in_python);
}
