/* Who asks, and for what, where both are known from the last time: `Repeated.read` of proxy/repeating.py, and
   `AuthService.recall` of auth/service.py for a credential that is remembered, fresh, and used as it was before. */

#include "attributes.h"

enum { BEGIN, LEAD, REQUEST, PATH };
static Slot of_repeated[] = {{"_begin", 0}, {"_lead", 0}, {"request", 0}, {"_path", 0}, {NULL, 0}};
enum { BLOCK, CREDENTIAL, AROUND };
static Slot of_said[] = {{"block", 0}, {"proxy_authorization", 0}, {"_around", 0}, {NULL, 0}};
enum { SURE = 16 }; /* bytes from which on no credential is an empty one, as in proxy/said.py */
enum { ADMISSION, UNTIL, OPEN_TO, PEER };
static Slot of_verdict[] = {{"admission", 0}, {"until", 0}, {"open_to", 0}, {"peer", 0}, {NULL, 0}};
enum { N_SAID, N_DIGESTS, N_PROXY, N_CACHE, N_VERDICTS, N_SECONDS, N_BANS, N_BY_ADDRESS, N_MOVE_TO_END };
static Name names[] = {{"said", NULL},     {"_digests", NULL}, {"proxy", NULL},      {"_cache", NULL},      {"_verdicts", NULL},
                       {"_seconds", NULL}, {"_bans", NULL},    {"by_address", NULL}, {"move_to_end", NULL}, {NULL, NULL}};

static const char LINE_END[] = " HTTP/1.1\r\n";
enum { LINE_END_SIZE = sizeof LINE_END - 1 };

static PyTypeObject *saids, *verdicts;
static PyObject *read_in_python, *recall_in_python;

/* Whether the bytes from some place on are those of another object. */
static bool same_bytes(const char *data, Py_ssize_t size, PyObject *other)
{
    return other != NULL && PyBytes_CheckExact(other) && PyBytes_GET_SIZE(other) == size &&
           memcmp(PyBytes_AS_STRING(other), data, (size_t)size) == 0;
}

/* Whether these bytes are a credential, whatever Python would say of shorter ones and of letters beyond ASCII. */
static bool surely_one(const char *value, Py_ssize_t size)
{
    if (size < SURE || value[0] == ' ' || value[size - 1] == ' ')
        return false;
    for (Py_ssize_t i = 0; i < size; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    return true;
}

/* The credential in another field block that differs from a known one in that alone, as `Said.credential_in`; NULL with
   an error, or where that is for Python to say. */
static PyObject *other_credential(PyObject *said, const char *block, Py_ssize_t size)
{
    PyObject *around = get(said, of_said[AROUND]);
    if (around == NULL || !PyTuple_CheckExact(around) || PyTuple_GET_SIZE(around) != 2)
        return NULL;
    PyObject *before = PyTuple_GET_ITEM(around, 0), *behind = PyTuple_GET_ITEM(around, 1);
    if (!PyBytes_CheckExact(before) || !PyBytes_CheckExact(behind) || PyBytes_GET_SIZE(before) == 0)
        return NULL;
    const Py_ssize_t first = PyBytes_GET_SIZE(before), last = PyBytes_GET_SIZE(behind), rest = size - first - last;
    if (rest < SURE || !same_bytes(block, first, before) || !same_bytes(block + size - last, last, behind) ||
        !surely_one(block + first, rest))
        return NULL;
    return PyBytes_FromStringAndSize(block + first, rest);
}

/* The parts of a request for the same path, behind which these fields are; NULL as above. */
static PyObject *parts(PyObject *said, PyObject *path, const char *fields, Py_ssize_t size)
{
    PyObject *block = get(said, of_said[BLOCK]), *credential = get(said, of_said[CREDENTIAL]), *found = NULL;
    if (credential == NULL)
        return NULL;
    if (same_bytes(fields, size, block))
        return PyTuple_Pack(3, path, block, credential);
    PyObject *value = credential == Py_None ? NULL : other_credential(said, fields, size);
    PyObject *other = value == NULL ? NULL : PyBytes_FromStringAndSize(fields, size);
    if (other != NULL)
        found = PyTuple_Pack(3, path, other, value);
    Py_XDECREF(value);
    Py_XDECREF(other);
    return found;
}

static PyObject *read_same(PyObject *repeated, PyObject *const *arguments, Py_ssize_t given)
{
    long long longest, lead;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "read() takes a buffer, and a number of bytes");
    PyObject *buffer = arguments[0], *begin = get(repeated, of_repeated[BEGIN]), *request = get(repeated, of_repeated[REQUEST]);
    PyObject *said = request == NULL ? NULL : PyObject_GetAttr(request, names[N_SAID].name), *found = NULL;
    if (is(said, saids) && PyBytes_CheckExact(buffer) && begin != NULL && PyBytes_CheckExact(begin) &&
        integer(arguments[1], &longest) && integer(get(repeated, of_repeated[LEAD]), &lead) && lead >= 0 &&
        PyBytes_GET_SIZE(buffer) <= longest && PyBytes_GET_SIZE(buffer) >= PyBytes_GET_SIZE(begin) && lead < PyBytes_GET_SIZE(begin) &&
        memcmp(PyBytes_AS_STRING(buffer), PyBytes_AS_STRING(begin), (size_t)PyBytes_GET_SIZE(begin)) == 0) {
        const char *data = PyBytes_AS_STRING(buffer), *path = data + lead, *last = data + PyBytes_GET_SIZE(buffer);
        const char *end = memmem(path, (size_t)(last - path), LINE_END, LINE_END_SIZE);
        PyObject *before = get(repeated, of_repeated[PATH]);
        if (end != NULL && same_bytes(path, end - path, before))
            found = parts(said, before, end + LINE_END_SIZE, last - end - LINE_END_SIZE);
    }
    Py_XDECREF(said);
    if (found != NULL || PyErr_Occurred())
        return found;
    return PyObject_CallFunctionObjArgs(read_in_python, repeated, buffer, arguments[1], NULL);
}

/* Whether a verdict is fresh, and nothing has to be noted of its use; -1 with an error. */
static int as_before(PyObject *auth, PyObject *verdict, PyObject *proxy, PyObject *peer)
{
    static const int to_banned[] = {N_BANS, N_BY_ADDRESS};
    PyObject *now = PyObject_CallMethodNoArgs(auth, names[N_SECONDS].name), *until = get(verdict, of_verdict[UNTIL]);
    PyObject *banned = now == NULL ? NULL : along(auth, names, to_banned, 2);
    PyObject *whose = get(verdict, of_verdict[PEER]), *open_to = get(verdict, of_verdict[OPEN_TO]);
    int done = banned == NULL ? -1 : 0;
    if (done == 0 && until != NULL && whose != NULL && open_to != NULL && PyFrozenSet_CheckExact(open_to) &&
        PyDict_CheckExact(banned) && PyDict_GET_SIZE(banned) == 0 && (done = PyObject_RichCompareBool(now, until, Py_LT)) > 0 &&
        (done = PyObject_RichCompareBool(whose, peer, Py_EQ)) > 0)
        done = PySet_Contains(open_to, proxy);
    Py_XDECREF(now);
    Py_XDECREF(banned);
    return done;
}

/* The admission of a credential that is remembered; NULL with an error, or where that is for Python to say. */
static PyObject *remembered(PyObject *auth, PyObject *proxy, PyObject *peer, PyObject *field)
{
    static const int to_digest[] = {N_DIGESTS, N_PROXY}, to_all[] = {N_CACHE, N_VERDICTS};
    PyObject *digest = along(auth, names, to_digest, 2), *verdict = NULL, *moved = NULL, *admission = NULL;
    PyObject *key = digest == NULL ? NULL : PyObject_CallOneArg(digest, field);
    PyObject *all = key == NULL ? NULL : along(auth, names, to_all, 2);
    if (all != NULL && PyODict_CheckExact(all))
        verdict = Py_XNewRef(PyODict_GetItemWithError(all, key));
    if (is(verdict, verdicts) && as_before(auth, verdict, proxy, peer) > 0 &&
        (moved = PyObject_CallMethodOneArg(all, names[N_MOVE_TO_END].name, key)) != NULL)
        admission = Py_XNewRef(get(verdict, of_verdict[ADMISSION]));
    Py_XDECREF(digest);
    Py_XDECREF(key);
    Py_XDECREF(all);
    Py_XDECREF(verdict);
    Py_XDECREF(moved);
    return admission;
}

static PyObject *recall(PyObject *auth, PyObject *const *arguments, Py_ssize_t given)
{
    const bool usual = given == 4 && PyBytes_CheckExact(arguments[2]);
    PyObject *admission = usual ? remembered(auth, arguments[0], arguments[1], arguments[2]) : NULL;
    return admission != NULL || PyErr_Occurred() ? admission : left_to(recall_in_python, auth, arguments, given, NULL);
}

static PyMethodDef of_reading[] = {
    {"read", (PyCFunction)(void (*)(void))read_same, METH_FASTCALL, "The parts of a request like the one before."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_recalling[] = {
    {"recall", (PyCFunction)(void (*)(void))recall, METH_FASTCALL, "Answer from memory."},
    {NULL, NULL, 0, NULL},
};

PyObject *reading_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *repeated, *said;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &repeated, &PyType_Type, &said) ||
        find_slots(repeated, of_repeated) < 0 || find_slots(said, of_said) < 0 || make_names(names) < 0)
        return NULL;
    saids = (PyTypeObject *)Py_NewRef(said);
    return PyErr_Occurred() ? NULL : methods_of(repeated, of_reading, &read_in_python);
}

PyObject *recalling_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *auth, *verdict;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &auth, &PyType_Type, &verdict) ||
        find_slots(verdict, of_verdict) < 0 || make_names(names) < 0)
        return NULL;
    verdicts = (PyTypeObject *)Py_NewRef(verdict);
    return PyErr_Occurred() ? NULL : methods_of(auth, of_recalling, &recall_in_python);
}
