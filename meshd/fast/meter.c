/* Counting: what usage/meter.py does for each piece that is moved. */

#include "native.h"

enum { TALLY, UP, DOWN };
static Slot of_meter[] = {{"tally", 0}, {"up", 0}, {"down", 0}, {NULL, 0}};
enum { OWN, FAMILY, CELLS, UP_AT, DOWN_AT, RENEW };
static Slot of_tally[] = {{"own", 0},     {"family", 0}, {"cells", 0}, {"up_at", 0},
                          {"down_at", 0}, {"renew", 0},  {NULL, 0}};
enum { ROOM };
static Slot of_allowance[] = {{"room", 0}, {NULL, 0}};

static PyTypeObject *meters, *tallies, *allowances;
static PyObject *in_python[3], *room_in_python;
enum { SENT_UP, SENT_DOWN, PAID };

/* The allowances that a meter counts down, and what they have; false where Python has to see to it. */
static bool rooms(PyObject *meter, PyObject *both[2], long long room[2])
{
    PyObject *tally = get(meter, of_meter[TALLY]);
    if (!is(tally, tallies))
        return false;
    both[0] = get(tally, of_tally[OWN]);
    both[1] = get(tally, of_tally[FAMILY]);
    for (int i = 0; i < 2; i++)
        if (!is(both[i], allowances) || !integer(get(both[i], of_allowance[ROOM]), &room[i]))
            return false;
    return true;
}

long long room_of(PyObject *meter)
{
    PyObject *both[2];
    long long room[2];
    if (!is(meter, meters) || !rooms(meter, both, room) || room[0] <= 0 || room[1] <= 0)
        return 0;
    return room[0] < room[1] ? room[0] : room[1];
}

int add_to_cell(PyObject *tally, Slot at, PyObject *number)
{
    PyObject *cells = get(tally, of_tally[CELLS]), *index = get(tally, at);
    PyObject *before = PyObject_GetItem(cells, index);
    PyObject *after = before == NULL ? NULL : PyNumber_Add(before, number);
    int done = after == NULL ? -1 : PyObject_SetItem(cells, index, after);
    Py_XDECREF(before);
    Py_XDECREF(after);
    return done;
}

int count(PyObject *meter, long long bytes, bool upward)
{
    PyObject *both[2];
    long long room[2], sum;
    const Slot total = of_meter[upward ? UP : DOWN], at = of_tally[upward ? UP_AT : DOWN_AT];
    if (bytes < 0 || bytes > INT32_MAX || !is(meter, meters) || !rooms(meter, both, room))
        return 0;
    PyObject *tally = get(meter, of_meter[TALLY]), *renew = get(tally, of_tally[RENEW]);
    const long long least = INT64_MIN + 2 * (long long)INT32_MAX, most = INT64_MAX - INT32_MAX;
    if (!integer(get(meter, total), &sum) || sum > most || room[0] < least || room[1] < least || renew == NULL ||
        get(tally, of_tally[CELLS]) == NULL || get(tally, at) == NULL)
        return 0;
    const bool one = both[0] == both[1]; /* where they are the same, it is counted down twice */
    PyObject *made[4] = {PyLong_FromLongLong(bytes), PyLong_FromLongLong(sum + bytes),
                         PyLong_FromLongLong(room[0] - bytes * (one ? 2 : 1)), PyLong_FromLongLong(room[1] - bytes)};
    int done = -1;
    Py_INCREF(tally);
    Py_INCREF(renew);
    if (made[0] != NULL && made[1] != NULL && made[2] != NULL && made[3] != NULL &&
        add_to_cell(tally, at, made[0]) == 0) {
        put(meter, total, Py_NewRef(made[1]));
        if (!one)
            put(both[1], of_allowance[ROOM], Py_NewRef(made[3]));
        put(both[0], of_allowance[ROOM], Py_NewRef(made[2]));
        done = 1;
        if (room[0] <= bytes * (one ? 2 : 1) || room[1] <= bytes) {
            PyObject *renewed = PyObject_CallOneArg(renew, meter);
            done = renewed == NULL ? -1 : 1;
            Py_XDECREF(renewed);
        }
    }
    for (int i = 0; i < 4; i++)
        Py_XDECREF(made[i]);
    Py_DECREF(tally);
    Py_DECREF(renew);
    return done;
}

static PyObject *sent(PyObject *meter, PyObject *bytes, int which)
{
    long long n;
    switch (integer(bytes, &n) ? count(meter, n, which != SENT_DOWN) : 0) {
    case 0:
        return PyObject_CallFunctionObjArgs(in_python[which], meter, bytes, NULL);
    case 1:
        return Py_NewRef(which == PAID ? Py_True : Py_None);
    default:
        return NULL;
    }
}

static PyObject *sent_up(PyObject *meter, PyObject *bytes) { return sent(meter, bytes, SENT_UP); }

static PyObject *sent_down(PyObject *meter, PyObject *bytes) { return sent(meter, bytes, SENT_DOWN); }

static PyObject *paid(PyObject *meter, PyObject *bytes)
{
    PyObject *both[2];
    long long room[2], n;
    if (is(meter, meters) && integer(bytes, &n) && rooms(meter, both, room) && (room[0] < n || room[1] < n))
        Py_RETURN_FALSE;
    return sent(meter, bytes, PAID);
}

static PyObject *get_room(PyObject *meter, void *Py_UNUSED(closure))
{
    const long long room = room_of(meter);
    if (room > 0)
        return PyLong_FromLongLong(room);
    return Py_TYPE(room_in_python)->tp_descr_get(room_in_python, meter, (PyObject *)Py_TYPE(meter));
}

static PyMethodDef methods[] = {
    {"sent_up", sent_up, METH_O, "Count n bytes from the client."},
    {"sent_down", sent_down, METH_O, "Count n bytes to the client."},
    {"paid", paid, METH_O, "Count n bytes from the client if there is room for all of them, else none."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef room_property = {"room", get_room, NULL, "How many bytes may be moved now.", NULL};

PyObject *meter_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *meter, *tally, *allowance;
    meters = NULL; /* nothing is done until all is found */
    if (!PyArg_ParseTuple(classes, "O!O!O!", &PyType_Type, &meter, &PyType_Type, &tally, &PyType_Type, &allowance) ||
        find_slots(meter, of_meter) < 0 || find_slots(tally, of_tally) < 0 || find_slots(allowance, of_allowance) < 0)
        return NULL;
    Py_XSETREF(room_in_python, PyObject_GetAttrString((PyObject *)meter, "room"));
    if (room_in_python == NULL || Py_TYPE(room_in_python)->tp_descr_get == NULL)
        return PyErr_Format(PyExc_TypeError, "%s.room is no property", meter->tp_name);
    for (int i = 0; i < 3; i++)
        Py_XSETREF(in_python[i], PyObject_GetAttrString((PyObject *)meter, methods[i].ml_name));
    PyObject *given = methods_of(meter, methods, NULL), *property = PyDescr_NewGetSet(meter, &room_property);
    const char *names[] = {"room", "room_up", "room_down"};
    for (int i = 0; i < 3 && given != NULL; i++)
        if (property == NULL || in_python[i] == NULL ||
            PyDict_SetItemString(given, names[i], property) < 0)
            Py_CLEAR(given);
    Py_XDECREF(property);
    if (given != NULL) {
        meters = (PyTypeObject *)Py_NewRef(meter);
        tallies = (PyTypeObject *)Py_NewRef(tally);
        allowances = (PyTypeObject *)Py_NewRef(allowance);
    }
    return given;
}
