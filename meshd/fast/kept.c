/* What passing/kept.py does for a connection that a request takes, and for one that it gives back. */

#include "attributes.h"

enum { IDLE, PROVEN, UNPROVEN, ROOM, GENERATION, WHEEL };
static Slot of_pool[] = {{"_idle", 0}, {"_proven", 0},    {"_unproven", 0}, {"_room", 0},
                         {"generation", 0}, {"_wheel", 0}, {NULL, 0}};
enum { KEY, WIRE, IS_IDLE, IS_PROVEN, USED, OF_GENERATION };
static Slot of_origin[] = {{"key", 0},    {"wire", 0}, {"idle", 0},
                           {"proven", 0}, {"used", 0}, {"generation", 0}, {NULL, 0}};
enum { N_POPITEM, N_REMOVE, N_ADD, N_WATCHER, N_ENDING, N_READABLE, N_ARM, N_COUNT, N_GIVE_WAY };
static Name names[] = {{"popitem", NULL},  {"remove", NULL},   {"add", NULL}, {"watcher", NULL}, {"ending", NULL},
                       {"readable", NULL}, {"arm", NULL},      {"count", NULL}, {"_give_way", NULL}, {NULL, NULL}};

static PyTypeObject *origins;
static PyObject *take_in_python, *keep_in_python, *no_seconds;

/* Those that have served as often as this one, borrowed. */
static PyObject *like(PyObject *pool, PyObject *origin)
{
    return get(pool, of_pool[get(origin, of_origin[IS_PROVEN]) == Py_True ? PROVEN : UNPROVEN]);
}

/* Whether an origin is all that one is: then its slots are set, and its key is one. */
static bool is_origin(PyObject *origin)
{
    if (!is(origin, origins))
        return false;
    for (int i = KEY; i <= OF_GENERATION; i++)
        if (get(origin, of_origin[i]) == NULL)
            return false;
    PyObject *key = get(origin, of_origin[KEY]);
    return PyTuple_CheckExact(key) && PyTuple_GET_SIZE(key) > 0;
}

/* It is idle no longer, as `_left`; -1 with an error. */
static int left(PyObject *pool, PyObject *origin, PyObject *idle)
{
    PyObject *key = get(origin, of_origin[KEY]), *all = get(pool, of_pool[IDLE]);
    PyObject *removed = PyObject_CallMethodObjArgs(like(pool, origin), names[N_REMOVE].name, PyTuple_GET_ITEM(key, 0), origin, NULL);
    if (removed == NULL)
        return -1;
    Py_DECREF(removed);
    put_bool(origin, of_origin[IS_IDLE], false);
    if (PyObject_SetAttr(get(origin, of_origin[WIRE]), names[N_WATCHER].name, Py_None) < 0)
        return -1;
    return PyDict_GET_SIZE(idle) == 0 ? PyDict_DelItem(all, key) : 0;
}

static bool is_pool(PyObject *pool)
{
    PyObject *all = get(pool, of_pool[IDLE]);
    return all != NULL && PyDict_CheckExact(all) && get(pool, of_pool[PROVEN]) != NULL &&
           get(pool, of_pool[UNPROVEN]) != NULL && get(pool, of_pool[WHEEL]) != NULL;
}

static PyObject *take_one(PyObject *pool, PyObject *key)
{
    PyObject *idle = is_pool(pool) ? Py_XNewRef(PyDict_GetItemWithError(get(pool, of_pool[IDLE]), key)) : NULL;
    if (idle == NULL || !PyDict_CheckExact(idle)) {
        Py_XDECREF(idle);
        return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(take_in_python, pool, key, NULL);
    }
    PyObject *last = PyDict_GET_SIZE(idle) == 0 ? NULL : PyObject_CallMethodNoArgs(idle, names[N_POPITEM].name);
    PyObject *origin = last == NULL ? NULL : Py_NewRef(PyTuple_GET_ITEM(last, 0));
    if (origin != NULL && !is_origin(origin)) /* then it is the last again, for Python */
        Py_SETREF(origin, PyDict_SetItem(idle, origin, PyTuple_GET_ITEM(last, 1)) < 0
                              ? NULL
                              : PyObject_CallFunctionObjArgs(take_in_python, pool, key, NULL));
    else if (origin != NULL && left(pool, origin, idle) < 0)
        Py_CLEAR(origin);
    Py_XDECREF(last);
    Py_DECREF(idle);
    return origin != NULL || PyErr_Occurred() ? origin : Py_NewRef(Py_None);
}

/* Whether a connection stays, with nothing to read; -1 with an error. */
static int stays(PyObject *pool, PyObject *origin, PyObject *seconds)
{
    long long now, then;
    PyObject *wire = get(origin, of_origin[WIRE]);
    if (!integer(get(pool, of_pool[GENERATION]), &now) || !integer(get(origin, of_origin[OF_GENERATION]), &then) || now != then)
        return 0;
    const int ends = is_true(wire, names[N_ENDING]), readable = ends != 0 ? ends : is_true(wire, names[N_READABLE]);
    if (readable != 0)
        return readable < 0 ? -1 : 0;
    return PyObject_RichCompareBool(seconds, no_seconds, Py_GE);
}

/* Put it among the idle ones of its key; -1 with an error. */
static int shelve(PyObject *pool, PyObject *origin, PyObject *key)
{
    PyObject *all = get(pool, of_pool[IDLE]), *idle = Py_XNewRef(PyDict_GetItemWithError(all, key));
    if (idle == NULL && !PyErr_Occurred() && (idle = PyDict_New()) != NULL && PyDict_SetItem(all, key, idle) < 0)
        Py_CLEAR(idle);
    const int done = idle == NULL ? -1 : PyDict_SetItem(idle, origin, Py_None);
    Py_XDECREF(idle);
    return done;
}

/* Whether more are idle than there is room for, or than was asked for yet; -1 with an error. */
static int too_many(PyObject *pool)
{
    long long counts[2], room;
    for (int i = 0; i < 2; i++) {
        PyObject *count = PyObject_GetAttr(get(pool, of_pool[PROVEN + i]), names[N_COUNT].name);
        const bool found = count != NULL && integer(count, &counts[i]);
        Py_XDECREF(count);
        if (!found)
            return PyErr_Occurred() ? -1 : 1;
    }
    return integer(get(pool, of_pool[ROOM]), &room) ? counts[0] + counts[1] > room : 1;
}

static PyObject *keep(PyObject *pool, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "keep() takes an origin, and seconds");
    PyObject *origin = arguments[0], *seconds = arguments[1], *added = NULL, *armed = NULL;
    const int staying = is_pool(pool) && is_origin(origin) ? stays(pool, origin, seconds) : 0;
    if (staying <= 0)
        return staying < 0 ? NULL : PyObject_CallFunctionObjArgs(keep_in_python, pool, origin, seconds, NULL);
    PyObject *key = get(origin, of_origin[KEY]), *account = PyTuple_GET_ITEM(key, 0);
    put(origin, of_origin[IS_PROVEN], Py_NewRef(get(origin, of_origin[USED])));
    put_bool(origin, of_origin[USED], true);
    put_bool(origin, of_origin[IS_IDLE], true);
    int more = -1;
    if (shelve(pool, origin, key) == 0 &&
        (added = PyObject_CallMethodObjArgs(like(pool, origin), names[N_ADD].name, account, origin, NULL)) != NULL &&
        PyObject_SetAttr(get(origin, of_origin[WIRE]), names[N_WATCHER].name, origin) == 0 &&
        (armed = PyObject_CallMethodObjArgs(get(pool, of_pool[WHEEL]), names[N_ARM].name, origin, seconds, NULL)) != NULL)
        more = too_many(pool);
    Py_XDECREF(added);
    Py_XDECREF(armed);
    if (more < 0 || (more > 0 && tell(pool, names[N_GIVE_WAY], account) < 0))
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"take", take_one, METH_O, "A connection for that key; None where there is none."},
    {"keep", (PyCFunction)(void (*)(void))keep, METH_FASTCALL, "Keep a connection whose exchange is complete."},
    {NULL, NULL, 0, NULL},
};

PyObject *kept_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *pool, *origin;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &pool, &PyType_Type, &origin) || find_slots(pool, of_pool) < 0 ||
        find_slots(origin, of_origin) < 0 || make_names(names) < 0)
        return NULL;
    Py_XSETREF(no_seconds, PyLong_FromLong(0));
    Py_XSETREF(take_in_python, PyObject_GetAttrString((PyObject *)pool, "take"));
    Py_XSETREF(keep_in_python, PyObject_GetAttrString((PyObject *)pool, "keep"));
    origins = (PyTypeObject *)Py_NewRef(origin);
    return PyErr_Occurred() ? NULL : methods_of(pool, methods);
}
