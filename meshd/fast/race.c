/* What sockets/race.py does to connect by IPv4, a socket with its options, and for a sole address: to begin the attempt, and
   to note that it has connected, where nothing else is to be told of it. */

#include "attributes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIND_ADDRESS_NO_PORT = 24, OPTIONS = 3 }; /* as sockets/race.py has them, which hands both over */
static const int prepared[OPTIONS][3] = {
    {IPPROTO_TCP, TCP_NODELAY, 1}, {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 60}};
enum { PORT, SOURCE, RECEIVE_BUFFER, OPEN, WON, READER, POLLER, ADDRESSES, ERROR };
static Slot of_race[] = {{"_port", 0},  {"_source", 0}, {"_receive_buffer", 0}, {"_open", 0},  {"_won", 0},
                         {"reader", 0}, {"_poller", 0}, {"_addresses", 0},      {"_error", 0}, {NULL, 0}};
enum { N_LOCAL, N_CONNECT, N_CONNECTED, N_ADD, N_ERRNO };
static Name names[] = {{"_local", NULL}, {"_connect", NULL}, {"_connected", NULL}, {"add", NULL}, {"errno", NULL}, {NULL, NULL}};
enum { CONNECT, LOCAL, NEXT, READY };

static PyTypeObject *races, *tasks;
static PyObject *in_python[READY + 1], *dialled, *none;

/* An IPv4 address as text; false where it is none, or is written so that it may mean another to Python. */
static bool is_address(PyObject *text, struct in_addr *address)
{
    return text != NULL && PyUnicode_CheckExact(text) && PyUnicode_IS_COMPACT_ASCII(text) &&
           inet_pton(AF_INET, PyUnicode_DATA(text), address) == 1;
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Give a new socket its options, and an address to leave by where source is one; false with errno. */
static bool prepare(int fd, int buffer, const struct sockaddr_in *source)
{
    for (int i = 0; i < OPTIONS; i++)
        if (!set(fd, prepared[i][0], prepared[i][1], prepared[i][2]))
            return false;
    return (buffer == 0 || set(fd, SOL_SOCKET, SO_RCVBUF, buffer)) &&
           (source == NULL || (set(fd, IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1) &&
                               bind(fd, (const struct sockaddr *)source, sizeof *source) == 0));
}

static PyObject *connecting(PyObject *race, PyObject *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET}, from = {.sin_family = AF_INET};
    long long port, buffer;
    PyObject *source = get(race, of_race[SOURCE]);
    const bool anywhere = source != NULL && PyUnicode_CheckExact(source) && PyUnicode_GET_LENGTH(source) == 0;
    if (!is_address(address, &to.sin_addr) || !(anywhere || is_address(source, &from.sin_addr)) ||
        !integer(get(race, of_race[PORT]), &port) || port < 0 || port > UINT16_MAX ||
        !integer(get(race, of_race[RECEIVE_BUFFER]), &buffer) || buffer < 0 || buffer > INT_MAX)
        return PyObject_CallFunctionObjArgs(in_python[CONNECT], race, address, NULL);
    to.sin_port = htons((uint16_t)port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return Py_BuildValue("ii", -1, errno);
    int outcome = 0;
    if (!prepare(fd, (int)buffer, anywhere ? NULL : &from) || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        outcome = errno;
    if (outcome == 0 || outcome == EINPROGRESS)
        return Py_BuildValue("ii", fd, outcome);
    close(fd);
    return Py_BuildValue("ii", -1, outcome);
}

static PyObject *local(PyObject *race, PyObject *fd)
{
    struct sockaddr_in found = {.sin_family = AF_UNSPEC};
    socklen_t size = sizeof found;
    char text[INET_ADDRSTRLEN];
    long long number;
    if (!integer(fd, &number) || number < 0 || number > INT_MAX ||
        getsockname((int)number, (struct sockaddr *)&found, &size) != 0 || found.sin_family != AF_INET ||
        inet_ntop(AF_INET, &found.sin_addr, text, sizeof text) == NULL)
        return PyObject_CallFunctionObjArgs(in_python[LOCAL], race, fd, NULL);
    return PyUnicode_FromString(text);
}

/* The address that a socket leaves by, a new reference; NULL where it cannot be told, without an error. */
static PyObject *source_of(PyObject *race, PyObject *fd)
{
    PyObject *source = get(race, of_race[SOURCE]);
    if (source == NULL || !PyUnicode_CheckExact(source))
        return NULL;
    if (PyUnicode_GET_LENGTH(source) > 0)
        return Py_NewRef(source);
    source = PyObject_CallMethodOneArg(race, names[N_LOCAL].name, fd);
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
    PyObject *open = get(race, of_race[OPEN]), *task = get(race, of_race[READER]);
    if (given != 2 || !is(race, races) || !integer(arguments[0], &fd) || !integer(arguments[1], &events) || !is(task, tasks) ||
        !(events & EPOLL_OUT) || events & (EPOLL_HUP | EPOLL_ERR | EPOLL_PRI) ||
        get(race, of_race[WON]) != Py_None || open == NULL || !PyDict_CheckExact(open))
        return left_to(in_python[READY], race, arguments, given, NULL);
    PyObject *address = Py_XNewRef(PyDict_GetItemWithError(open, arguments[0]));
    PyObject *source = address == NULL ? NULL : source_of(race, arguments[0]);
    PyObject *done = NULL;
    if (source == NULL) {
        if (!PyErr_Occurred())
            done = left_to(in_python[READY], race, arguments, given, NULL);
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
    PyObject *added = PyObject_CallMethodObjArgs(get(race, of_race[POLLER]), names[N_ADD].name, fd, race, NULL);
    Py_XDECREF(added);
    if (added != NULL)
        return 1;
    if (!PyErr_ExceptionMatches(PyExc_OSError))
        return -1;
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    close((int)number);
    PyObject *why = PyObject_GetAttr(error, names[N_ERRNO].name);
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
    PyObject *begun = PyObject_CallMethodOneArg(race, names[N_CONNECT].name, address);
    bool done = false;
    if (begun == NULL)
        return false;
    if (!PyTuple_CheckExact(begun) || PyTuple_GET_SIZE(begun) != 2 ||
        !integer(PyTuple_GET_ITEM(begun, 0), &fd) || !integer(PyTuple_GET_ITEM(begun, 1), &outcome) ||
        fd > INT_MAX) {
        PyErr_SetString(PyExc_TypeError, "_connect gives a descriptor and an error");
    } else if (fd < 0) {
        put(race, of_race[ERROR], Py_NewRef(PyTuple_GET_ITEM(begun, 1)));
        done = true;
    } else {
        PyObject *number = PyTuple_GET_ITEM(begun, 0);
        const int is_registered = registered(race, number, fd);
        done = is_registered == 0 || (is_registered > 0 && PyDict_SetItem(open, number, address) == 0);
        if (done && is_registered > 0 && outcome == 0) {
            PyObject *connected = PyObject_CallMethodObjArgs(race, names[N_CONNECTED].name, number, Py_True, NULL);
            done = connected != NULL;
            Py_XDECREF(connected);
        }
    }
    Py_DECREF(begun);
    return done;
}

static PyObject *next(PyObject *race, PyObject *Py_UNUSED(nothing))
{
    PyObject *addresses = get(race, of_race[ADDRESSES]), *open = get(race, of_race[OPEN]);
    if (!is(race, races) || addresses == NULL || !PyTuple_CheckExact(addresses) || PyTuple_GET_SIZE(addresses) != 1 ||
        get(race, of_race[WON]) != Py_None || get(race, of_race[POLLER]) == NULL || open == NULL ||
        !PyDict_CheckExact(open))
        return PyObject_CallOneArg(in_python[NEXT], race);
    PyObject *address = Py_NewRef(PyTuple_GET_ITEM(addresses, 0));
    Py_INCREF(open);
    put(race, of_race[ADDRESSES], Py_NewRef(none));
    const bool begun = begin(race, open, address);
    Py_DECREF(address);
    Py_DECREF(open);
    return begun ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {
    {"_connect", connecting, METH_O, "A socket that connects to an address."},
    {"_local", local, METH_O, "The address that the kernel chose for a connected socket."},
    {"_next", next, METH_NOARGS, "Begin attempts until one is under way, and schedule the one after that."},
    {"ready", (PyCFunction)(void (*)(void))ready, METH_FASTCALL, "Note that an attempt has connected or failed."},
    {NULL, NULL, 0, NULL},
};

/* Whether Python prepares sockets alike; -1 with an error. */
static int same(PyObject *options)
{
    int alike = PyTuple_GET_SIZE(options) == OPTIONS;
    for (int i = 0; i < OPTIONS && alike == 1; i++) {
        PyObject *mine = Py_BuildValue("iii", prepared[i][0], prepared[i][1], prepared[i][2]);
        alike = mine == NULL ? -1 : PyObject_RichCompareBool(PyTuple_GET_ITEM(options, i), mine, Py_EQ);
        Py_XDECREF(mine);
    }
    return alike;
}

PyObject *race_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *race, *made, *task;
    PyObject *options;
    int no_port, alike;
    if (!PyArg_ParseTuple(classes, "O!O!O!O!i", &PyType_Type, &race, &PyType_Type, &made, &PyType_Type, &task, &PyTuple_Type,
                          &options, &no_port) ||
        find_slots(race, of_race) < 0 || make_names(names) < 0 || (alike = same(options)) < 0)
        return NULL;
    if (!alike || no_port != BIND_ADDRESS_NO_PORT)
        return PyErr_Format(PyExc_ValueError, "PREPARED or BIND_ADDRESS_NO_PORT is another in C");
    Py_XSETREF(none, PyTuple_New(0));
    Py_XSETREF(dialled, Py_NewRef((PyObject *)made));
    races = (PyTypeObject *)Py_NewRef(race);
    tasks = (PyTypeObject *)Py_NewRef(task);
    return PyErr_Occurred() ? NULL : methods_of(race, methods, in_python);
}
