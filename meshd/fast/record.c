/* What passing/record.py notes when an exchange begins, and how it ends one. */

#include "attributes.h"

enum { PLANE, PROXY, CLIENT, AT, BEGAN, ACCOUNT, TOKEN, PORT, STATUS, USERNAME, METHOD, HOST, REMARK, EXIT, ADMITTED, ID,
       METER, SEAT, DEPARTURE, DESTINATIONS, CLOSED };
static Slot of_record[] = {{"_plane", 0},    {"_proxy", 0},   {"_client", 0},   {"_at", 0},          {"began", 0},
                           {"_account_id", 0}, {"_token_id", 0}, {"_port", 0},  {"status", 0},       {"_username", 0},
                           {"_method", 0},   {"_host", 0},    {"_remark", 0},   {"exit", 0},         {"_admitted", 0},
                           {"id", 0},        {"meter", 0},    {"seat", 0},      {"departure", 0},    {"destinations", 0},
                           {"closed", 0},    {NULL, 0}};

enum { N_NOW, N_WHEEL, N_SECONDS, N_REQUEST_ID, N_METHOD, N_TARGET, N_HOST, N_PORT, N_IDENTITY, N_ACCOUNT, N_ID,
       N_USERNAME, N_TOKEN_ID, N_END, N_UP, N_DOWN, N_LEDGER, N_CLOSE, N_LINE, N_WAITING, N_FREED };
static Name names[] = {{"now", NULL},        {"wheel", NULL},    {"seconds", NULL}, {"request_id", NULL}, {"method", NULL},
                       {"target", NULL},     {"host", NULL},     {"port", NULL},    {"identity", NULL},   {"account", NULL},
                       {"id", NULL},         {"username", NULL}, {"token_id", NULL},     {"end", NULL},
                       {"up", NULL},         {"down", NULL},     {"ledger", NULL},  {"close", NULL},      {"line", NULL},
                       {"waiting", NULL},    {"freed", NULL},    {NULL, NULL}};

enum { OF_INIT, OF_REQUEST, OF_ADMISSION, OF_CLOSE };
static PyObject *in_python[4], *nothing, *empty;
static PyTypeObject *exchanges;

/* The exact time of the wheel, by which exchanges are measured. */
static PyObject *seconds_of(PyObject *plane)
{
    PyObject *wheel = PyObject_GetAttr(plane, names[N_WHEEL].name);
    PyObject *found = wheel == NULL ? NULL : PyObject_CallMethodNoArgs(wheel, names[N_SECONDS].name);
    Py_XDECREF(wheel);
    return found;
}

static PyObject *init(PyObject *record, PyObject *const *arguments, Py_ssize_t given, PyObject *by_name)
{
    static const int numbers[] = {ACCOUNT, TOKEN, PORT, STATUS}, texts[] = {USERNAME, METHOD, HOST, REMARK, EXIT};
    static const int nones[] = {METER, SEAT, DEPARTURE, DESTINATIONS}, falses[] = {ADMITTED, CLOSED};
    if (given != 3 || by_name != NULL)
        return left_to(in_python[OF_INIT], record, arguments, given, by_name);
    PyObject *plane = arguments[0], *at = PyObject_CallMethodNoArgs(plane, names[N_NOW].name);
    PyObject *began = at == NULL ? NULL : seconds_of(plane);
    PyObject *id = began == NULL ? NULL : PyObject_CallMethodNoArgs(plane, names[N_REQUEST_ID].name);
    if (id == NULL) {
        Py_XDECREF(at);
        Py_XDECREF(began);
        return NULL;
    }
    for (int i = 0; i < 3; i++)
        put(record, of_record[PLANE + i], Py_NewRef(arguments[i]));
    put(record, of_record[AT], at);
    put(record, of_record[BEGAN], began);
    put(record, of_record[ID], id);
    for (int i = 0; i < 4; i++) {
        put(record, of_record[numbers[i]], Py_NewRef(nothing));
        put(record, of_record[nones[i]], Py_NewRef(Py_None));
    }
    for (int i = 0; i < 5; i++)
        put(record, of_record[texts[i]], Py_NewRef(empty));
    for (int i = 0; i < 2; i++)
        put(record, of_record[falses[i]], Py_NewRef(Py_False));
    Py_RETURN_NONE;
}

static PyObject *note_request(PyObject *record, PyObject *request)
{
    PyObject *method = PyObject_GetAttr(request, names[N_METHOD].name), *target = NULL;
    int done = method == NULL ? -1 : 0;
    if (done == 0 && !PyBytes_CheckExact(method)) {
        Py_DECREF(method);
        return PyObject_CallFunctionObjArgs(in_python[OF_REQUEST], record, request, NULL);
    }
    if (done == 0 && (target = PyObject_GetAttr(request, names[N_TARGET].name)) == NULL)
        done = -1;
    PyObject *text = done < 0 ? NULL : PyUnicode_DecodeASCII(PyBytes_AS_STRING(method), PyBytes_GET_SIZE(method), NULL);
    if (text != NULL) {
        put(record, of_record[METHOD], text);
        done = take(record, of_record[HOST], target, names[N_HOST]);
        if (done == 0)
            done = take(record, of_record[PORT], target, names[N_PORT]);
    }
    Py_XDECREF(method);
    Py_XDECREF(target);
    return text == NULL || done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *note_admission(PyObject *record, PyObject *admission)
{
    PyObject *identity = PyObject_GetAttr(admission, names[N_IDENTITY].name);
    PyObject *account = identity == NULL ? NULL : PyObject_GetAttr(identity, names[N_ACCOUNT].name);
    const bool done = account != NULL && take(record, of_record[ACCOUNT], account, names[N_ID]) == 0 &&
                      take(record, of_record[USERNAME], account, names[N_USERNAME]) == 0 &&
                      take(record, of_record[TOKEN], admission, names[N_TOKEN_ID]) == 0;
    if (done)
        put_bool(record, of_record[ADMITTED], true);
    Py_XDECREF(identity);
    Py_XDECREF(account);
    return done ? Py_NewRef(Py_None) : NULL;
}

/* The exchange as it has ended: its fields are in the order of values/exchanges.py. */
static PyObject *exchange_of(PyObject *record, PyObject *meter, PyObject *way, PyObject *reason, PyObject *detail)
{
    static const int noted[] = {ACCOUNT, USERNAME, TOKEN, PROXY, CLIENT, METHOD, HOST, PORT, EXIT, STATUS};
    enum { SECONDS = 2, FIRST = 3, REASON = 13, UP, DOWN, WAY, DETAIL, PLACES, FIELDS };
    PyObject *fields[FIELDS] = {NULL};
    PyObject *now = seconds_of(get(record, of_record[PLANE]));
    const int said = now == NULL ? -1 : PyObject_IsTrue(reason);
    fields[0] = Py_NewRef(get(record, of_record[ID]));
    fields[1] = Py_NewRef(get(record, of_record[AT]));
    fields[SECONDS] = said < 0 ? NULL : PyNumber_Subtract(now, get(record, of_record[BEGAN]));
    for (int i = 0; i < REASON - FIRST; i++)
        fields[FIRST + i] = Py_NewRef(get(record, of_record[noted[i]]));
    fields[REASON] = Py_NewRef(said == 0 ? get(record, of_record[REMARK]) : reason);
    fields[UP] = fields[SECONDS] == NULL ? NULL : PyObject_GetAttr(meter, names[N_UP].name);
    fields[DOWN] = fields[UP] == NULL ? NULL : PyObject_GetAttr(meter, names[N_DOWN].name);
    fields[WAY] = Py_NewRef(way);
    fields[DETAIL] = Py_NewRef(detail);
    fields[PLACES] = Py_NewRef(get(record, of_record[DESTINATIONS]));
    PyObject *exchange = fields[DOWN] != NULL ? exchanges->tp_alloc(exchanges, FIELDS) : NULL;
    for (int i = 0; i < FIELDS; i++)
        if (exchange != NULL)
            PyTuple_SET_ITEM(exchange, i, fields[i]);
        else
            Py_XDECREF(fields[i]);
    Py_XDECREF(now);
    return exchange;
}

/* Let those go on who wait for one of the account's exchanges to end, if anybody waits; -1 with an error. */
static int free_place(PyObject *plane, PyObject *account)
{
    PyObject *line = PyObject_GetAttr(plane, names[N_LINE].name), *tunnels[2] = {Py_True, Py_False};
    const int waits = line == NULL ? -1 : is_true(line, names[N_WAITING]);
    int done = waits < 0 ? -1 : 0;
    for (int i = 0; i < 2 && waits > 0 && done == 0; i++) {
        PyObject *key = PyTuple_Pack(2, account, tunnels[i]);
        done = key == NULL ? -1 : tell(line, names[N_FREED], key);
        Py_XDECREF(key);
    }
    Py_XDECREF(line);
    return done;
}

/* Have the ledger count the exchange, and write its line; -1 with an error. */
static int book(PyObject *plane, PyObject *meter, PyObject *exchange)
{
    PyObject *ledger = PyObject_GetAttr(plane, names[N_LEDGER].name);
    PyObject *done =
        ledger == NULL ? NULL : PyObject_CallMethodObjArgs(ledger, names[N_CLOSE].name, meter, exchange, NULL);
    Py_XDECREF(ledger);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static PyObject *close_record(PyObject *record, PyObject *const *arguments, Py_ssize_t given)
{
    for (int i = PLANE; i <= CLOSED; i++)
        if (get(record, of_record[i]) == NULL)
            return PyErr_Format(PyExc_AttributeError, "%s", of_record[i].name);
    if (given >= 1 && get(record, of_record[CLOSED]) == Py_True)
        Py_RETURN_NONE;
    if (given < 1 || given > 2 || get(record, of_record[METER]) == Py_None || get(record, of_record[SEAT]) != Py_None)
        return left_to(in_python[OF_CLOSE], record, arguments, given, NULL);
    put_bool(record, of_record[CLOSED], true);
    PyObject *departure = Py_NewRef(get(record, of_record[DEPARTURE]));
    PyObject *way = departure == Py_None ? Py_NewRef(empty) : PyObject_CallMethodNoArgs(departure, names[N_END].name);
    Py_DECREF(departure);
    PyObject *plane = Py_NewRef(get(record, of_record[PLANE])), *meter = Py_NewRef(get(record, of_record[METER]));
    PyObject *exchange = way == NULL ? NULL : exchange_of(record, meter, way, arguments[0], given == 2 ? arguments[1] : empty);
    int done = exchange == NULL ? -1 : book(plane, meter, exchange);
    if (done == 0)
        done = free_place(plane, get(record, of_record[ACCOUNT]));
    Py_DECREF(plane);
    Py_DECREF(meter);
    Py_XDECREF(way);
    Py_XDECREF(exchange);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"__init__", (PyCFunction)(void (*)(void))init, METH_FASTCALL | METH_KEYWORDS, "Begin a record."},
    {"note_request", note_request, METH_O, "Note what is asked for."},
    {"note_admission", note_admission, METH_O, "Note who is asking."},
    {"close", (PyCFunction)(void (*)(void))close_record, METH_FASTCALL, "Write the log line and end the metering."},
    {NULL, NULL, 0, NULL},
};

PyObject *record_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *record, *exchange;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &record, &PyType_Type, &exchange) ||
        find_slots(record, of_record) < 0 || find_fields(exchange, exchange_fields) < 0 || make_names(names) < 0)
        return NULL;
    Py_XSETREF(nothing, PyLong_FromLong(0));
    Py_XSETREF(empty, PyUnicode_FromString(""));
    exchanges = (PyTypeObject *)Py_NewRef(exchange);
    return PyErr_Occurred() ? NULL : methods_of(record, methods, in_python);
}
