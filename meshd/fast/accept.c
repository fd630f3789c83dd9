/* What passing/accepting.py does to accept one client. */

#define _GNU_SOURCE
#include "native.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static PyObject *n_listener, *n_fileno;

/* The address of a peer as text, as values.addresses.peer_address has it. */
static void write_address(const struct sockaddr_storage *from, char *text, socklen_t room)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
    text[0] = '\0';
    if (from->ss_family == AF_INET)
        inet_ntop(AF_INET, &four->sin_addr, text, room);
    else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, text, room);
    else if (from->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &six->sin6_addr, text, room);
}

static PyObject *next(PyObject *acceptor, PyObject *Py_UNUSED(nothing))
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    char text[INET6_ADDRSTRLEN];
    long long fd;
    PyObject *listener = PyObject_GetAttr(acceptor, n_listener);
    PyObject *number = listener == NULL ? NULL : PyObject_CallMethodNoArgs(listener, n_fileno);
    Py_XDECREF(listener);
    if (number == NULL)
        return NULL;
    const bool is_one = integer(number, &fd) && fd >= -1 && fd <= INT_MAX;
    Py_DECREF(number);
    if (!is_one)
        return PyErr_Format(PyExc_TypeError, "a listener's descriptor is a number");
    memset(&from, 0, sizeof from);
    const int client = accept4((int)fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR))
        Py_RETURN_NONE;
    if (client < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    write_address(&from, text, sizeof text);
    PyObject *found = Py_BuildValue("is", client, text);
    if (found == NULL)
        close(client);
    return found;
}

static PyMethodDef methods[] = {
    {"_next", next, METH_NOARGS, "The next client's descriptor, and its address; None where nobody waits."},
    {NULL, NULL, 0, NULL},
};

PyObject *acceptor_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *acceptor;
    if (!PyArg_ParseTuple(classes, "O!", &PyType_Type, &acceptor))
        return NULL;
    n_listener = PyUnicode_InternFromString("_listener");
    n_fileno = PyUnicode_InternFromString("fileno");
    return PyErr_Occurred() ? NULL : methods_of(acceptor, methods, NULL);
}
