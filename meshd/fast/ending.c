/* A tunnel's end, as sockets/relay.py has it where no pipe is lent to either direction. */

#include "native.h"

#include <unistd.h>

enum { FLOW_UP, FLOW_DOWN, ENDED, METER, RELAY };
static Slot of_tunnel[] = {{"_up", 0}, {"_down", 0}, {"_ended", 0}, {"_meter", 0}, {"_relay", 0}, {NULL, 0}};
enum { SOURCE, SINK, PIPE };
static Slot of_flow[] = {{"source", 0}, {"sink", 0}, {"pipe", 0}, {NULL, 0}};
enum { WHEEL, POLLER };
static Slot of_relay[] = {{"wheel", 0}, {"poller", 0}, {NULL, 0}};

static PyTypeObject *tunnels, *flows, *relays;
static PyObject *close_in_python, *over_in_python, *n_disarm, *n_remove, *n_stop, *n_resume;

/* Close one side as `_close_side`, whatever Python says to that; -1 with an error. */
static int close_side(PyObject *poller, PyObject *flow)
{
    long long fd;
    PyObject *source = get(flow, of_flow[SOURCE]);
    if (!integer(source, &fd) || fd < 0 || fd > INT_MAX) {
        PyErr_SetString(PyExc_ValueError, "a tunnel's descriptor is a number");
        return -1;
    }
    PyObject *removed = PyObject_CallMethodOneArg(poller, n_remove, source), *none = PyLong_FromLong(-1);
    const bool done = removed != NULL && none != NULL;
    Py_XDECREF(removed);
    if (done) {
        close((int)fd);
        put(flow, of_flow[SOURCE], Py_NewRef(none));
        put(flow, of_flow[SINK], Py_NewRef(none));
    }
    Py_XDECREF(none);
    return done ? 0 : -1;
}

/* Off the wheel, then both sides closed, then the meter without the tunnel; -1 with an error. */
static int close_all(PyObject *tunnel, PyObject *relay)
{
    PyObject *wheel = Py_NewRef(get(relay, of_relay[WHEEL])), *poller = Py_NewRef(get(relay, of_relay[POLLER]));
    PyObject *meter = Py_NewRef(get(tunnel, of_tunnel[METER]));
    PyObject *off = PyObject_CallMethodOneArg(wheel, n_disarm, tunnel);
    const bool done = off != NULL &&
                      close_side(poller, get(tunnel, of_tunnel[FLOW_UP])) == 0 &&
                      close_side(poller, get(tunnel, of_tunnel[FLOW_DOWN])) == 0 &&
                      PyObject_SetAttr(meter, n_stop, over_in_python) == 0 &&
                      PyObject_SetAttr(meter, n_resume, Py_None) == 0;
    Py_XDECREF(off);
    Py_DECREF(wheel);
    Py_DECREF(poller);
    Py_DECREF(meter);
    return done ? 0 : -1;
}

static PyObject *close_both(PyObject *tunnel, PyObject *reason)
{
    PyObject *told = get(tunnel, of_tunnel[ENDED]), *relay = get(tunnel, of_tunnel[RELAY]);
    PyObject *up = get(tunnel, of_tunnel[FLOW_UP]), *down = get(tunnel, of_tunnel[FLOW_DOWN]);
    if (!is(tunnel, tunnels) || told == NULL || !is(relay, relays) || !is(up, flows) || !is(down, flows) ||
        get(up, of_flow[PIPE]) != Py_None || get(down, of_flow[PIPE]) != Py_None ||
        get(relay, of_relay[WHEEL]) == NULL || get(relay, of_relay[POLLER]) == NULL ||
        get(tunnel, of_tunnel[METER]) == NULL)
        return PyObject_CallFunctionObjArgs(close_in_python, tunnel, reason, NULL);
    if (told == Py_None)
        Py_RETURN_NONE;
    Py_INCREF(told);
    put(tunnel, of_tunnel[ENDED], Py_NewRef(Py_None));
    PyObject *done = close_all(tunnel, relay) < 0 ? NULL : PyObject_CallOneArg(told, reason);
    Py_DECREF(told);
    if (done == NULL)
        return NULL;
    Py_DECREF(done);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"close", close_both, METH_O, "End both directions now; calling it again changes nothing."},
    {NULL, NULL, 0, NULL},
};

PyObject *ending_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *tunnel, *flow, *relay;
    PyObject *over;
    tunnels = NULL;
    if (!PyArg_ParseTuple(classes, "O!O!O!O", &PyType_Type, &tunnel, &PyType_Type, &flow, &PyType_Type, &relay, &over) ||
        find_slots(tunnel, of_tunnel) < 0 || find_slots(flow, of_flow) < 0 || find_slots(relay, of_relay) < 0)
        return NULL;
    n_disarm = PyUnicode_InternFromString("disarm");
    n_remove = PyUnicode_InternFromString("remove");
    n_stop = PyUnicode_InternFromString("stop");
    n_resume = PyUnicode_InternFromString("resume");
    Py_XSETREF(over_in_python, Py_NewRef(over));
    Py_XSETREF(close_in_python, PyObject_GetAttrString((PyObject *)tunnel, "close"));
    if (PyErr_Occurred())
        return NULL;
    tunnels = (PyTypeObject *)Py_NewRef(tunnel);
    flows = (PyTypeObject *)Py_NewRef(flow);
    relays = (PyTypeObject *)Py_NewRef(relay);
    return methods_of(tunnel, methods);
}
