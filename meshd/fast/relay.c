/* A tunnel's small pieces: what sockets/relay.py does where a read finds less than is asked for, and all of it is
   written at once.  The sockets are non-blocking, so the interpreter's lock is kept meanwhile. */

#include "native.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SMALL = 16 * 1024 }; /* as SMALL of sockets/relay.py, which hands it over */
enum { PIECES = 16 };       /* that are moved before Python goes on, which gives others their turn */

enum { FLOW_UP, FLOW_DOWN, ENDED, METER, RELAY, DEADLINE };
static Slot of_tunnel[] = {{"_up", 0},    {"_down", 0},  {"_ended", 0},  {"_meter", 0},
                           {"_relay", 0}, {"deadline", 0}, {NULL, 0}};
enum { SOURCE, SINK, UPWARD, EARLY, HELD, PIPE, BLOCKED, FAST, UNSURE, PASSED_ON };
static Slot of_flow[] = {{"source", 0}, {"sink", 0},    {"upward", 0}, {"early", 0},  {"held", 0}, {"pipe", 0},
                         {"blocked", 0}, {"fast", 0}, {"unsure", 0}, {"ended", 0}, {NULL, 0}};
enum { WHEEL, LIVE };
static Slot of_relay[] = {{"wheel", 0}, {"live", 0}, {NULL, 0}};

static PyTypeObject *tunnels, *flows, *relays;
static PyObject *ready_in_python, *pump_in_python;
static PyObject *n_sent_up, *n_sent_down, *n_nothing, *n_fail, *n_close, *n_arm, *n_pump, *n_monotonic, *n_timeouts, *n_idle, *n_half_closed;

static bool is_nothing(PyObject *bytes) { return bytes != NULL && PyBytes_CheckExact(bytes) && !PyBytes_GET_SIZE(bytes); }

/* Whether this is a direction that has nothing to do but to copy what comes. */
static bool is_plain(PyObject *tunnel, PyObject *flow)
{
    if (!is(tunnel, tunnels) || !is(flow, flows))
        return false;
    PyObject *ended = get(tunnel, of_tunnel[ENDED]), *relay = get(tunnel, of_tunnel[RELAY]);
    return ended != NULL && ended != Py_None && is(get(tunnel, of_tunnel[FLOW_UP]), flows) &&
           is(get(tunnel, of_tunnel[FLOW_DOWN]), flows) && is(relay, relays) &&
           get(relay, of_relay[WHEEL]) != NULL && get(relay, of_relay[LIVE]) != NULL && is_nothing(get(flow, of_flow[EARLY])) &&
           is_nothing(get(flow, of_flow[HELD])) && get(flow, of_flow[PIPE]) == Py_None &&
           get(flow, of_flow[FAST]) == Py_False && get(flow, of_flow[PASSED_ON]) == Py_False &&
           get(flow, of_flow[BLOCKED]) == Py_False;
}

static PyObject *deadline(PyObject *tunnel)
{
    PyObject *relay = get(tunnel, of_tunnel[RELAY]), *found = NULL;
    PyObject *monotonic = PyObject_GetAttr(get(relay, of_relay[WHEEL]), n_monotonic);
    PyObject *timeouts = PyObject_GetAttr(get(relay, of_relay[LIVE]), n_timeouts);
    if (monotonic != NULL && timeouts != NULL) {
        const bool half = get(get(tunnel, of_tunnel[FLOW_UP]), of_flow[PASSED_ON]) == Py_True ||
                          get(get(tunnel, of_tunnel[FLOW_DOWN]), of_flow[PASSED_ON]) == Py_True;
        PyObject *seconds = PyObject_GetAttr(timeouts, half ? n_half_closed : n_idle);
        found = seconds == NULL ? NULL : PyNumber_Add(monotonic, seconds);
        Py_XDECREF(seconds);
    }
    Py_XDECREF(monotonic);
    Py_XDECREF(timeouts);
    return found;
}

static bool is_over(PyObject *tunnel) { return get(tunnel, of_tunnel[ENDED]) == Py_None; }

/* Give the tunnel its time anew, if it has not ended meanwhile. */
static PyObject *moved(PyObject *tunnel)
{
    if (!is_over(tunnel)) {
        PyObject *when = deadline(tunnel);
        if (when == NULL)
            return NULL;
        put(tunnel, of_tunnel[DEADLINE], when);
    }
    Py_RETURN_NONE;
}

/* Count, whatever that takes; false with an error. */
static bool counted(PyObject *meter, Py_ssize_t bytes, bool upward)
{
    const int done = count(meter, bytes, upward);
    if (done != 0)
        return done > 0;
    PyObject *n = PyLong_FromSsize_t(bytes);
    PyObject *told = n == NULL ? NULL : PyObject_CallMethodOneArg(meter, upward ? n_sent_up : n_sent_down, n);
    Py_XDECREF(n);
    Py_XDECREF(told);
    return told != NULL;
}

static bool would_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

/* Write what was read and is counted upward already; the rest is held, as in `_write_held`.  -1 with an error, 0 where
   the sink has failed. */
static int pass_on(PyObject *flow, PyObject *meter, int sink, const char *data, Py_ssize_t size, bool upward)
{
    ssize_t sent;
    do
        sent = write(sink, data, (size_t)size);
    while (sent < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (PyErr_Occurred())
        return -1;
    if (sent < 0 && !would_wait()) {
        put_bool(flow, of_flow[BLOCKED], true);
        return 0;
    }
    if (sent < size) {
        PyObject *held = PyBytes_FromStringAndSize(data + (sent > 0 ? sent : 0), size - (sent > 0 ? sent : 0));
        if (held == NULL)
            return -1;
        put(flow, of_flow[HELD], held);
        put_bool(flow, of_flow[BLOCKED], true);
    }
    return upward || sent <= 0 || counted(meter, sent, false) ? 1 : -1;
}

/* Pass the source's end on, as `_pass_end`; with the second direction the tunnel ends. */
static PyObject *ended(PyObject *tunnel, PyObject *flow, int sink)
{
    PyObject *relay = get(tunnel, of_tunnel[RELAY]), *up = get(tunnel, of_tunnel[FLOW_UP]), *done = NULL;
    PyObject *other = flow == up ? get(tunnel, of_tunnel[FLOW_DOWN]) : up;
    put_bool(flow, of_flow[PASSED_ON], true);
    if (get(other, of_flow[PASSED_ON]) == Py_True)
        return PyObject_CallMethodOneArg(tunnel, n_close, n_nothing);
    shutdown(sink, SHUT_WR); /* a peer that is gone already is no error */
    PyObject *timeouts = PyObject_GetAttr(get(relay, of_relay[LIVE]), n_timeouts);
    PyObject *seconds = timeouts == NULL ? NULL : PyObject_GetAttr(timeouts, n_half_closed);
    if (seconds != NULL)
        done = PyObject_CallMethodObjArgs(get(relay, of_relay[WHEEL]), n_arm, tunnel, seconds, NULL);
    Py_XDECREF(timeouts);
    Py_XDECREF(seconds);
    if (done == NULL)
        return NULL;
    Py_DECREF(done);
    return moved(tunnel);
}

/* Leave a direction to Python, with what is held for it. */
static PyObject *in_python(PyObject *tunnel, PyObject *flow)
{
    return PyObject_CallFunctionObjArgs(pump_in_python, tunnel, flow, NULL);
}

/* Move pieces, with whatever follows, until the source has no more; NULL with an error. */
static PyObject *carry(PyObject *tunnel, PyObject *flow, PyObject *meter)
{
    char data[SMALL];
    long long source, sink;
    const bool upward = get(flow, of_flow[UPWARD]) == Py_True;
    if (!integer(get(flow, of_flow[SOURCE]), &source) || !integer(get(flow, of_flow[SINK]), &sink) || source < 0 ||
        source > INT_MAX || sink < 0 || sink > INT_MAX)
        return in_python(tunnel, flow);
    for (int left = PIECES; left > 0; left--) {
        const long long room = room_of(meter);
        if (room <= 0)
            return in_python(tunnel, flow);
        const size_t most = room < SMALL ? (size_t)room : SMALL;
        const ssize_t size = read((int)source, data, most);
        if (size < 0 && errno == EINTR)
            return in_python(tunnel, flow);
        if (size < 0 && would_wait()) {
            put_bool(flow, of_flow[UNSURE], false);
            return moved(tunnel);
        }
        if (size < 0)
            return PyObject_CallMethodOneArg(tunnel, n_fail, flow);
        if (size == 0)
            return ended(tunnel, flow, (int)sink);
        if (upward && !counted(meter, size, true))
            return NULL;
        const bool over = is_over(tunnel); /* counting may have ended it, and closed both sockets */
        if (over || (size_t)size == most) {
            /* There may be more: Python goes on with what was read. */
            PyObject *held = PyBytes_FromStringAndSize(data, size);
            if (held == NULL)
                return NULL;
            put(flow, of_flow[HELD], held);
            put_bool(flow, of_flow[FAST], size == SMALL);
            return over ? Py_NewRef(Py_None) : in_python(tunnel, flow);
        }
        const int passed = pass_on(flow, meter, (int)sink, data, size, upward);
        if (passed <= 0)
            return passed < 0 ? NULL : PyObject_CallMethodOneArg(tunnel, n_fail, flow);
        if (is_over(tunnel) || get(flow, of_flow[BLOCKED]) != Py_False || get(flow, of_flow[UNSURE]) == Py_False)
            return moved(tunnel);
        /* The end may be behind it, which is announced no second time. */
    }
    return in_python(tunnel, flow);
}

static PyObject *pump(PyObject *tunnel, PyObject *flow)
{
    if (!is_plain(tunnel, flow))
        return in_python(tunnel, flow);
    PyObject *meter = Py_XNewRef(get(tunnel, of_tunnel[METER])); /* whoever calls holds the tunnel */
    Py_INCREF(flow);
    PyObject *done = meter != NULL ? carry(tunnel, flow, meter) : in_python(tunnel, flow);
    Py_XDECREF(meter);
    Py_DECREF(flow);
    return done;
}

static PyObject *pumped(PyObject *tunnel, PyObject *flow)
{
    return is(tunnel, tunnels) ? pump(tunnel, flow) : PyObject_CallMethodOneArg(tunnel, n_pump, flow);
}

static PyObject *ready(PyObject *tunnel, PyObject *const *arguments, Py_ssize_t given)
{
    long long fd, events, source;
    PyObject *up = get(tunnel, of_tunnel[FLOW_UP]), *down = get(tunnel, of_tunnel[FLOW_DOWN]);
    if (given != 2 || !integer(arguments[0], &fd) || !integer(arguments[1], &events) || !is(up, flows) || !is(down, flows) ||
        !integer(get(up, of_flow[SOURCE]), &source))
        return left_to(ready_in_python, tunnel, arguments, given, NULL);
    PyObject *done = Py_NewRef(Py_None);
    PyObject *reads = Py_NewRef(fd == source ? up : down), *writes = Py_NewRef(fd == source ? down : up);
    if (events & ~EPOLL_OUT) {
        if (events & (EPOLL_HUP | EPOLL_ERR | EPOLL_RDHUP | EPOLL_PRI))
            put_bool(reads, of_flow[UNSURE], true);
        if (get(reads, of_flow[BLOCKED]) != Py_True)
            Py_SETREF(done, pumped(tunnel, reads));
    }
    if (done != NULL && events & EPOLL_OUT && get(writes, of_flow[BLOCKED]) == Py_True &&
        get(tunnel, of_tunnel[ENDED]) != Py_None)
        Py_SETREF(done, pumped(tunnel, writes));
    Py_DECREF(reads);
    Py_DECREF(writes);
    return done;
}

static PyMethodDef methods[] = {
    {"ready", (PyCFunction)(void (*)(void))ready, METH_FASTCALL, "Move all that can be moved."},
    {"_pump", pump, METH_O, "Move what can be moved in one direction; a failure on either side ends the tunnel."},
    {NULL, NULL, 0, NULL},
};

PyObject *tunnel_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *tunnel, *flow, *relay;
    int small;
    tunnels = NULL;
    if (!PyArg_ParseTuple(classes, "O!O!O!i", &PyType_Type, &tunnel, &PyType_Type, &flow, &PyType_Type, &relay, &small) ||
        find_slots(tunnel, of_tunnel) < 0 || find_slots(flow, of_flow) < 0 || find_slots(relay, of_relay) < 0)
        return NULL;
    if (small != SMALL)
        return PyErr_Format(PyExc_ValueError, "SMALL is %d in C", SMALL);
    n_fail = PyUnicode_InternFromString("_fail");
    n_nothing = PyUnicode_InternFromString("");
    n_close = PyUnicode_InternFromString("close");
    n_arm = PyUnicode_InternFromString("arm");
    n_pump = PyUnicode_InternFromString("_pump");
    n_monotonic = PyUnicode_InternFromString("monotonic");
    n_timeouts = PyUnicode_InternFromString("timeouts");
    n_idle = PyUnicode_InternFromString("idle");
    n_half_closed = PyUnicode_InternFromString("half_closed");
    n_sent_up = PyUnicode_InternFromString("sent_up");
    n_sent_down = PyUnicode_InternFromString("sent_down");
    Py_XSETREF(ready_in_python, PyObject_GetAttrString((PyObject *)tunnel, "ready"));
    Py_XSETREF(pump_in_python, PyObject_GetAttrString((PyObject *)tunnel, "_pump"));
    PyObject *given = methods_of(tunnel, methods, NULL);
    if (given == NULL || ready_in_python == NULL || pump_in_python == NULL || PyErr_Occurred())
        return NULL;
    tunnels = (PyTypeObject *)Py_NewRef(tunnel);
    flows = (PyTypeObject *)Py_NewRef(flow);
    relays = (PyTypeObject *)Py_NewRef(relay);
    return given;
}
