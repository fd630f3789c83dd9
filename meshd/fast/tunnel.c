/* How a tunnel takes two descriptors over, as sockets/relay.py has it. */

#include "attributes.h"

enum { FLOW_UP, FLOW_DOWN, ENDED, RELAY };
static Slot of_tunnel[] = {{"_up", 0}, {"_down", 0}, {"_ended", 0}, {"_relay", 0}, {NULL, 0}};
enum { SOURCE, EARLY, HELD, UNSURE };
static Slot of_flow[] = {{"source", 0}, {"early", 0}, {"held", 0}, {"unsure", 0}, {NULL, 0}};
enum { WHEEL, POLLER, LIVE };
static Slot of_relay[] = {{"wheel", 0}, {"poller", 0}, {"live", 0}, {NULL, 0}};
enum { N_HAND_OVER, N_ARM, N_TIMEOUTS, N_IDLE, N_PUMP };
static Name names[] = {{"hand_over", NULL}, {"arm", NULL}, {"timeouts", NULL}, {"idle", NULL}, {"_pump", NULL}, {NULL, NULL}};

static PyTypeObject *tunnels, *flows, *relays;
static PyObject *start_in_python;

/* Whether this is a direction, with all that is needed here. */
static bool is_whole(PyObject *flow)
{
    return is(flow, flows) && get(flow, of_flow[SOURCE]) != NULL && get(flow, of_flow[EARLY]) != NULL &&
           get(flow, of_flow[HELD]) != NULL;
}

/* Whether this is a tunnel of a relay, with all that is needed here. */
static bool is_usual(PyObject *tunnel)
{
    PyObject *relay = get(tunnel, of_tunnel[RELAY]);
    return is(tunnel, tunnels) && is_whole(get(tunnel, of_tunnel[FLOW_UP])) && is_whole(get(tunnel, of_tunnel[FLOW_DOWN])) &&
           get(tunnel, of_tunnel[ENDED]) != NULL && is(relay, relays) &&
           get(relay, of_relay[WHEEL]) != NULL && get(relay, of_relay[POLLER]) != NULL && get(relay, of_relay[LIVE]) != NULL;
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
    static const int to_idle[] = {N_TIMEOUTS, N_IDLE};
    PyObject *poller = get(relay, of_relay[POLLER]), *idle = along(get(relay, of_relay[LIVE]), names, to_idle, 2);
    const bool taken =
        idle != NULL &&
        done(PyObject_CallMethodObjArgs(poller, names[N_HAND_OVER].name, get(up, of_flow[SOURCE]), tunnel, NULL)) &&
        done(PyObject_CallMethodObjArgs(poller, names[N_HAND_OVER].name, get(down, of_flow[SOURCE]), tunnel, NULL)) &&
        done(PyObject_CallMethodObjArgs(get(relay, of_relay[WHEEL]), names[N_ARM].name, tunnel, idle, NULL));
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
    return tell(tunnel, names[N_PUMP], flow) == 0;
}

static PyObject *start(PyObject *tunnel, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 2 || !is_usual(tunnel))
        return left_to(start_in_python, tunnel, arguments, given, NULL);
    PyObject *up = Py_NewRef(get(tunnel, of_tunnel[FLOW_UP])), *down = Py_NewRef(get(tunnel, of_tunnel[FLOW_DOWN]));
    PyObject *relay = Py_NewRef(get(tunnel, of_tunnel[RELAY]));
    const bool begun = take_over(tunnel, relay, up, down) && begin(tunnel, down, arguments[1]) &&
                       begin(tunnel, up, arguments[0]);
    Py_DECREF(up);
    Py_DECREF(down);
    Py_DECREF(relay);
    return begun ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_FASTCALL, "Take both descriptors over, and move what came."},
    {NULL, NULL, 0, NULL},
};

PyObject *starting_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *tunnel, *flow, *relay;
    if (!PyArg_ParseTuple(classes, "O!O!O!", &PyType_Type, &tunnel, &PyType_Type, &flow, &PyType_Type, &relay) ||
        find_slots(tunnel, of_tunnel) < 0 || find_slots(flow, of_flow) < 0 || find_slots(relay, of_relay) < 0 ||
        make_names(names) < 0)
        return NULL;
    tunnels = (PyTypeObject *)Py_NewRef(tunnel);
    flows = (PyTypeObject *)Py_NewRef(flow);
    relays = (PyTypeObject *)Py_NewRef(relay);
    return PyErr_Occurred() ? NULL : methods_of(tunnel, methods, &start_in_python);
}
