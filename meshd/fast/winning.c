/* What sockets/race.py does where an attempt has connected, and nothing else is to be told of it. */

#include "native.h"

enum { OPEN, SOURCE, WON, READER };
static Slot of_race[] = {{"_open", 0}, {"_source", 0}, {"_won", 0}, {"reader", 0}, {NULL, 0}};

static PyTypeObject *races, *tasks;
static PyObject *dialled, *ready_in_python, *n_local;

static PyObject *in_python(PyObject *race, PyObject *const *arguments)
{
    PyObject *given[] = {race, arguments[0], arguments[1]};
    return PyObject_Vectorcall(ready_in_python, given, 3, NULL);
}

/* The address that a socket leaves by, a new reference; NULL where it cannot be told, without an error. */
static PyObject *source_of(PyObject *race, PyObject *fd)
{
    PyObject *source = get(race, of_race[SOURCE]);
    if (source == NULL || !PyUnicode_CheckExact(source))
        return NULL;
    if (PyUnicode_GET_LENGTH(source) > 0)
        return Py_NewRef(source);
    source = PyObject_CallMethodOneArg(race, n_local, fd);
    if (source == NULL)
        PyErr_Clear(); /* Python asks again, and hears why */
    return source;
}

/* Note who has won, and take him from what is open; -1 with an error. */
static int note(PyObject *race, PyObject *open, PyObject *fd, PyObject *address, PyObject *source, bool readable)
{
    PyObject *given[] = {fd, address, source, readable ? Py_True : Py_False};
    PyObject *won = PyObject_Vectorcall(dialled, given, 4, NULL);
    if (won == NULL || PyDict_DelItem(open, fd) < 0) {
        Py_XDECREF(won);
        return -1;
    }
    put(race, of_race[WON], won);
    return 0;
}

static PyObject *ready(PyObject *race, PyObject *const *arguments, Py_ssize_t given)
{
    long long fd, events;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "ready() takes fd and events");
    PyObject *open = get(race, of_race[OPEN]), *task = get(race, of_race[READER]);
    if (!is(race, races) || !integer(arguments[0], &fd) || !integer(arguments[1], &events) || !is(task, tasks) ||
        !(events & EPOLL_OUT) || events & (EPOLL_HUP | EPOLL_ERR | EPOLL_PRI) ||
        get(race, of_race[WON]) != Py_None || open == NULL || !PyDict_CheckExact(open))
        return in_python(race, arguments);
    PyObject *address = Py_XNewRef(PyDict_GetItemWithError(open, arguments[0]));
    PyObject *source = address == NULL ? NULL : source_of(race, arguments[0]);
    PyObject *done = NULL;
    if (source == NULL) {
        if (!PyErr_Occurred())
            done = in_python(race, arguments);
    } else if (note(race, open, arguments[0], address, source, (events & ~EPOLL_OUT) != 0) == 0) {
        Py_INCREF(task);
        put(race, of_race[READER], Py_NewRef(Py_None));
        if (resume(task) == 0)
            done = Py_NewRef(Py_None);
        Py_DECREF(task);
    }
    Py_XDECREF(address);
    Py_XDECREF(source);
    return done;
}

static PyMethodDef methods[] = {
    {"ready", (PyCFunction)(void (*)(void))ready, METH_FASTCALL, "Note that an attempt has connected or failed."},
    {NULL, NULL, 0, NULL},
};

PyObject *winning_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *race, *made, *task;
    races = NULL;
    if (!PyArg_ParseTuple(classes, "O!O!O!", &PyType_Type, &race, &PyType_Type, &made, &PyType_Type, &task) ||
        find_slots(race, of_race) < 0)
        return NULL;
    n_local = PyUnicode_InternFromString("_local");
    Py_XSETREF(dialled, Py_NewRef((PyObject *)made));
    Py_XSETREF(ready_in_python, PyObject_GetAttrString((PyObject *)race, "ready"));
    if (PyErr_Occurred())
        return NULL;
    races = (PyTypeObject *)Py_NewRef(race);
    tasks = (PyTypeObject *)Py_NewRef(task);
    return methods_of(race, methods);
}
