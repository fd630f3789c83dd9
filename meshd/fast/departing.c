/* The way out for a request, as `_departure` of proxy/connection.py. */

#include "attributes.h"

enum { PLANE, PROXY };
static Slot of_connection[] = {{"_plane", 0}, {"proxy", 0}, {NULL, 0}};
static Slot of_said[] = {{"_wishes", 0}, {NULL, 0}};
enum { N_SAID, N_WISHES, N_SELECTION, N_OVER, N_TARGET };
static Name names[] = {{"said", NULL}, {"wishes", NULL}, {"selection", NULL}, {"over", NULL}, {"target", NULL}, {NULL, NULL}};

static PyTypeObject *departures, *saids;

/* What the request's fields wish for, and the seconds that they allow: a pair; NULL with an error. */
static PyObject *wishes_of(PyObject *request)
{
    PyObject *said = PyObject_GetAttr(request, names[N_SAID].name);
    PyObject *wishes = is(said, saids) ? get(said, of_said[0]) : NULL;
    if (wishes != NULL && wishes != Py_None)
        Py_INCREF(wishes);
    else
        wishes = said == NULL ? NULL : PyObject_CallMethodNoArgs(said, names[N_WISHES].name);
    Py_XDECREF(said);
    if (wishes != NULL && (!PyTuple_CheckExact(wishes) || PyTuple_GET_SIZE(wishes) != 2)) {
        PyErr_SetString(PyExc_ValueError, "wishes are a selection and seconds");
        Py_CLEAR(wishes);
    }
    return wishes;
}

static PyObject *departure_for(PyObject *connection, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *plane = get(connection, of_connection[PLANE]), *proxy = get(connection, of_connection[PROXY]);
    if (given != 2 || plane == NULL || proxy == NULL)
        return PyErr_Format(PyExc_TypeError, "_departure() takes a request and an admission");
    PyObject *wishes = wishes_of(arguments[0]), *lower = NULL, *selection = NULL, *id = NULL, *target = NULL, *made = NULL;
    if (wishes != NULL && (lower = PyObject_GetAttr(arguments[1], names[N_SELECTION].name)) != NULL)
        selection = PyTuple_GET_ITEM(wishes, 0) == lower
                        ? Py_NewRef(lower)
                        : PyObject_CallMethodOneArg(PyTuple_GET_ITEM(wishes, 0), names[N_OVER].name, lower);
    if (selection != NULL && (id = account_id_of(arguments[1])) != NULL &&
        (target = PyObject_GetAttr(arguments[0], names[N_TARGET].name)) != NULL) {
        PyObject *all[6] = {plane, proxy, selection, id, PyTuple_GET_ITEM(wishes, 1), target};
        made = PyObject_Vectorcall((PyObject *)departures, all, 6, NULL);
    }
    Py_XDECREF(wishes);
    Py_XDECREF(lower);
    Py_XDECREF(selection);
    Py_XDECREF(id);
    Py_XDECREF(target);
    return made;
}

static PyMethodDef of_departing[] = {
    {"_departure", (PyCFunction)(void (*)(void))departure_for, METH_FASTCALL, "The way out for a request."},
    {NULL, NULL, 0, NULL},
};

PyObject *departing_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *connection, *said, *departure;
    if (!PyArg_ParseTuple(classes, "O!O!O!", &PyType_Type, &connection, &PyType_Type, &said, &PyType_Type, &departure) ||
        find_slots(connection, of_connection) < 0 || find_slots(said, of_said) < 0 || make_names(names) < 0)
        return NULL;
    departures = (PyTypeObject *)Py_NewRef(departure);
    saids = (PyTypeObject *)Py_NewRef(said);
    return methods_of(connection, of_departing);
}
