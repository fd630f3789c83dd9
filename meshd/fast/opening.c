/* Where wires become a tunnel: sockets/wire.py gives a descriptor up, and sockets/relay.py takes two over. */

#include "native.h"

enum { FD, WATCHER };
static Slot of_wire[] = {{"fd", 0}, {"watcher", 0}, {NULL, 0}};
enum { FLOW_UP, FLOW_DOWN, ENDED, RELAY };
static Slot of_tunnel[] = {{"_up", 0}, {"_down", 0}, {"_ended", 0}, {"_relay", 0}, {NULL, 0}};
enum { SOURCE, EARLY, HELD, UNSURE };
static Slot of_flow[] = {{"source", 0}, {"early", 0}, {"held", 0}, {"unsure", 0}, {NULL, 0}};
enum { WHEEL, POLLER, LIVE };
static Slot of_relay[] = {{"wheel", 0}, {"poller", 0}, {"live", 0}, {NULL, 0}};

static PyTypeObject *tunnels, *flows, *relays;
static PyObject *start_in_python, *n_hand_over, *n_arm, *n_timeouts, *n_idle, *n_pump;

static PyObject *release(PyObject *wire, PyObject *Py_UNUSED(nothing))
{
    PyObject *none = PyLong_FromLong(-1), *fd = get(wire, of_wire[FD]);
    if (none == NULL || fd == NULL) {
        Py_XDECREF(none);
        return fd == NULL ? PyErr_Format(PyExc_AttributeError, "fd") : NULL;
    }
    Py_INCREF(fd);
    put(wire, of_wire[FD], none);
    put(wire, of_wire[WATCHER], Py_NewRef(Py_None));
    return fd;
}

/* Whether this is no direction at all, or one with a slot that is not set. */
static bool is_other(PyObject *flow)
{
    return !is(flow, flows) || get(flow, of_flow[SOURCE]) == NULL || get(flow, of_flow[EARLY]) == NULL ||
           get(flow, of_flow[HELD]) == NULL;
}

/* What a call gave is of no interest but for its failure. */
static bool done(PyObject *given)
{
    Py_XDECREF(given);
    return given != NULL;
}

/* Own both descriptors, and have a deadline; false with an error. */
static bool take_over(PyObject *tunnel, PyObject *relay, PyObject *up, PyObject *down)
{
    PyObject *poller = get(relay, of_relay[POLLER]), *wheel = get(relay, of_relay[WHEEL]);
    PyObject *timeouts = PyObject_GetAttr(get(relay, of_relay[LIVE]), n_timeouts);
    PyObject *idle = timeouts == NULL ? NULL : PyObject_GetAttr(timeouts, n_idle);
    const bool taken =
        idle != NULL &&
        done(PyObject_CallMethodObjArgs(poller, n_hand_over, get(up, of_flow[SOURCE]), tunnel, NULL)) &&
        done(PyObject_CallMethodObjArgs(poller, n_hand_over, get(down, of_flow[SOURCE]), tunnel, NULL)) &&
        done(PyObject_CallMethodObjArgs(wheel, n_arm, tunnel, idle, NULL));
    Py_XDECREF(timeouts);
    Py_XDECREF(idle);
    return taken;
}

/* Move what a direction has already; false with an error. */
static bool begin(PyObject *tunnel, PyObject *flow, PyObject *readable)
{
    put(flow, of_flow[UNSURE], Py_NewRef(readable));
    const int early = PyObject_IsTrue(get(flow, of_flow[EARLY])), held = PyObject_IsTrue(get(flow, of_flow[HELD]));
    const int more = PyObject_IsTrue(readable);
    if (early < 0 || held < 0 || more < 0)
        return false;
    if (!(early || held || more) || get(tunnel, of_tunnel[ENDED]) == Py_None)
        return true;
    return done(PyObject_CallMethodOneArg(tunnel, n_pump, flow));
}

static PyObject *start(PyObject *tunnel, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "start() takes whether the client and the origin are readable");
    PyObject *up = get(tunnel, of_tunnel[FLOW_UP]), *down = get(tunnel, of_tunnel[FLOW_DOWN]);
    PyObject *relay = get(tunnel, of_tunnel[RELAY]);
    if (!is(tunnel, tunnels) || !is(relay, relays) || is_other(up) || is_other(down) ||
        get(tunnel, of_tunnel[ENDED]) == NULL || get(relay, of_relay[WHEEL]) == NULL ||
        get(relay, of_relay[POLLER]) == NULL || get(relay, of_relay[LIVE]) == NULL) {
        PyObject *all[] = {tunnel, arguments[0], arguments[1]};
        return PyObject_Vectorcall(start_in_python, all, 3, NULL);
    }
    Py_INCREF(up);
    Py_INCREF(down);
    Py_INCREF(relay);
    const bool begun = take_over(tunnel, relay, up, down) && begin(tunnel, down, arguments[1]) &&
                       begin(tunnel, up, arguments[0]);
    Py_DECREF(up);
    Py_DECREF(down);
    Py_DECREF(relay);
    return begun ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef of_wires[] = {
    {"release", release, METH_NOARGS, "Give up the descriptor, which stays open and registered, for another owner."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_tunnels[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_FASTCALL, "Take both descriptors over, and move what came."},
    {NULL, NULL, 0, NULL},
};

PyObject *handing_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *wire;
    if (!PyArg_ParseTuple(classes, "O!", &PyType_Type, &wire) || find_slots(wire, of_wire) < 0)
        return NULL;
    return methods_of(wire, of_wires);
}

PyObject *starting_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *tunnel, *flow, *relay;
    tunnels = NULL;
    if (!PyArg_ParseTuple(classes, "O!O!O!", &PyType_Type, &tunnel, &PyType_Type, &flow, &PyType_Type, &relay) ||
        find_slots(tunnel, of_tunnel) < 0 || find_slots(flow, of_flow) < 0 || find_slots(relay, of_relay) < 0)
        return NULL;
    n_hand_over = PyUnicode_InternFromString("hand_over");
    n_arm = PyUnicode_InternFromString("arm");
    n_timeouts = PyUnicode_InternFromString("timeouts");
    n_idle = PyUnicode_InternFromString("idle");
    n_pump = PyUnicode_InternFromString("_pump");
    Py_XSETREF(start_in_python, PyObject_GetAttrString((PyObject *)tunnel, "start"));
    if (PyErr_Occurred())
        return NULL;
    tunnels = (PyTypeObject *)Py_NewRef(tunnel);
    flows = (PyTypeObject *)Py_NewRef(flow);
    relays = (PyTypeObject *)Py_NewRef(relay);
    return methods_of(tunnel, of_tunnels);
}
