/* What sockets/poll.py does at each wake-up, and for each descriptor that is closed.  To ask without waiting takes no
   time, so the interpreter's lock is kept meanwhile. */

#include "native.h"

#include <errno.h>
#include <sys/epoll.h>

enum { BATCH = 256 }; /* as BATCH of sockets/poll.py, which hands it over */
enum { EPOLL, OWNERS, BEHIND, REMOVED, DISPATCHING, TURNS, OUTSIDE, LINGERING };
static Slot of_poller[] = {{"_epoll", 0},       {"_owners", 0}, {"_behind", 0}, {"_removed", 0},
                           {"_dispatching", 0}, {"turns", 0},   {"_outside", 0}, {"_lingering", 0},
                           {NULL, 0}};

static PyObject *n_fileno, *n_ready, *n_failed, *do_read_in_python, *remove_in_python, *add_in_python, *len_in_python, *edges;

/* Let one owner know; 0 where that went well or was told of, -1 with an error that is none of an owner's. */
static int tell(PyObject *poller, PyObject *owner, PyObject *fd, unsigned events)
{
    PyObject *number = PyLong_FromUnsignedLong(events), *arguments[] = {owner, fd, number};
    PyObject *done = number == NULL ? NULL : PyObject_VectorcallMethod(n_ready, arguments, 3, NULL);
    Py_XDECREF(number);
    if (done == NULL && PyErr_ExceptionMatches(PyExc_Exception))
        done = in_except(poller, n_failed);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Tell the owners of those that are ready, but for descriptors that were closed earlier in this batch. */
static int tell_all(PyObject *poller, PyObject *owners, PyObject *removed, const struct epoll_event *found, int count)
{
    int done = 0;
    for (int i = 0; i < count && done == 0; i++) {
        PyObject *fd = PyLong_FromLong(found[i].data.fd);
        const int gone = fd == NULL ? -1 : PySet_GET_SIZE(removed) == 0 ? 0 : PySet_Contains(removed, fd);
        PyObject *owner = gone == 0 ? Py_XNewRef(PyDict_GetItemWithError(owners, fd)) : NULL;
        if (owner != NULL)
            done = tell(poller, owner, fd, found[i].events);
        else if (gone < 0 || PyErr_Occurred())
            done = -1;
        Py_XDECREF(owner);
        Py_XDECREF(fd);
    }
    return done;
}

/* The poller's own descriptor; false with an error, as once it is closed. */
static bool descriptor_of(PyObject *poller, long long *found)
{
    PyObject *fd = PyObject_CallMethodNoArgs(get(poller, of_poller[EPOLL]), n_fileno);
    const bool is_one = integer(fd, found) && *found >= 0 && *found <= INT_MAX;
    if (!is_one && fd != NULL)
        PyErr_SetString(PyExc_ValueError, "an epoll's descriptor is a number");
    Py_XDECREF(fd);
    return is_one;
}

/* The descriptors that are ready; -1 with an error. */
static int ready_now(PyObject *poller, struct epoll_event *found)
{
    long long epoll;
    int count;
    if (!descriptor_of(poller, &epoll))
        return -1;
    do
        count = epoll_wait((int)epoll, found, BATCH, 0);
    while (count < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (count < 0 && !PyErr_Occurred())
        PyErr_SetFromErrno(PyExc_OSError);
    return count;
}

static PyObject *do_read(PyObject *poller, PyObject *Py_UNUSED(nothing))
{
    struct epoll_event found[BATCH];
    long long turns;
    PyObject *owners = get(poller, of_poller[OWNERS]), *removed = get(poller, of_poller[REMOVED]);
    if (owners == NULL || !PyDict_CheckExact(owners) || removed == NULL || !PySet_CheckExact(removed) ||
        get(poller, of_poller[EPOLL]) == NULL || !integer(get(poller, of_poller[TURNS]), &turns) || turns == INT64_MAX)
        return PyObject_CallOneArg(do_read_in_python, poller);
    PyObject *next = PyLong_FromLongLong(turns + 1);
    if (next == NULL)
        return NULL;
    put(poller, of_poller[TURNS], next);
    put_bool(poller, of_poller[DISPATCHING], true);
    Py_INCREF(owners);
    Py_INCREF(removed);
    const int count = ready_now(poller, found), done = count < 0 ? -1 : tell_all(poller, owners, removed, found, count);
    put_bool(poller, of_poller[DISPATCHING], false);
    PySet_Clear(removed);
    Py_DECREF(owners);
    Py_DECREF(removed);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *add(PyObject *poller, PyObject *const *arguments, Py_ssize_t given)
{
    long long fd, events, epoll;
    PyObject *owners = get(poller, of_poller[OWNERS]);
    if (given < 2 || given > 3)
        return PyErr_Format(PyExc_TypeError, "add() takes fd, owner, and perhaps events");
    if (!integer(arguments[0], &fd) || fd < 0 || fd > INT_MAX || owners == NULL || !PyDict_CheckExact(owners) ||
        !integer(given == 3 ? arguments[2] : edges, &events) || events < 0 || events > UINT32_MAX ||
        get(poller, of_poller[EPOLL]) == NULL)
        return PyObject_CallFunctionObjArgs(add_in_python, poller, arguments[0], arguments[1],
                                            given == 3 ? arguments[2] : NULL, NULL);
    struct epoll_event wanted = {.events = (uint32_t)events, .data = {.fd = (int)fd}};
    if (!descriptor_of(poller, &epoll))
        return NULL;
    if (epoll_ctl((int)epoll, EPOLL_CTL_ADD, (int)fd, &wanted) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyDict_SetItem(owners, arguments[0], arguments[1]) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *hand_over(PyObject *poller, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *owners = get(poller, of_poller[OWNERS]);
    if (given != 2 || owners == NULL || !PyDict_CheckExact(owners))
        return PyErr_Format(PyExc_TypeError, "hand_over() takes fd and owner");
    return PyDict_SetItem(owners, arguments[0], arguments[1]) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *take_out(PyObject *poller, PyObject *fd)
{
    PyObject *owners = get(poller, of_poller[OWNERS]), *behind = get(poller, of_poller[BEHIND]);
    PyObject *removed = get(poller, of_poller[REMOVED]), *dispatching = get(poller, of_poller[DISPATCHING]);
    if (owners == NULL || !PyDict_CheckExact(owners) || behind == NULL || !PyDict_CheckExact(behind) ||
        PyDict_GET_SIZE(behind) != 0 || removed == NULL || !PySet_CheckExact(removed))
        return PyObject_CallFunctionObjArgs(remove_in_python, poller, fd, NULL);
    if (PyDict_DelItem(owners, fd) < 0 || (dispatching == Py_True && PySet_Add(removed, fd) < 0))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *length(PyObject *poller, PyObject *Py_UNUSED(nothing))
{
    long long outside;
    PyObject *owners = get(poller, of_poller[OWNERS]), *lingering = get(poller, of_poller[LINGERING]);
    if (owners == NULL || !PyDict_CheckExact(owners) || lingering == NULL || !PyDict_CheckExact(lingering) ||
        !integer(get(poller, of_poller[OUTSIDE]), &outside) || outside < 0 || outside > INT_MAX)
        return PyObject_CallOneArg(len_in_python, poller);
    return PyLong_FromLongLong(PyDict_GET_SIZE(owners) + outside + 2 * (long long)PyDict_GET_SIZE(lingering));
}

static PyMethodDef methods[] = {
    {"__len__", length, METH_NOARGS, "Descriptors in use: those registered, and those behind them."},
    {"doRead", do_read, METH_NOARGS, "Call the owners of the descriptors that are ready."},
    {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, "Register a descriptor."},
    {"hand_over", (PyCFunction)(void (*)(void))hand_over, METH_FASTCALL, "Make another object the owner."},
    {"remove", take_out, METH_O, "Forget a descriptor, which its owner must close next."},
    {NULL, NULL, 0, NULL},
};

PyObject *poller_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *poller;
    int batch;
    PyObject *all;
    if (!PyArg_ParseTuple(classes, "O!iO!", &PyType_Type, &poller, &batch, &PyLong_Type, &all) || find_slots(poller, of_poller) < 0)
        return NULL;
    if (batch != BATCH)
        return PyErr_Format(PyExc_ValueError, "BATCH is %d in C", BATCH);
    n_fileno = PyUnicode_InternFromString("fileno");
    n_ready = PyUnicode_InternFromString("ready");
    n_failed = PyUnicode_InternFromString("_failed");
    Py_XSETREF(edges, Py_NewRef(all));
    Py_XSETREF(add_in_python, PyObject_GetAttrString((PyObject *)poller, "add"));
    Py_XSETREF(len_in_python, PyObject_GetAttrString((PyObject *)poller, "__len__"));
    Py_XSETREF(do_read_in_python, PyObject_GetAttrString((PyObject *)poller, "doRead"));
    Py_XSETREF(remove_in_python, PyObject_GetAttrString((PyObject *)poller, "remove"));
    return PyErr_Occurred() ? NULL : methods_of(poller, methods, NULL);
}
