/* What sockets/wheel.py does to arm and to disarm. */

#include "native.h"

enum { MONOTONIC, SLOTS };
static Slot of_wheel[] = {{"monotonic", 0}, {"_slots", 0}, {NULL, 0}};

static double tick;
static PyObject *n_deadline, *n_slot, *arm_in_python, *disarm_in_python;

/* The set of all that is armed for a slot, borrowed; NULL where there is none, or with an error. */
static PyObject *members_of(PyObject *slots, PyObject *slot)
{
    PyObject *members = PyDict_GetItemWithError(slots, slot);
    if (members != NULL && !PySet_CheckExact(members)) {
        PyErr_SetString(PyExc_TypeError, "a slot holds a set");
        return NULL;
    }
    return members;
}

/* Take something out of its slot, as `_leave`; -1 with an error. */
static int leave(PyObject *slots, PyObject *timed, PyObject *slot)
{
    PyObject *members = Py_XNewRef(members_of(slots, slot));
    int done = members == NULL ? (PyErr_Occurred() ? -1 : 0) : PySet_Discard(members, timed);
    if (done >= 0 && members != NULL && PySet_GET_SIZE(members) == 0)
        done = PyDict_DelItem(slots, slot);
    Py_XDECREF(members);
    return done < 0 ? -1 : 0;
}

/* Put something into a slot, as `_move`; -1 with an error. */
static int join(PyObject *slots, PyObject *timed, PyObject *slot)
{
    PyObject *members = Py_XNewRef(members_of(slots, slot));
    if (members == NULL && !PyErr_Occurred()) {
        members = PySet_New(NULL);
        if (members != NULL && PyDict_SetItem(slots, slot, members) < 0)
            Py_CLEAR(members);
    }
    const int done = members == NULL || PyObject_SetAttr(timed, n_slot, slot) < 0 ? -1 : PySet_Add(members, timed);
    Py_XDECREF(members);
    return done;
}

/* The slots, borrowed, and the slot of what is timed, a new reference; false where that is for Python. */
static bool found(PyObject *wheel, PyObject *timed, PyObject **slots, PyObject **slot, long long *number)
{
    *slots = get(wheel, of_wheel[SLOTS]);
    *slot = PyObject_GetAttr(timed, n_slot);
    if (*slot != NULL && integer(*slot, number) && *slots != NULL && PyDict_CheckExact(*slots))
        return true;
    Py_CLEAR(*slot);
    PyErr_Clear();
    return false;
}

static PyObject *arm(PyObject *wheel, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *slots, *slot;
    double monotonic, seconds;
    long long before;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "arm() takes what is timed, and seconds");
    PyObject *timed = arguments[0];
    if (!seconds_in(get(wheel, of_wheel[MONOTONIC]), &monotonic) || !seconds_in(arguments[1], &seconds) ||
        !found(wheel, timed, &slots, &slot, &before))
        return PyObject_CallFunctionObjArgs(arm_in_python, wheel, timed, arguments[1], NULL);
    const double deadline = monotonic + tick + seconds;
    PyObject *at = PyFloat_FromDouble(deadline);
    int done = at == NULL ? -1 : PyObject_SetAttr(timed, n_deadline, at);
    if (done == 0 && (before <= 0 || deadline / tick < (double)(before - 1))) {
        PyObject *next = PyLong_FromLongLong((long long)(deadline / tick) + 1);
        Py_INCREF(slots);
        done = next == NULL || (before != 0 && leave(slots, timed, slot) < 0) ? -1 : join(slots, timed, next);
        Py_DECREF(slots);
        Py_XDECREF(next);
    }
    Py_XDECREF(at);
    Py_DECREF(slot);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *disarm(PyObject *wheel, PyObject *timed)
{
    PyObject *slots, *slot;
    long long before;
    int done = 0;
    if (!found(wheel, timed, &slots, &slot, &before))
        return PyObject_CallFunctionObjArgs(disarm_in_python, wheel, timed, NULL);
    if (before != 0) {
        PyObject *nowhere = PyLong_FromLong(0);
        Py_INCREF(slots);
        done = nowhere == NULL || leave(slots, timed, slot) < 0 ? -1 : PyObject_SetAttr(timed, n_slot, nowhere);
        Py_DECREF(slots);
        Py_XDECREF(nowhere);
    }
    Py_DECREF(slot);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"arm", (PyCFunction)(void (*)(void))arm, METH_FASTCALL, "Let it expire so many seconds from now."},
    {"disarm", disarm, METH_O, "Let it not expire."},
    {NULL, NULL, 0, NULL},
};

PyObject *wheel_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *wheel;
    if (!PyArg_ParseTuple(classes, "O!d", &PyType_Type, &wheel, &tick) || find_slots(wheel, of_wheel) < 0)
        return NULL;
    n_deadline = PyUnicode_InternFromString("deadline");
    n_slot = PyUnicode_InternFromString("slot");
    Py_XSETREF(arm_in_python, PyObject_GetAttrString((PyObject *)wheel, "arm"));
    Py_XSETREF(disarm_in_python, PyObject_GetAttrString((PyObject *)wheel, "disarm"));
    return PyErr_Occurred() ? NULL : methods_of(wheel, methods, NULL);
}
