/* What sockets/wire.py does for each edge, for each piece that is read or written, and to give its descriptor up.  The
   descriptors are non-blocking, so the interpreter's lock is kept meanwhile. */

#include "native.h"

#include <errno.h>
#include <unistd.h>

enum { MOST = 64 * 1024 }; /* as READ_SIZE of sockets/wire.py, which hands it over */
enum { READABLE, IS_UNSURE, ENDING, GONE, READER, WRITER, WATCHER, POLLER, FD, PEER };
static Slot of_wire[] = {{"readable", 0}, {"unsure", 0},  {"ending", 0}, {"gone", 0}, {"reader", 0}, {"writer", 0},
                         {"watcher", 0},  {"poller", 0}, {"fd", 0},     {"peer", 0}, {NULL, 0}};
static const int given_first[] = {POLLER, FD, PEER};

static PyObject *n_add, *n_hand_over, *n_registered, *n_stirred, *reading;
static PyObject *init_in_python, *try_receive_in_python, *try_send_in_python, *ready_in_python;
static char read_data[MOST]; /* used between a read and the making of its bytes alone, under the interpreter's lock */

static bool descriptor(PyObject *wire, int *fd)
{
    long long found;
    const bool is_one = integer(get(wire, of_wire[FD]), &found) && found >= 0 && found <= INT_MAX;
    *fd = is_one ? (int)found : -1;
    return is_one;
}

/* Wake the task in a slot, if there is one; 1 if so, 0 if not, -1 with an error. */
static int wake(PyObject *wire, Slot slot)
{
    PyObject *task = get(wire, slot);
    if (task == NULL || task == Py_None)
        return 0;
    Py_INCREF(task);
    put(wire, slot, Py_NewRef(Py_None));
    const int done = resume(task);
    Py_DECREF(task);
    return done < 0 ? -1 : 1;
}

/* Note what is given, have the poller know of the descriptor, and begin as Python does. */
static PyObject *init(PyObject *wire, PyObject *const *arguments, Py_ssize_t given, PyObject *names)
{
    const bool said = names != NULL && PyTuple_GET_SIZE(names) == 1 &&
                      PyUnicode_Compare(PyTuple_GET_ITEM(names, 0), n_registered) == 0;
    if (given != 3 || (names != NULL && !said))
        return left_to(init_in_python, wire, arguments, given, names);
    PyObject *method = said && PyObject_IsTrue(arguments[3]) == 1 ? n_hand_over : n_add;
    for (int i = 0; i < 3; i++)
        put(wire, of_wire[given_first[i]], Py_NewRef(arguments[i]));
    for (int i = READABLE; i <= GONE; i++)
        put_bool(wire, of_wire[i], i == READABLE);
    for (int i = READER; i <= WATCHER; i++)
        put(wire, of_wire[i], Py_NewRef(Py_None));
    return PyObject_CallMethodObjArgs(arguments[0], method, arguments[1], wire, NULL);
}

static PyObject *ready(PyObject *wire, PyObject *const *arguments, Py_ssize_t given)
{
    long long events;
    int fd;
    if (given != 2 || !integer(arguments[1], &events))
        return left_to(ready_in_python, wire, arguments, given, NULL);
    if (events & (EPOLL_HUP | EPOLL_ERR | EPOLL_RDHUP | EPOLL_PRI)) {
        put_bool(wire, of_wire[IS_UNSURE], true);
        if (events & (EPOLL_HUP | EPOLL_ERR | EPOLL_RDHUP)) {
            put_bool(wire, of_wire[ENDING], true);
            if (events & (EPOLL_HUP | EPOLL_ERR))
                put_bool(wire, of_wire[GONE], true);
        }
    }
    if (events & (EPOLL_IN | EPOLL_HUP | EPOLL_ERR | EPOLL_RDHUP | EPOLL_PRI)) {
        put_bool(wire, of_wire[READABLE], true);
        const int woken = wake(wire, of_wire[READER]);
        if (woken < 0)
            return NULL;
        PyObject *watcher = get(wire, of_wire[WATCHER]);
        if (!woken && watcher != NULL && watcher != Py_None && descriptor(wire, &fd)) {
            Py_INCREF(watcher);
            PyObject *stirred = PyObject_CallMethodOneArg(watcher, n_stirred, wire);
            Py_DECREF(watcher);
            Py_XDECREF(stirred);
            if (stirred == NULL)
                return NULL;
        }
    }
    if (events & (EPOLL_OUT | EPOLL_HUP | EPOLL_ERR) && descriptor(wire, &fd) && wake(wire, of_wire[WRITER]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Read up to so many bytes, MOST at most; None where nothing has come, NULL with an error. */
static PyObject *received(PyObject *wire, size_t most)
{
    int fd;
    ssize_t size;
    if (get(wire, of_wire[READABLE]) != Py_True)
        Py_RETURN_NONE;
    descriptor(wire, &fd);
    do
        size = read(fd, read_data, most);
    while (size < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (PyErr_Occurred())
        return NULL;
    if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *data = size < 0 ? Py_NewRef(Py_None) : PyBytes_FromStringAndSize(read_data, size);
    if (data == NULL)
        return NULL;
    if (size < 0) {
        put_bool(wire, of_wire[READABLE], false);
        put_bool(wire, of_wire[IS_UNSURE], get(wire, of_wire[ENDING]) == Py_True);
    } else if ((size_t)size < most && get(wire, of_wire[IS_UNSURE]) == Py_False)
        put_bool(wire, of_wire[READABLE], false);
    return data;
}

static PyObject *try_receive(PyObject *wire, PyObject *most)
{
    long long asked;
    if (!integer(most, &asked) || asked < 0 || asked > MOST)
        return PyObject_CallFunctionObjArgs(try_receive_in_python, wire, most, NULL);
    return received(wire, (size_t)asked);
}

static PyObject *try_send(PyObject *wire, PyObject *data)
{
    Py_buffer bytes;
    int fd;
    ssize_t sent;
    if (!descriptor(wire, &fd))
        return PyObject_CallFunctionObjArgs(try_send_in_python, wire, data, NULL);
    if (PyObject_GetBuffer(data, &bytes, PyBUF_SIMPLE) < 0)
        return NULL;
    do
        sent = write(fd, bytes.buf, (size_t)bytes.len);
    while (sent < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    const int error = sent < 0 ? errno : 0;
    PyBuffer_Release(&bytes);
    if (PyErr_Occurred())
        return NULL;
    if (error != 0 && error != EAGAIN && error != EWOULDBLOCK) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromSsize_t(sent > 0 ? sent : 0);
}

static PyObject *release(PyObject *wire, PyObject *Py_UNUSED(nothing))
{
    PyObject *fd = get(wire, of_wire[FD]);
    if (fd == NULL)
        return PyErr_Format(PyExc_AttributeError, "fd");
    Py_INCREF(fd);
    put(wire, of_wire[WATCHER], Py_NewRef(Py_None));
    if (put_number(wire, of_wire[FD], -1) == 0)
        return fd;
    Py_DECREF(fd);
    return NULL;
}

/* What `await wire.receive()` waits by. */

typedef struct {
    PyObject_HEAD
    PyObject *wire;
} Waiting;

static int waiting_traverse(Waiting *self, visitproc visit, void *arg)
{
    Py_VISIT(self->wire);
    return 0;
}

static int waiting_clear(Waiting *self)
{
    Py_CLEAR(self->wire);
    return 0;
}

static void waiting_dealloc(Waiting *self)
{
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->wire);
    PyObject_GC_Del(self);
}

/* Give the bytes, or the place and the direction to wait at. */
static PySendResult waiting_send(Waiting *self, PyObject *Py_UNUSED(value), PyObject **result)
{
    if (self->wire == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "what was received was given already");
        *result = NULL;
        return PYGEN_ERROR;
    }
    *result = received(self->wire, MOST);
    if (*result == NULL)
        return PYGEN_ERROR;
    if (*result != Py_None) {
        Py_CLEAR(self->wire);
        return PYGEN_RETURN;
    }
    Py_SETREF(*result, PyTuple_Pack(2, self->wire, reading));
    return *result == NULL ? PYGEN_ERROR : PYGEN_NEXT;
}

static PyObject *waiting_next(Waiting *self)
{
    PyObject *result;
    if (waiting_send(self, Py_None, &result) == PYGEN_RETURN) {
        PyErr_SetObject(PyExc_StopIteration, result);
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *waiting_itself(PyObject *self) { return Py_NewRef(self); }

static PyAsyncMethods waiting_async = {.am_await = waiting_itself, .am_send = (sendfunc)waiting_send};

static PyTypeObject waiting_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "meshd.fast.native.Waiting",
    .tp_doc = "Waits for bytes of a wire.",
    .tp_basicsize = sizeof(Waiting),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)waiting_dealloc,
    .tp_traverse = (traverseproc)waiting_traverse,
    .tp_clear = (inquiry)waiting_clear,
    .tp_as_async = &waiting_async,
    .tp_iter = waiting_itself,
    .tp_iternext = (iternextfunc)waiting_next,
};

int ready_waiting(PyObject *Py_UNUSED(module)) { return PyType_Ready(&waiting_type); }

static PyObject *receive(PyObject *wire, PyObject *Py_UNUSED(nothing))
{
    Waiting *waiting = PyObject_GC_New(Waiting, &waiting_type);
    if (waiting == NULL)
        return NULL;
    waiting->wire = Py_NewRef(wire);
    PyObject_GC_Track(waiting);
    return (PyObject *)waiting;
}

static PyMethodDef methods[] = {
    {"__init__", (PyCFunction)(void (*)(void))init, METH_FASTCALL | METH_KEYWORDS, "Take over a descriptor."},
    {"ready", (PyCFunction)(void (*)(void))ready, METH_FASTCALL, "Note the edges, then wake the tasks that wait."},
    {"receive", receive, METH_NOARGS, "Wait for bytes; b\"\" where the peer has ended."},
    {"try_receive", try_receive, METH_O, "Read up to so many bytes."},
    {"try_send", try_send, METH_O, "Write what the kernel takes."},
    {"release", release, METH_NOARGS, "Give up the descriptor, which stays open and registered, for another owner."},
    {NULL, NULL, 0, NULL},
};

PyObject *wire_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *wire;
    int most;
    if (!PyArg_ParseTuple(classes, "O!i", &PyType_Type, &wire, &most) || find_slots(wire, of_wire) < 0)
        return NULL;
    if (most != MOST)
        return PyErr_Format(PyExc_ValueError, "READ_SIZE is %d in C", MOST);
    n_add = PyUnicode_InternFromString("add");
    n_hand_over = PyUnicode_InternFromString("hand_over");
    n_registered = PyUnicode_InternFromString("registered");
    n_stirred = PyUnicode_InternFromString("stirred");
    Py_XSETREF(reading, PyLong_FromLong(0));
    Py_XSETREF(init_in_python, PyObject_GetAttrString((PyObject *)wire, "__init__"));
    Py_XSETREF(try_receive_in_python, PyObject_GetAttrString((PyObject *)wire, "try_receive"));
    Py_XSETREF(try_send_in_python, PyObject_GetAttrString((PyObject *)wire, "try_send"));
    Py_XSETREF(ready_in_python, PyObject_GetAttrString((PyObject *)wire, "ready"));
    return PyErr_Occurred() ? NULL : methods_of(wire, methods, NULL);
}
