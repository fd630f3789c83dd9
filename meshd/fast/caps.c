/* What passing/caps.py does as a client asks for one account after the other: it counts for each in turn. */

#include "attributes.h"

enum { N_HELD, N_LIVE, N_LIMITS, N_MOST };
static Name names[] = {{"_held", NULL}, {"_live", NULL}, {"limits", NULL}, {"tunnels_per_account", NULL}, {NULL, NULL}};

static PyTypeObject *all_caps;
static PyObject *hold_in_python, *let_go_in_python;

/* Clients by account; NULL with an error, or where C does not know them. */
static PyObject *held_by(PyObject *caps)
{
    PyObject *held = is(caps, all_caps) ? PyObject_GetAttr(caps, names[N_HELD].name) : NULL;
    if (held != NULL && !PyDict_CheckExact(held))
        Py_CLEAR(held);
    return held;
}

/* The clients of one account, NULL where it has none; false with an error, or where C does not know them. */
static bool clients_of(PyObject *held, PyObject *account, PyObject **clients)
{
    *clients = Py_XNewRef(PyDict_GetItemWithError(held, account));
    return *clients != NULL ? PyDict_CheckExact(*clients) : !PyErr_Occurred();
}

/* Take a client out of an account's; -1 with an error. */
static int take_out(PyObject *held, PyObject *clients, PyObject *client, PyObject *account)
{
    if (PyDict_DelItem(clients, client) < 0)
        return -1;
    return PyDict_GET_SIZE(clients) == 0 ? PyDict_DelItem(held, account) : 0;
}

/* Whether an account may have one more, so that nobody has to go; -1 with an error. */
static int has_room(PyObject *caps, PyObject *clients)
{
    static const int to_most[] = {N_LIVE, N_LIMITS, N_MOST};
    long long most = 0;
    PyObject *bound = along(caps, names, to_most, 3);
    const bool is_one = integer(bound, &most);
    Py_XDECREF(bound);
    if (bound == NULL)
        return -1;
    return is_one && (most == 0 || (clients == NULL ? 0 : PyDict_GET_SIZE(clients)) < most);
}

/* Put a client among an account's; -1 with an error. */
static int put_in(PyObject *held, PyObject *clients, PyObject *client, PyObject *account)
{
    if (clients != NULL)
        return PyDict_SetItem(clients, client, Py_None);
    PyObject *first = PyDict_New();
    const int done = first == NULL || PyDict_SetItem(held, account, first) < 0 ? -1 : PyDict_SetItem(first, client, Py_None);
    Py_XDECREF(first);
    return done;
}

/* Whether these are two accounts, or no former one is told of; whether there is one. */
static bool apart(PyObject *account, PyObject *former, bool *has_former)
{
    long long one, other = 0;
    const bool known = integer(account, &one) && (former == NULL || integer(former, &other)) && one != other;
    *has_former = other != 0;
    return known;
}

static PyObject *hold(PyObject *caps, PyObject *const *arguments, Py_ssize_t given)
{
    if (given < 2 || given > 3)
        return PyErr_Format(PyExc_TypeError, "hold() takes a client, an account, and perhaps a former one");
    PyObject *client = arguments[0], *account = arguments[1], *former = given == 3 ? arguments[2] : NULL;
    PyObject *held = held_by(caps), *clients = NULL, *others = NULL;
    bool moves;
    int done = 0;
    if (held != NULL && apart(account, former, &moves) && clients_of(held, account, &clients) &&
        (!moves || (clients_of(held, former, &others) && others != NULL)) && (done = has_room(caps, clients)) > 0 &&
        (!moves || (done = take_out(held, others, client, former)) >= 0))
        done = put_in(held, clients, client, account) < 0 ? -1 : 1;
    Py_XDECREF(held);
    Py_XDECREF(clients);
    Py_XDECREF(others);
    if (done > 0)
        Py_RETURN_NONE;
    return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(hold_in_python, caps, client, account, former, NULL);
}

static PyObject *let_go(PyObject *caps, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "let_go() takes a client and an account");
    PyObject *client = arguments[0], *account = arguments[1], *clients = NULL, *held = held_by(caps);
    const bool usual = held != NULL && clients_of(held, account, &clients) && clients != NULL;
    const int done = usual ? take_out(held, clients, client, account) : -1;
    Py_XDECREF(held);
    Py_XDECREF(clients);
    if (done == 0)
        Py_RETURN_NONE;
    return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(let_go_in_python, caps, client, account, NULL);
}

static PyMethodDef methods[] = {
    {"hold", (PyCFunction)(void (*)(void))hold, METH_FASTCALL, "Count a client for an account."},
    {"let_go", (PyCFunction)(void (*)(void))let_go, METH_FASTCALL, "Count it no longer."},
    {NULL, NULL, 0, NULL},
};

PyObject *caps_methods(PyObject *Py_UNUSED(module), PyObject *caps)
{
    if (!PyType_Check(caps))
        return PyErr_Format(PyExc_TypeError, "caps is a class");
    if (make_names(names) < 0)
        return NULL;
    Py_XSETREF(hold_in_python, PyObject_GetAttrString(caps, "hold"));
    Py_XSETREF(let_go_in_python, PyObject_GetAttrString(caps, "let_go"));
    all_caps = (PyTypeObject *)Py_NewRef(caps);
    return PyErr_Occurred() ? NULL : methods_of((PyTypeObject *)caps, methods);
}
