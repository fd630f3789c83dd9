/* What passing/idle.py does as connections become idle, and are taken again. */

#include "native.h"

enum { OF, BY_RANK, HIGHEST, COUNT };
static Slot of_idle[] = {{"_of", 0}, {"_by_rank", 0}, {"_highest", 0}, {"count", 0}, {NULL, 0}};
enum { CONNECTIONS, RANK };
static Slot of_own[] = {{"connections", 0}, {"rank", 0}, {NULL, 0}};

static PyTypeObject *idles, *owns;
static PyObject *add_in_python, *remove_in_python, *n_move_to_end;

/* What is known of all accounts, and of this one: borrowed, and NULL where the account has none. */
typedef struct {
    PyObject *of, *by_rank, *own, *connections;
    long long highest, rank;
} Known;

/* Find it; false where Python has to see to it. */
static bool known(PyObject *idle, PyObject *account, Known *found)
{
    found->of = get(idle, of_idle[OF]);
    found->by_rank = get(idle, of_idle[BY_RANK]);
    if (!PyLong_CheckExact(account) || found->of == NULL || !PyDict_CheckExact(found->of) || found->by_rank == NULL ||
        !PyDict_CheckExact(found->by_rank) || !integer(get(idle, of_idle[HIGHEST]), &found->highest) ||
        !countable(idle, of_idle[COUNT]))
        return false;
    found->own = PyDict_GetItemWithError(found->of, account);
    if (found->own == NULL)
        return !PyErr_Occurred();
    if (!is(found->own, owns))
        return false;
    found->connections = get(found->own, of_own[CONNECTIONS]);
    return found->connections != NULL && PyODict_CheckExact(found->connections) &&
           integer(get(found->own, of_own[RANK]), &found->rank);
}

/* Begin what is known of an account that has none; false with an error, or where Python has to see to it. */
static bool begun(PyObject *account, Known *all)
{
    PyObject *own = PyObject_CallNoArgs((PyObject *)owns);
    PyObject *connections = is(own, owns) ? get(own, of_own[CONNECTIONS]) : NULL;
    const bool usual = connections != NULL && PyODict_CheckExact(connections) && PyODict_Size(connections) == 0 &&
                       integer(get(own, of_own[RANK]), &all->rank) && all->rank == 0;
    if (usual && PyDict_SetItem(all->of, account, own) == 0) {
        all->own = own; /* that the dictionary holds */
        all->connections = connections;
    }
    Py_XDECREF(own);
    return all->own != NULL;
}

/* The accounts of a rank, borrowed; NULL where there are none, or with an error. */
static PyObject *among(const Known *all, PyObject *rank)
{
    PyObject *found = PyDict_GetItemWithError(all->by_rank, rank);
    if (found != NULL && !PyODict_CheckExact(found)) {
        PyErr_SetString(PyExc_TypeError, "a rank has an OrderedDict");
        return NULL;
    }
    return found;
}

/* Take an account from among those of its rank, as `_leave`; -1 with an error. */
static int leave(PyObject *idle, const Known *all, PyObject *account)
{
    PyObject *rank = get(all->own, of_own[RANK]), *key, *value;
    if (all->rank == 0)
        return 0;
    PyObject *others = Py_XNewRef(among(all, rank));
    if (others == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, rank);
    int done = others == NULL ? -1 : PyODict_DelItem(others, account);
    if (done == 0 && PyODict_Size(others) == 0) {
        done = PyDict_DelItem(all->by_rank, rank);
        if (done == 0 && all->rank == all->highest) {
            long long highest = 0, each;
            Py_ssize_t place = 0;
            while (PyDict_Next(all->by_rank, &place, &key, &value))
                if (integer(key, &each) && each > highest)
                    highest = each;
            done = put_number(idle, of_idle[HIGHEST], highest);
        }
    }
    Py_XDECREF(others);
    return done;
}

/* Put an account among those that have as many, as `_join`; -1 with an error. */
static int join(PyObject *idle, const Known *all, PyObject *account)
{
    const long long size = (long long)PyODict_Size(all->connections);
    long long highest;
    PyObject *rank = PyLong_FromLongLong(size);
    PyObject *others = rank == NULL ? NULL : Py_XNewRef(among(all, rank));
    if (rank != NULL && others == NULL && !PyErr_Occurred()) {
        others = PyODict_New();
        if (others != NULL && PyDict_SetItem(all->by_rank, rank, others) < 0)
            Py_CLEAR(others);
    }
    int done = others == NULL ? -1 : PyODict_SetItem(others, account, Py_None);
    if (done == 0) {
        put(all->own, of_own[RANK], Py_NewRef(rank));
        if (integer(get(idle, of_idle[HIGHEST]), &highest) && size > highest)
            done = put_number(idle, of_idle[HIGHEST], size);
    }
    Py_XDECREF(rank);
    Py_XDECREF(others);
    return done;
}

/* Make an account the one of its rank that was active last; -1 with an error. */
static int last(const Known *all, PyObject *account)
{
    PyObject *rank = get(all->own, of_own[RANK]), *others = Py_XNewRef(among(all, rank));
    if (others == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, rank);
    PyObject *moved = others == NULL ? NULL : PyObject_CallMethodOneArg(others, n_move_to_end, account);
    Py_XDECREF(others);
    Py_XDECREF(moved);
    return moved == NULL ? -1 : 0;
}

static PyObject *add(PyObject *idle, PyObject *const *arguments, Py_ssize_t given)
{
    Known all;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "add() takes an account and a connection");
    PyObject *account = arguments[0];
    if (!is(idle, idles) || !known(idle, account, &all) || (all.own == NULL && !begun(account, &all)))
        return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(add_in_python, idle, account, arguments[1], NULL);
    Py_INCREF(all.own);
    int done = PyODict_SetItem(all.connections, arguments[1], Py_None);
    if (done == 0)
        done = count_in(idle, of_idle[COUNT], 1); /* from what it is now: to begin an account's is Python's */
    if (done == 0 && PyODict_Size(all.connections) > all.rank)
        done = leave(idle, &all, account) < 0 ? -1 : join(idle, &all, account);
    else if (done == 0)
        done = last(&all, account);
    Py_DECREF(all.own);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *remove_one(PyObject *idle, PyObject *const *arguments, Py_ssize_t given)
{
    Known all;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "remove() takes an account and a connection");
    PyObject *account = arguments[0];
    if (!is(idle, idles) || !known(idle, account, &all) || all.own == NULL)
        return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(remove_in_python, idle, account, arguments[1], NULL);
    Py_INCREF(all.own);
    int done = PyODict_DelItem(all.connections, arguments[1]);
    if (done == 0)
        done = count_in(idle, of_idle[COUNT], -1);
    if (done == 0 && PyODict_Size(all.connections) == 0)
        done = PyDict_DelItem(all.of, account) < 0 ? -1 : leave(idle, &all, account);
    Py_DECREF(all.own);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, "A connection that is idle now."},
    {"remove", (PyCFunction)(void (*)(void))remove_one, METH_FASTCALL, "A connection that no longer is."},
    {NULL, NULL, 0, NULL},
};

PyObject *idle_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *idle, *own;
    if (!PyArg_ParseTuple(classes, "O!O!", &PyType_Type, &idle, &PyType_Type, &own) || find_slots(idle, of_idle) < 0 ||
        find_slots(own, of_own) < 0)
        return NULL;
    n_move_to_end = PyUnicode_InternFromString("move_to_end");
    Py_XSETREF(add_in_python, PyObject_GetAttrString((PyObject *)idle, "add"));
    Py_XSETREF(remove_in_python, PyObject_GetAttrString((PyObject *)idle, "remove"));
    idles = (PyTypeObject *)Py_NewRef(idle);
    owns = (PyTypeObject *)Py_NewRef(own);
    return PyErr_Occurred() ? NULL : methods_of(idle, methods, NULL);
}
