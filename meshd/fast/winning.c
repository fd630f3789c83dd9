/* What sockets/race.py does to begin the attempt at a sole address, and where one has connected, and nothing else is to
   be told of it. */

#include "native.h"

#include <unistd.h>

enum { OPEN, SOURCE, WON, READER, POLLER, ADDRESSES, ERROR };
static Slot of_race[] = {{"_open", 0},   {"_source", 0},    {"_won", 0},   {"reader", 0},
                         {"_poller", 0}, {"_addresses", 0}, {"_error", 0}, {NULL, 0}};

static PyTypeObject *races, *tasks;
static PyObject *dialled, *ready_in_python, *next_in_python, *none, *n_local, *n_connect, *n_connected, *n_add, *n_errno;

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

/* Have a socket registered; 1 where it is, 0 where the kernel registers no more and it is closed, -1 with an error. */
static int registered(PyObject *race, PyObject *fd, long long number)
{
    PyObject *added = PyObject_CallMethodObjArgs(get(race, of_race[POLLER]), n_add, fd, race, NULL);
    Py_XDECREF(added);
    if (added != NULL)
        return 1;
    if (!PyErr_ExceptionMatches(PyExc_OSError))
        return -1;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    close((int)number);
    PyObject *why = PyObject_GetAttr(error, n_errno);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    if (why == NULL)
        return -1;
    if (why == Py_None) /* the error stays what it is while nothing was tried */
        Py_DECREF(why);
    else
        put(race, of_race[ERROR], why);
    return 0;
}

/* Begin an attempt, as `_begin`; false with an error. */
static bool begin(PyObject *race, PyObject *open, PyObject *address)
{
    long long fd, outcome;
    PyObject *connecting = PyObject_CallMethodOneArg(race, n_connect, address);
    bool done = false;
    if (connecting == NULL)
        return false;
    if (!PyTuple_CheckExact(connecting) || PyTuple_GET_SIZE(connecting) != 2 ||
        !integer(PyTuple_GET_ITEM(connecting, 0), &fd) || !integer(PyTuple_GET_ITEM(connecting, 1), &outcome) ||
        fd > INT_MAX) {
        PyErr_SetString(PyExc_TypeError, "_connect gives a descriptor and an error");
    } else if (fd < 0) {
        put(race, of_race[ERROR], Py_NewRef(PyTuple_GET_ITEM(connecting, 1)));
        done = true;
    } else {
        PyObject *number = PyTuple_GET_ITEM(connecting, 0);
        const int is_registered = registered(race, number, fd);
        done = is_registered == 0 || (is_registered > 0 && PyDict_SetItem(open, number, address) == 0);
        if (done && is_registered > 0 && outcome == 0) {
            PyObject *connected = PyObject_CallMethodObjArgs(race, n_connected, number, Py_True, NULL);
            done = connected != NULL;
            Py_XDECREF(connected);
        }
    }
    Py_DECREF(connecting);
    return done;
}

static PyObject *next(PyObject *race, PyObject *Py_UNUSED(nothing))
{
    PyObject *addresses = get(race, of_race[ADDRESSES]), *open = get(race, of_race[OPEN]);
    if (!is(race, races) || addresses == NULL || !PyTuple_CheckExact(addresses) || PyTuple_GET_SIZE(addresses) != 1 ||
        get(race, of_race[WON]) != Py_None || get(race, of_race[POLLER]) == NULL || open == NULL ||
        !PyDict_CheckExact(open))
        return PyObject_CallOneArg(next_in_python, race);
    PyObject *address = Py_NewRef(PyTuple_GET_ITEM(addresses, 0));
    Py_INCREF(open);
    put(race, of_race[ADDRESSES], Py_NewRef(none));
    const bool begun = begin(race, open, address);
    Py_DECREF(address);
    Py_DECREF(open);
    return begun ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {
    {"_next", next, METH_NOARGS, "Begin attempts until one is under way, and schedule the one after that."},
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
    n_connect = PyUnicode_InternFromString("_connect");
    n_connected = PyUnicode_InternFromString("_connected");
    n_add = PyUnicode_InternFromString("add");
    n_errno = PyUnicode_InternFromString("errno");
    Py_XSETREF(none, PyTuple_New(0));
    Py_XSETREF(next_in_python, PyObject_GetAttrString((PyObject *)race, "_next"));
    Py_XSETREF(dialled, Py_NewRef((PyObject *)made));
    Py_XSETREF(ready_in_python, PyObject_GetAttrString((PyObject *)race, "ready"));
    if (PyErr_Occurred())
        return NULL;
    races = (PyTypeObject *)Py_NewRef(race);
    tasks = (PyTypeObject *)Py_NewRef(task);
    return methods_of(race, methods);
}
