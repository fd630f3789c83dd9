/* The steps between a request that repeats another and its origin, and back (proxy/repeating.py); the path that they are
   steps of, `_repeat`, is Python. */

#include "attributes.h"

enum { PLANE, PROXY, CUT, RECORD, METER, WIRE, PLACE };
static Slot of_connection[] = {{"_plane", 0}, {"proxy", 0}, {"cut", 0},   {"record", 0},
                               {"meter", 0},  {"wire", 0},  {"place", 0}, {NULL, 0}};
enum { R_METER, R_DEPARTURE, R_BEGAN, R_EXIT };
static Slot of_record[] = {{"meter", 0}, {"departure", 0}, {"began", 0}, {"exit", 0}, {NULL, 0}};
enum { M_PROXY, M_ABOUT, M_WAY };
static Slot of_meter[] = {{"proxy", 0}, {"about", 0}, {"way", 0}, {NULL, 0}};
enum { P_ASKED, P_ACCOUNT, P_CAPS, P_CLIENT };
static Slot of_place[] = {{"asked", 0}, {"account_id", 0}, {"_caps", 0}, {"_client", 0}, {NULL, 0}};
enum { D_CHOICE, D_TARGET, D_SELECTION, D_ADDRESS };
static Slot of_departure[] = {{"choice", 0}, {"target", 0}, {"selection", 0}, {"address", 0}, {NULL, 0}};
enum { C_OUTLET, C_SOURCE, C_NOT_FOUND, C_PINNED, C_WIDTH = 5 };

enum { N_LIVE, N_LEDGER, N_OPEN, N_STOPPED, N_PEER, N_NOTE_REQUEST, N_NOTE_ADMISSION,
       N_HOLD, N_DEPARTURE, N_EXIT, N_ASKED_ITSELF, N_SESSION, N_NAME, N_HOST, N_PORT,
       N_ORIGINS, N_TAKE, N_ADDRESS, N_UPSTREAM, N_SOURCE, N_WIRE, N_TOPOLOGY, N_TELLS, N_SUCCEEDED, N_RENDER };
static Name names[] = {{"live", NULL}, {"ledger", NULL}, {"open", NULL}, {"_stopped", NULL}, {"peer", NULL}, {"note_request", NULL},
                       {"note_admission", NULL}, {"hold", NULL},
                       {"_departure", NULL}, {"exit", NULL}, {"is_asked_itself", NULL}, {"session", NULL},
                       {"name", NULL}, {"host", NULL}, {"port", NULL}, {"origins", NULL}, {"take", NULL},
                       {"address", NULL}, {"upstream", NULL}, {"source", NULL}, {"wire", NULL}, {"topology", NULL},
                       {"proxy_status_on_forwarded", NULL}, {"succeeded", NULL}, {"render", NULL}, {NULL, NULL}};

enum { OPENED, LEFT, KEPT, ANSWER };
static PyObject *in_python[ANSWER + 1], *hold_in_python, *one;
static PyTypeObject *records, *meters, *places, *departures, *choices;

static PyObject *opened(PyObject *connection, PyObject *admission)
{
    PyObject *plane = get(connection, of_connection[PLANE]), *bucket = NULL;
    const int may = plane == NULL ? 0 : may_start(plane, admission, &bucket);
    if (may <= 0)
        return may < 0 ? NULL : PyObject_CallFunctionObjArgs(in_python[OPENED], connection, admission, NULL);
    PyObject *ledger = PyObject_GetAttr(plane, names[N_LEDGER].name);
    PyObject *stopped = ledger == NULL ? NULL : PyObject_GetAttr(connection, names[N_STOPPED].name);
    PyObject *meter = stopped == NULL ? NULL : PyObject_CallMethodObjArgs(ledger, names[N_OPEN].name, admission, stopped, NULL);
    if (meter != NULL && !PyObject_TypeCheck(meter, meters))
        Py_SETREF(meter, Py_NewRef(Py_None)); /* and nothing was taken of what it may begin */
    else if (meter != NULL && bucket != NULL && started(bucket) < 0)
        Py_CLEAR(meter);
    Py_XDECREF(ledger);
    Py_XDECREF(stopped);
    Py_XDECREF(bucket);
    return meter;
}

/* Whether the class has the method that C knows, and not another one in its place; -1 with an error. */
static int usual_hold(void)
{
    PyObject *method = PyObject_GetAttr((PyObject *)places, names[N_HOLD].name);
    const bool same = method == hold_in_python;
    Py_XDECREF(method);
    return method == NULL ? -1 : same;
}

/* Count a client for another account than before, as `Place.hold`; -1 with an error. */
static int hold_for(PyObject *place, PyObject *id)
{
    const int usual = usual_hold();
    if (usual < 0)
        return -1;
    PyObject *former = get(place, of_place[P_ACCOUNT]), *caps = get(place, of_place[P_CAPS]), *client = get(place, of_place[P_CLIENT]);
    long long now, before;
    if (!usual || caps == NULL || client == NULL || !integer(id, &now) || !integer(former, &before) || now == before)
        return tell(place, names[N_HOLD], id);
    Py_INCREF(caps);
    PyObject *held = PyObject_CallMethodObjArgs(caps, names[N_HOLD].name, client, id, former, NULL);
    Py_DECREF(caps);
    if (held != NULL)
        put(place, of_place[P_ACCOUNT], Py_NewRef(id));
    Py_XDECREF(held);
    return held == NULL ? -1 : 0;
}

/* Note an exchange's beginning, and its account's, at the client's place; -1 with an error. */
static int hold(PyObject *place, PyObject *record, PyObject *admission)
{
    PyObject *id = account_id_of(admission);
    put(place, of_place[P_ASKED], Py_NewRef(get(record, of_record[R_BEGAN])));
    int done = id == NULL ? -1 : 0;
    if (done == 0 && id != get(place, of_place[P_ACCOUNT]))
        done = hold_for(place, id);
    Py_XDECREF(id);
    return done;
}

static PyObject *left(PyObject *connection, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 3)
        return PyErr_Format(PyExc_TypeError, "_left() takes a request, an admission and a meter");
    PyObject *request = arguments[0], *admission = arguments[1], *meter = arguments[2], *peer = NULL, *departure = NULL;
    PyObject *wire = get(connection, of_connection[WIRE]), *place = get(connection, of_connection[PLACE]);
    if (!PyObject_TypeCheck(meter, meters) || !is(place, places) || wire == NULL ||
        get(connection, of_connection[PLANE]) == NULL || get(connection, of_connection[PROXY]) == NULL)
        return PyObject_CallFunctionObjArgs(in_python[LEFT], connection, request, admission, meter, NULL);
    put(connection, of_connection[CUT], Py_NewRef(Py_None));
    if ((peer = PyObject_GetAttr(wire, names[N_PEER].name)) == NULL)
        return NULL;
    PyObject *whose[3] = {get(connection, of_connection[PLANE]), get(connection, of_connection[PROXY]), peer};
    PyObject *record = PyObject_Vectorcall((PyObject *)records, whose, 3, NULL);
    Py_DECREF(peer);
    if (record == NULL)
        return NULL;
    put(connection, of_connection[RECORD], Py_NewRef(record));
    Py_INCREF(place);
    if (tell(record, names[N_NOTE_REQUEST], request) == 0 && tell(record, names[N_NOTE_ADMISSION], admission) == 0 &&
        hold(place, record, admission) == 0) {
        put(meter, of_meter[M_PROXY], Py_NewRef(get(connection, of_connection[PROXY])));
        put(meter, of_meter[M_ABOUT], Py_NewRef(record));
        put(record, of_record[R_METER], Py_NewRef(meter));
        put(connection, of_connection[METER], Py_NewRef(meter));
        departure = PyObject_CallMethodObjArgs(connection, names[N_DEPARTURE].name, request, admission, NULL);
    }
    if (departure != NULL) {
        put(record, of_record[R_DEPARTURE], Py_NewRef(departure));
        put(meter, of_meter[M_WAY], Py_NewRef(departure));
    }
    Py_DECREF(place);
    Py_DECREF(record);
    return departure;
}

/* What the client is told of an exit that it did not pin, as `Choice.label`; NULL with an error. */
static PyObject *label_of(PyObject *exit, PyObject *source)
{
    PyObject *address = PyObject_GetAttr(exit, names[N_ADDRESS].name);
    const int has_one = address == NULL ? -1 : PyObject_IsTrue(address);
    if (has_one > 0)
        return address;
    Py_XDECREF(address);
    const int upstream = has_one < 0 ? -1 : is_true(exit, names[N_UPSTREAM]);
    return upstream < 0 ? NULL : upstream > 0 ? PyObject_GetAttr(exit, names[N_NAME].name) : Py_NewRef(source);
}

/* The key of a connection that would do; NULL with an error. */
static PyObject *key_of(PyObject *departure, PyObject *exit, PyObject *account)
{
    PyObject *choice = get(departure, of_departure[D_CHOICE]), *target = get(departure, of_departure[D_TARGET]);
    PyObject *name = PyObject_GetAttr(exit, names[N_NAME].name), *host = NULL, *port = NULL, *session = NULL, *key = NULL;
    if (name != NULL && (host = PyObject_GetAttr(target, names[N_HOST].name)) != NULL &&
        (port = PyObject_GetAttr(target, names[N_PORT].name)) != NULL &&
        (session = PyObject_GetAttr(get(departure, of_departure[D_SELECTION]), names[N_SESSION].name)) != NULL)
        key = PyTuple_Pack(6, account, session, name, PyTuple_GET_ITEM(choice, C_SOURCE), host, port);
    Py_XDECREF(name);
    Py_XDECREF(host);
    Py_XDECREF(port);
    Py_XDECREF(session);
    return key;
}

/* Note what the exchange goes by; -1 with an error. */
static int note_origin(PyObject *record, PyObject *departure, PyObject *exit, PyObject *origin)
{
    static const int to_peer[] = {N_WIRE, N_PEER};
    PyObject *source = PyObject_GetAttr(origin, names[N_SOURCE].name), *label = NULL, *peer = NULL;
    if (source != NULL && (label = label_of(exit, source)) != NULL && (peer = along(origin, names, to_peer, 2)) != NULL) {
        put(record, of_record[R_EXIT], Py_NewRef(label));
        put(departure, of_departure[D_ADDRESS], Py_NewRef(peer));
    }
    Py_XDECREF(source);
    Py_XDECREF(label);
    Py_XDECREF(peer);
    return peer == NULL ? -1 : 0;
}

/* Whether it is the usual departure, with a choice that nobody has pinned. */
static bool usual(PyObject *departure, PyObject *record)
{
    if (!is(departure, departures) || !is(record, records))
        return false;
    PyObject *choice = get(departure, of_departure[D_CHOICE]), *target = get(departure, of_departure[D_TARGET]);
    return is(choice, choices) && PyTuple_GET_SIZE(choice) == C_WIDTH && PyTuple_GET_ITEM(choice, C_PINNED) == Py_False &&
           target != NULL && target != Py_None && get(departure, of_departure[D_SELECTION]) != NULL;
}

static PyObject *kept(PyObject *connection, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *record = get(connection, of_connection[RECORD]), *plane = get(connection, of_connection[PLANE]);
    PyObject *exit = NULL, *key = NULL, *origins = NULL, *origin = NULL;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "_kept() takes a departure and an account's id");
    PyObject *departure = arguments[0];
    if (!usual(departure, record) || plane == NULL)
        return PyObject_CallFunctionObjArgs(in_python[KEPT], connection, departure, arguments[1], NULL);
    PyObject *outlet = PyTuple_GET_ITEM(get(departure, of_departure[D_CHOICE]), C_OUTLET);
    const int itself = is_true(outlet, names[N_ASKED_ITSELF]);
    if (itself != 0)
        return itself < 0 ? NULL : Py_NewRef(Py_None);
    Py_INCREF(record);
    if ((exit = PyObject_GetAttr(outlet, names[N_EXIT].name)) != NULL && (key = key_of(departure, exit, arguments[1])) != NULL &&
        (origins = PyObject_GetAttr(plane, names[N_ORIGINS].name)) != NULL)
        origin = PyObject_CallMethodOneArg(origins, names[N_TAKE].name, key);
    if (origin != NULL && origin != Py_None && note_origin(record, departure, exit, origin) < 0)
        Py_CLEAR(origin);
    Py_DECREF(record);
    Py_XDECREF(exit);
    Py_XDECREF(key);
    Py_XDECREF(origins);
    return origin;
}

static PyObject *answer_like(PyObject *connection, PyObject *told)
{
    static const int to_topology[] = {N_LIVE, N_TOPOLOGY};
    PyObject *record = get(connection, of_connection[RECORD]), *plane = get(connection, of_connection[PLANE]);
    PyObject *departure = is(record, records) ? get(record, of_record[R_DEPARTURE]) : NULL;
    if (plane == NULL || departure == NULL || !usual(departure, record) || get(record, of_record[R_EXIT]) == NULL)
        return PyObject_CallFunctionObjArgs(in_python[ANSWER], connection, told, NULL);
    PyObject *topology = along(plane, names, to_topology, 2), *answer = NULL;
    const int tells = topology == NULL ? -1 : is_true(topology, names[N_TELLS]);
    Py_XDECREF(topology);
    if (tells != 0)
        return tells < 0 ? NULL : Py_NewRef(Py_None);
    Py_INCREF(departure);
    PyObject *label = Py_NewRef(get(record, of_record[R_EXIT]));
    PyObject *not_found = Py_NewRef(PyTuple_GET_ITEM(get(departure, of_departure[D_CHOICE]), C_NOT_FOUND));
    if (tell(departure, names[N_SUCCEEDED], NULL) == 0)
        answer = PyObject_CallMethodObjArgs(told, names[N_RENDER].name, one, Py_True, label, not_found, NULL);
    Py_DECREF(label);
    Py_DECREF(not_found);
    Py_DECREF(departure);
    return answer;
}

static PyMethodDef methods[] = {
    {"_opened", opened, METH_O, "The meter of an exchange that may begin now."},
    {"_left", (PyCFunction)(void (*)(void))left, METH_FASTCALL, "Begin the record of an exchange, and its way out."},
    {"_kept", (PyCFunction)(void (*)(void))kept, METH_FASTCALL, "A kept connection by the chosen exit to the server."},
    {"_answer_like", answer_like, METH_O, "The head that the client gets."},
    {NULL, NULL, 0, NULL},
};
PyObject *repeating_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *connection, *record, *meter, *place, *departure, *choice, *caps, *bucket;
    if (!PyArg_ParseTuple(classes, "O!O!O!O!O!O!O!O!", &PyType_Type, &connection, &PyType_Type, &record, &PyType_Type, &meter,
                          &PyType_Type, &place, &PyType_Type, &departure, &PyType_Type, &choice, &PyType_Type, &caps,
                          &PyType_Type, &bucket) ||
        ready_starting(caps, bucket) < 0 ||
        find_slots(connection, of_connection) < 0 || find_slots(record, of_record) < 0 || find_slots(meter, of_meter) < 0 ||
        find_slots(place, of_place) < 0 || find_slots(departure, of_departure) < 0 ||
        find_fields(choice, choice_fields) < 0 || make_names(names) < 0)
        return NULL;
    for (int i = OPENED; i <= ANSWER; i++)
        Py_XSETREF(in_python[i], PyObject_GetAttrString((PyObject *)connection, methods[i].ml_name));
    Py_XSETREF(hold_in_python, PyObject_GetAttr((PyObject *)place, names[N_HOLD].name));
    Py_XSETREF(one, PyLong_FromLong(1));
    records = (PyTypeObject *)Py_NewRef(record);
    meters = (PyTypeObject *)Py_NewRef(meter);
    places = (PyTypeObject *)Py_NewRef(place);
    departures = (PyTypeObject *)Py_NewRef(departure);
    choices = (PyTypeObject *)Py_NewRef(choice);
    return PyErr_Occurred() ? NULL : methods_of(connection, methods);
}
