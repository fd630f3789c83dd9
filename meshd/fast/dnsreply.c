/* What dns/messages.py reads of the usual answer of a name server: it repeats the question to the letter, and tells
   addresses of that very name.  It reads what strangers send: nothing behind a message's end, and whatever else a message
   says, is a question for Python, which judges it. */

#include "native.h"

#include <arpa/inet.h>
#include <string.h>

enum { HEADER = 12, RECORD = 12, CLASS = 4, MOST = 16 }; /* bytes, the last of a question, and records */
enum { A = 1, CNAME = 5, AAAA = 28, INTERNET = 1 };

static PyObject *reply_in_python, *replies;

static unsigned in_two(const unsigned char *at) { return (unsigned)at[0] << 8 | at[1]; }

static unsigned long in_four(const unsigned char *at) { return (unsigned long)in_two(at) << 16 | in_two(at + 2); }

/* Whether a message is a plain answer to this question, with no more records than are read here. */
static bool answers(const unsigned char *data, Py_ssize_t size, PyObject *section)
{
    const Py_ssize_t asked = PyBytes_GET_SIZE(section);
    return asked > CLASS && size >= HEADER + asked && (in_two(data + 2) & 0xfa0f) == 0x8000 && in_two(data + 4) == 1 &&
           in_two(data + 6) <= MOST && memcmp(data + HEADER, PyBytes_AS_STRING(section), (size_t)asked) == 0;
}

/* An address as text; NULL where it has another length, or with an error. */
static PyObject *address(const unsigned char *at, unsigned kind, unsigned length)
{
    char text[INET6_ADDRSTRLEN];
    if (length != (kind == A ? 4 : 16) || inet_ntop(kind == A ? AF_INET : AF_INET6, at, text, sizeof text) == NULL)
        return NULL;
    return PyUnicode_FromString(text);
}

/* The record at a place, whose owner is the name that was asked for, or None where it is of no use here; *at is behind it
   then.  NULL where Python has to see to all of it, or with an error. */
static PyObject *record(const unsigned char **at, const unsigned char *end, PyObject *own)
{
    const unsigned char *head = *at;
    if (end - head < RECORD || head[0] != 0xc0 || head[1] != HEADER)
        return NULL;
    const unsigned kind = in_two(head + 2), in = in_two(head + 4), length = in_two(head + 10);
    const unsigned long ttl = in_four(head + 6);
    if (end - head - RECORD < (Py_ssize_t)length)
        return NULL;
    *at = head + RECORD + length;
    if (in != INTERNET || (kind != A && kind != AAAA && kind != CNAME))
        return Py_NewRef(Py_None);
    PyObject *value = kind == CNAME ? NULL : address(head + RECORD, kind, length);
    /* RFC 2181, section 8: a TTL with the highest bit is none. */
    return value == NULL ? NULL : Py_BuildValue("(OIkN)", own, kind, ttl < 0x80000000 ? ttl : 0, value);
}

/* All that is told of the name of the question, in lower case; NULL where Python has to see to it, or with an error. */
static PyObject *records_of(const unsigned char *data, Py_ssize_t size, PyObject *section)
{
    const unsigned char *at = data + HEADER + PyBytes_GET_SIZE(section);
    PyObject *own = lower(PyBytes_AS_STRING(section), PyBytes_GET_SIZE(section) - CLASS);
    PyObject *told = own == NULL ? NULL : PyList_New(0), *all = NULL;
    for (unsigned left = in_two(data + 6); left > 0 && told != NULL; left--) {
        PyObject *each = record(&at, data + size, own);
        if (each == NULL || (each != Py_None && PyList_Append(told, each) < 0))
            Py_CLEAR(told);
        Py_XDECREF(each);
    }
    if (told != NULL)
        all = PyList_AsTuple(told);
    Py_XDECREF(told);
    Py_XDECREF(own);
    return all;
}

static PyObject *reply(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "_reply() takes a message and a question");
    PyObject *message = arguments[0], *section = arguments[1], *told = NULL;
    if (PyBytes_CheckExact(message) && PyBytes_CheckExact(section)) {
        const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(message);
        if (answers(data, PyBytes_GET_SIZE(message), section))
            told = records_of(data, PyBytes_GET_SIZE(message), section);
    }
    if (told == NULL)
        return PyErr_Occurred() ? NULL : PyObject_Vectorcall(reply_in_python, arguments, 2, NULL);
    PyObject *code = PyLong_FromLong(0), *found = NULL;
    if (code != NULL)
        found = PyObject_CallFunctionObjArgs(replies, code, Py_False, told, Py_False, NULL);
    Py_XDECREF(code);
    Py_DECREF(told);
    return found;
}

static PyMethodDef function = {"_reply", (PyCFunction)(void (*)(void))reply, METH_FASTCALL, "What a message says."};

PyObject *answered_functions(PyObject *Py_UNUSED(module), PyObject *given)
{
    PyObject *in_python, *kind, *made = NULL, *functions = NULL;
    if (!PyArg_ParseTuple(given, "OO", &in_python, &kind) || (functions = PyDict_New()) == NULL)
        return NULL;
    if ((made = PyCFunction_New(&function, NULL)) == NULL || PyDict_SetItemString(functions, function.ml_name, made) < 0)
        Py_CLEAR(functions);
    Py_XDECREF(made);
    Py_XSETREF(reply_in_python, Py_NewRef(in_python));
    Py_XSETREF(replies, Py_NewRef(kind));
    return functions;
}
