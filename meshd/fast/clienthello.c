/* What tls/clienthello.py does with a first message that keeps to the grammar and came whole in one record.  Nothing is
   refused here: whatever else comes is for Python, which says what is wrong. */

#include "native.h"

#include <string.h>

enum { HANDSHAKE = 22, CLIENT_HELLO = 1, RECORD = 5, MESSAGE = 4, SESSION = 34, LONGEST_NAME = 253, LONGEST_LABEL = 63 };
enum { LONGEST = 16 * 1024 }; /* bytes of a record, and of a message: as clienthello.py has both */
enum { EXTENSIONS = 64 };     /* that a client has at most, to be dealt with here */

static PyObject *named_in_python;

/* Bytes, of which some were read. */
typedef struct {
    const unsigned char *at, *end;
} Rest;

static size_t left(const Rest *rest) { return (size_t)(rest->end - rest->at); }

/* Read a number of so many bytes; false where they are missing. */
static bool number(Rest *rest, int width, size_t *value)
{
    if (left(rest) < (size_t)width)
        return false;
    for (*value = 0; width > 0; width--)
        *value = *value << 8 | *rest->at++;
    return true;
}

/* Read a vector with its length before it, of so many bytes; false where it does not fit. */
static bool vector(Rest *rest, int width, size_t least, size_t most, Rest *content)
{
    size_t size;
    if (!number(rest, width, &size) || size < least || size > most || size > left(rest))
        return false;
    *content = (Rest){rest->at, rest->at + size};
    rest->at += size;
    return true;
}

/* The body of the message; false where it is not the only one in a first record that is whole. */
static bool body_of(Rest data, Rest *body)
{
    size_t size;
    if (left(&data) < RECORD + MESSAGE || data.at[0] != HANDSHAKE || data.at[1] != 3)
        return false;
    data.at += 3;
    Rest record;
    if (!vector(&data, 2, 1, LONGEST, &record) || left(&record) < MESSAGE || *record.at++ != CLIENT_HELLO ||
        !number(&record, 3, &size) || size > LONGEST || size != left(&record))
        return false;
    *body = record;
    return true;
}

/* Find the content of `server_name`, which has no beginning where there is none; false for what Python has to look at:
   lengths that do not fit, an extension that comes twice, and more of them than clients have. */
static bool server_name(Rest extensions, Rest *content)
{
    size_t kinds[EXTENSIONS], kind;
    int known = 0;
    *content = (Rest){NULL, NULL};
    while (left(&extensions) > 0) {
        Rest found;
        if (known == EXTENSIONS || !number(&extensions, 2, &kind) || !vector(&extensions, 2, 0, 0xffff, &found))
            return false;
        for (int i = 0; i < known; i++)
            if (kinds[i] == kind)
                return false;
        kinds[known++] = kind;
        if (kind == 0)
            *content = found;
    }
    return true;
}

static bool is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Whether this can be the name of a host, as values.addresses.is_name has it. */
static bool is_name(const Rest *name)
{
    size_t label = 0; /* bytes of the present label so far */
    if (left(name) == 0 || left(name) > LONGEST_NAME)
        return false;
    for (const unsigned char *at = name->at; at < name->end; at++) {
        const bool last = at + 1 == name->end || at[1] == '.';
        if (*at == '.') {
            if (label == 0 || at + 1 == name->end)
                return false;
            label = 0;
        } else if (++label > LONGEST_LABEL || !(is_word(*at) || (*at == '-' && label > 1 && !last)))
            return false;
    }
    return true;
}

/* The one name in the content of `server_name`, in lower case; NULL without an error for what is none. */
static PyObject *host_name(Rest content)
{
    char text[LONGEST_NAME];
    size_t kind;
    Rest all, name;
    if (!vector(&content, 2, 1, 0xffff, &all) || left(&content) != 0 || !number(&all, 1, &kind) || kind != 0 ||
        !vector(&all, 2, 1, 0xffff, &name) || left(&all) != 0 || !is_name(&name))
        return NULL;
    for (size_t i = 0; i < left(&name); i++)
        text[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] | 0x20 : name.at[i]);
    return PyUnicode_DecodeASCII(text, (Py_ssize_t)left(&name), NULL);
}

/* The name that a whole message asks for, "" for none; NULL, without an error, where that is for Python to say. */
static PyObject *name_in(Rest body)
{
    Rest session, suites, compression, extensions, content;
    if (left(&body) < SESSION || body.at[0] != 3)
        return NULL;
    body.at += SESSION;
    if (!vector(&body, 1, 0, 32, &session) || !vector(&body, 2, 2, 65534, &suites) || left(&suites) % 2 != 0 ||
        !vector(&body, 1, 1, 255, &compression) || memchr(compression.at, 0, left(&compression)) == NULL)
        return NULL;
    if (left(&body) == 0)
        return PyUnicode_New(0, 0);
    if (!vector(&body, 2, 0, 0xffff, &extensions) || left(&body) != 0 || !server_name(extensions, &content))
        return NULL;
    return content.at == NULL ? PyUnicode_New(0, 0) : host_name(content);
}

static PyObject *named(PyObject *Py_UNUSED(module), PyObject *data)
{
    Rest body;
    PyObject *name = NULL;
    if (PyBytes_CheckExact(data)) {
        const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(data);
        if (body_of((Rest){bytes, bytes + PyBytes_GET_SIZE(data)}, &body))
            name = name_in(body);
    }
    return name != NULL || PyErr_Occurred() ? name : PyObject_CallOneArg(named_in_python, data);
}

static PyMethodDef function = {"_named", named, METH_O, "The name that a ClientHello asks for."};

PyObject *hello_functions(PyObject *Py_UNUSED(module), PyObject *python)
{
    PyObject *functions = PyDict_New(), *made = PyCFunction_New(&function, NULL);
    if (functions == NULL || made == NULL || PyDict_SetItemString(functions, function.ml_name, made) < 0)
        Py_CLEAR(functions);
    Py_XDECREF(made);
    if (functions != NULL)
        Py_XSETREF(named_in_python, Py_NewRef(python));
    return functions;
}
