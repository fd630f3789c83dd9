/* What sockets/race.py does to connect by IPv4: a socket, its options, where it leaves by, and the beginning. */

#include "native.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIND_ADDRESS_NO_PORT = 24, OPTIONS = 3 }; /* as sockets/race.py has them, which hands both over */
static const int prepared[OPTIONS][3] = {
    {IPPROTO_TCP, TCP_NODELAY, 1}, {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 60}};
enum { PORT, SOURCE, RECEIVE_BUFFER };
static Slot of_race[] = {{"_port", 0}, {"_source", 0}, {"_receive_buffer", 0}, {NULL, 0}};

static PyObject *connect_in_python, *local_in_python;

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

static PyObject *begin(PyObject *race, PyObject *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET}, from = {.sin_family = AF_INET};
    long long port, buffer;
    PyObject *source = get(race, of_race[SOURCE]);
    const bool anywhere = source != NULL && PyUnicode_CheckExact(source) && PyUnicode_GET_LENGTH(source) == 0;
    if (!is_address(address, &to.sin_addr) || !(anywhere || is_address(source, &from.sin_addr)) ||
        !integer(get(race, of_race[PORT]), &port) || port < 0 || port > UINT16_MAX ||
        !integer(get(race, of_race[RECEIVE_BUFFER]), &buffer) || buffer < 0 || buffer > INT_MAX)
        return PyObject_CallFunctionObjArgs(connect_in_python, race, address, NULL);
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
        return PyObject_CallFunctionObjArgs(local_in_python, race, fd, NULL);
    return PyUnicode_FromString(text);
}

static PyMethodDef methods[] = {
    {"_connect", begin, METH_O, "A socket that connects to an address."},
    {"_local", local, METH_O, "The address that the kernel chose for a connected socket."},
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
    PyTypeObject *race;
    PyObject *options;
    int no_port, alike;
    if (!PyArg_ParseTuple(classes, "O!O!i", &PyType_Type, &race, &PyTuple_Type, &options, &no_port) ||
        find_slots(race, of_race) < 0 || (alike = same(options)) < 0)
        return NULL;
    if (!alike || no_port != BIND_ADDRESS_NO_PORT)
        return PyErr_Format(PyExc_ValueError, "PREPARED or BIND_ADDRESS_NO_PORT is another in C");
    Py_XSETREF(connect_in_python, PyObject_GetAttrString((PyObject *)race, "_connect"));
    Py_XSETREF(local_in_python, PyObject_GetAttrString((PyObject *)race, "_local"));
    return PyErr_Occurred() ? NULL : methods_of(race, methods);
}
