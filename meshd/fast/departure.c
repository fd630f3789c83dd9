/* What exits/departure.py does where nothing is asked of the choice: any exit of a proxy will do, at random.  And how one is
   made for a request, as `_departure` of proxy/connection.py. */

#include "attributes.h"

enum { PLANE, PROXY, SELECTION, UNFIT, OUTLET, TRIAL, CHOICE };
static Slot of_departure[] = {{"_plane", 0},  {"_proxy", 0}, {"selection", 0}, {"_unfit", 0},
                              {"_outlet", 0}, {"_trial", 0}, {"choice", 0},    {NULL, 0}};
enum { OPEN, EXIT, SOURCE, DRAINED, RESTING, TRYING, FAILURES };
static Slot of_outlet[] = {{"open", 0},    {"exit", 0},   {"source", 0},   {"drained", 0},
                           {"resting", 0}, {"trying", 0}, {"failures", 0}, {NULL, 0}};
enum { OF_PLANE, OF_PROXY };
static Slot of_connection[] = {{"_plane", 0}, {"proxy", 0}, {NULL, 0}};
static Slot of_said[] = {{"_wishes", 0}, {NULL, 0}};
enum { N_POOLS, N_OF_PROXY, N_VIEWS, N_SIMPLE, N_OUTLETS, N_CHANCE, N_RANDOM, N_PREFIX, N_NAME, N_SAID, N_WISHES,
       N_SELECTION, N_OVER, N_TARGET };
static Name names[] = {{"pools", NULL},  {"_pools", NULL}, {"_views", NULL}, {"_simple", NULL},   {"outlets", NULL},
                       {"chance", NULL}, {"random", NULL}, {"prefix", NULL}, {"name", NULL},      {"said", NULL},
                       {"wishes", NULL}, {"selection", NULL}, {"over", NULL}, {"target", NULL},   {NULL, NULL}};

static PyTypeObject *outlets, *choices, *all_pools, *pools, *departures, *saids;
static PyObject *choose_in_python, *end_in_python, *succeeded_in_python, *none_asked, *empty;

/* What a dictionary of what is given has under a key, or None; the owner is let go. */
static PyObject *looked_up(PyObject *owner, PyTypeObject *type, Name name, PyObject *key)
{
    const bool usual = is(owner, type);
    PyObject *all = usual ? PyObject_GetAttr(owner, name.name) : NULL, *found = NULL;
    if (all != NULL && PyDict_CheckExact(all))
        found = Py_XNewRef(PyDict_GetItemWithError(all, key));
    Py_XDECREF(all);
    Py_XDECREF(owner);
    return found != NULL || PyErr_Occurred() ? found : Py_NewRef(Py_None);
}

/* All exits of the proxy, if any of them may be drawn like any other; None where not, NULL with an error. */
static PyObject *exits_of(PyObject *plane, PyObject *proxy)
{
    PyObject *pool = looked_up(PyObject_GetAttr(plane, names[N_POOLS].name), all_pools, names[N_OF_PROXY], proxy);
    if (pool == NULL || pool == Py_None)
        return pool;
    PyObject *view = looked_up(pool, pools, names[N_VIEWS], empty);
    if (view == NULL || view == Py_None)
        return view;
    const int simple = is_true(view, names[N_SIMPLE]);
    PyObject *exits = simple < 0 ? NULL : simple == 0 ? Py_NewRef(Py_None) : PyObject_GetAttr(view, names[N_OUTLETS].name);
    Py_DECREF(view);
    return exits;
}

/* One of them at random; NULL with an error, or where there is none. */
static PyObject *drawn(PyObject *plane, PyObject *exits)
{
    PyObject *chance = PyObject_GetAttr(plane, names[N_CHANCE].name);
    PyObject *random = chance == NULL ? NULL : PyObject_CallMethodNoArgs(chance, names[N_RANDOM].name);
    const Py_ssize_t size = random == NULL ? -1 : PyObject_Size(exits);
    const double number = random == NULL ? -1 : PyFloat_AsDouble(random);
    Py_XDECREF(chance);
    Py_XDECREF(random);
    if (size < 0 || (number == -1 && PyErr_Occurred()))
        return NULL;
    return PySequence_GetItem(exits, (Py_ssize_t)(number * (double)size));
}

/* Whether an exchange may leave by this one without more ado; -1 with an error. */
static int will_do(PyObject *outlet)
{
    if (!is(outlet, outlets) || get(outlet, of_outlet[DRAINED]) != Py_False || get(outlet, of_outlet[RESTING]) != Py_False ||
        get(outlet, of_outlet[SOURCE]) == NULL || get(outlet, of_outlet[EXIT]) == NULL ||
        !countable(outlet, of_outlet[OPEN]))
        return 0;
    PyObject *prefix = PyObject_GetAttr(get(outlet, of_outlet[EXIT]), names[N_PREFIX].name);
    Py_XDECREF(prefix);
    return prefix == NULL ? -1 : prefix == Py_None;
}

/* Leave by this one; -1 with an error. */
static int leave_by(PyObject *departure, PyObject *outlet)
{
    PyObject *choice = choices->tp_alloc(choices, 5);
    if (choice == NULL)
        return -1;
    PyObject *fields[5] = {Py_NewRef(outlet), Py_NewRef(get(outlet, of_outlet[SOURCE])), Py_NewRef(empty), Py_NewRef(Py_False),
                           Py_NewRef(Py_False)};
    for (int i = 0; i < 5; i++)
        PyTuple_SET_ITEM(choice, i, fields[i]);
    put(departure, of_departure[CHOICE], choice);
    if (count_in(outlet, of_outlet[OPEN], 1) < 0)
        return -1;
    put(departure, of_departure[OUTLET], Py_NewRef(outlet));
    put_bool(departure, of_departure[TRIAL], false);
    return 0;
}

static PyObject *choose(PyObject *departure, PyObject *Py_UNUSED(nothing))
{
    PyObject *plane = get(departure, of_departure[PLANE]), *proxy = get(departure, of_departure[PROXY]), *outlet = NULL;
    int done = 0;
    if (plane != NULL && proxy != NULL && get(departure, of_departure[SELECTION]) == none_asked &&
        get(departure, of_departure[UNFIT]) == Py_None && get(departure, of_departure[OUTLET]) == Py_None) {
        PyObject *exits = exits_of(plane, proxy);
        if (exits != NULL && exits != Py_None)
            outlet = drawn(plane, exits);
        done = exits == NULL || (exits != Py_None && outlet == NULL) ? -1 : outlet == NULL ? 0 : will_do(outlet);
        Py_XDECREF(exits);
    }
    if (done > 0)
        done = leave_by(departure, outlet) < 0 ? -1 : 1;
    Py_XDECREF(outlet);
    if (done == 0) /* where that one will not do, another one is drawn */
        return PyObject_CallOneArg(choose_in_python, departure);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *end(PyObject *departure, PyObject *Py_UNUSED(nothing))
{
    PyObject *outlet = get(departure, of_departure[OUTLET]);
    if (outlet == Py_None)
        return Py_NewRef(empty);
    if (!is(outlet, outlets) || get(outlet, of_outlet[EXIT]) == NULL || get(departure, of_departure[TRIAL]) == NULL ||
        !countable(outlet, of_outlet[OPEN]))
        return PyObject_CallOneArg(end_in_python, departure);
    Py_INCREF(outlet);
    int done = count_in(outlet, of_outlet[OPEN], -1);
    if (done == 0) {
        if (PyObject_IsTrue(get(departure, of_departure[TRIAL])) == 1)
            put_bool(outlet, of_outlet[TRYING], false);
        put(departure, of_departure[OUTLET], Py_NewRef(Py_None));
    }
    PyObject *name = done < 0 ? NULL : PyObject_GetAttr(get(outlet, of_outlet[EXIT]), names[N_NAME].name);
    Py_DECREF(outlet);
    return name;
}

static PyObject *succeeded(PyObject *departure, PyObject *Py_UNUSED(nothing))
{
    long long failures;
    PyObject *choice = get(departure, of_departure[CHOICE]);
    PyObject *outlet = is(choice, choices) && PyTuple_GET_SIZE(choice) > 0 ? PyTuple_GET_ITEM(choice, 0) : NULL;
    if (!is(outlet, outlets) || get(outlet, of_outlet[RESTING]) != Py_False ||
        !integer(get(outlet, of_outlet[FAILURES]), &failures) || failures != 0)
        return PyObject_CallOneArg(succeeded_in_python, departure);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"choose", choose, METH_NOARGS, "Choose an exit and count this exchange on its outlet."},
    {"end", end, METH_NOARGS, "Stop counting this exchange on its outlet."},
    {"succeeded", succeeded, METH_NOARGS, "Note on the outlet that the exit works."},
    {NULL, NULL, 0, NULL},
};

PyObject *departure_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *departure, *outlet, *choice, *those, *pool;
    PyObject *no_selection;
    if (!PyArg_ParseTuple(classes, "O!O!O!O!O!O", &PyType_Type, &departure, &PyType_Type, &outlet, &PyType_Type, &choice,
                          &PyType_Type, &those, &PyType_Type, &pool, &no_selection) ||
        find_slots(departure, of_departure) < 0 || find_slots(outlet, of_outlet) < 0 ||
        find_fields(choice, choice_fields) < 0 || make_names(names) < 0)
        return NULL;
    Py_XSETREF(empty, PyUnicode_FromString(""));
    Py_XSETREF(none_asked, Py_NewRef(no_selection));
    Py_XSETREF(choose_in_python, PyObject_GetAttrString((PyObject *)departure, "choose"));
    Py_XSETREF(end_in_python, PyObject_GetAttrString((PyObject *)departure, "end"));
    Py_XSETREF(succeeded_in_python, PyObject_GetAttrString((PyObject *)departure, "succeeded"));
    all_pools = (PyTypeObject *)Py_NewRef(those);
    pools = (PyTypeObject *)Py_NewRef(pool);
    outlets = (PyTypeObject *)Py_NewRef(outlet);
    choices = (PyTypeObject *)Py_NewRef(choice);
    return PyErr_Occurred() ? NULL : methods_of(departure, methods, NULL);
}

/* What the request's fields wish for, and the seconds that they allow: a pair; NULL with an error. */
static PyObject *wishes_of(PyObject *request)
{
    PyObject *said = PyObject_GetAttr(request, names[N_SAID].name);
    PyObject *wishes = is(said, saids) ? get(said, of_said[0]) : NULL;
    if (wishes != NULL && wishes != Py_None)
        Py_INCREF(wishes);
    else
        wishes = said == NULL ? NULL : PyObject_CallMethodNoArgs(said, names[N_WISHES].name);
    Py_XDECREF(said);
    if (wishes != NULL && (!PyTuple_CheckExact(wishes) || PyTuple_GET_SIZE(wishes) != 2)) {
        PyErr_SetString(PyExc_ValueError, "wishes are a selection and seconds");
        Py_CLEAR(wishes);
    }
    return wishes;
}

static PyObject *departure_for(PyObject *connection, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *plane = get(connection, of_connection[OF_PLANE]), *proxy = get(connection, of_connection[OF_PROXY]);
    if (given != 2 || plane == NULL || proxy == NULL)
        return PyErr_Format(PyExc_TypeError, "_departure() takes a request and an admission");
    PyObject *wishes = wishes_of(arguments[0]), *lower = NULL, *selection = NULL, *id = NULL, *target = NULL, *made = NULL;
    if (wishes != NULL && (lower = PyObject_GetAttr(arguments[1], names[N_SELECTION].name)) != NULL)
        selection = PyTuple_GET_ITEM(wishes, 0) == lower
                        ? Py_NewRef(lower)
                        : PyObject_CallMethodOneArg(PyTuple_GET_ITEM(wishes, 0), names[N_OVER].name, lower);
    if (selection != NULL && (id = account_id_of(arguments[1])) != NULL &&
        (target = PyObject_GetAttr(arguments[0], names[N_TARGET].name)) != NULL) {
        PyObject *all[6] = {plane, proxy, selection, id, PyTuple_GET_ITEM(wishes, 1), target};
        made = PyObject_Vectorcall((PyObject *)departures, all, 6, NULL);
    }
    Py_XDECREF(wishes);
    Py_XDECREF(lower);
    Py_XDECREF(selection);
    Py_XDECREF(id);
    Py_XDECREF(target);
    return made;
}

static PyMethodDef of_departing[] = {
    {"_departure", (PyCFunction)(void (*)(void))departure_for, METH_FASTCALL, "The way out for a request."},
    {NULL, NULL, 0, NULL},
};

PyObject *departing_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *connection, *said, *departure;
    if (!PyArg_ParseTuple(classes, "O!O!O!", &PyType_Type, &connection, &PyType_Type, &said, &PyType_Type, &departure) ||
        find_slots(connection, of_connection) < 0 || find_slots(said, of_said) < 0 || make_names(names) < 0)
        return NULL;
    departures = (PyTypeObject *)Py_NewRef(departure);
    saids = (PyTypeObject *)Py_NewRef(said);
    return methods_of(connection, of_departing, NULL);
}
