/* What http1/fields.py and http1/keep.py do for each head: values by name, and the fields that are passed on.  Nothing is
   read here but what a head's grammar has let through; other pairs than of bytes are Python's. */

#include "native.h"

enum { PAIRS, INDEX };
static Slot of_fields[] = {{"pairs", 0}, {"_index", 0}, {NULL, 0}};
enum { ALL, GET, CONTAINS, INDEXED, METHODS };

static PyTypeObject *fields_;
static PyObject *in_python[METHODS], *passed_in_python;

/* The pairs of an object, borrowed; NULL where it is none of these. */
static PyObject *pairs_of(PyObject *fields)
{
    PyObject *pairs = is(fields, fields_) ? get(fields, of_fields[PAIRS]) : NULL;
    return pairs != NULL && PyList_CheckExact(pairs) ? pairs : NULL;
}

/* The name of a pair of bytes, borrowed; NULL where it is none. */
static PyObject *name_of(PyObject *pair)
{
    if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyBytes_CheckExact(PyTuple_GET_ITEM(pair, 0)) ||
        !PyBytes_CheckExact(PyTuple_GET_ITEM(pair, 1)))
        return NULL;
    return PyTuple_GET_ITEM(pair, 0);
}

/* The object is made empty and filled then: one that is made of a single byte is the interpreter's, which all share. */
PyObject *lower(const char *text, Py_ssize_t size)
{
    PyObject *low = PyBytes_FromStringAndSize(NULL, size);
    for (Py_ssize_t i = 0; low != NULL && i < size; i++)
        PyBytes_AS_STRING(low)[i] = (char)Py_TOLOWER(Py_CHARMASK(text[i]));
    return low;
}

static PyObject *lower_of(PyObject *name) { return lower(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)); }

/* The first value of each name, in a new dictionary; NULL where Python has to see to it, or with an error. */
static PyObject *index_of(PyObject *pairs)
{
    PyObject *index = PyDict_New();
    for (Py_ssize_t i = 0; index != NULL && i < PyList_GET_SIZE(pairs); i++) {
        PyObject *pair = PyList_GET_ITEM(pairs, i), *name = name_of(pair), *low = name == NULL ? NULL : lower_of(name);
        if (low == NULL || PyDict_SetDefault(index, low, PyTuple_GET_ITEM(pair, 1)) == NULL)
            Py_CLEAR(index);
        Py_XDECREF(low);
    }
    return index;
}

static PyObject *indexed(PyObject *fields, PyObject *Py_UNUSED(nothing))
{
    PyObject *pairs = pairs_of(fields), *index = pairs == NULL ? NULL : index_of(pairs);
    if (index == NULL)
        return PyErr_Occurred() ? NULL : PyObject_CallOneArg(in_python[INDEXED], fields);
    put(fields, of_fields[INDEX], Py_NewRef(index));
    return index;
}

/* The index, a new reference, made anew where it is empty, as Python does; NULL where Python has to see to it, or with an
   error. */
static PyObject *known(PyObject *fields)
{
    PyObject *index = pairs_of(fields) == NULL ? NULL : get(fields, of_fields[INDEX]);
    if (index == Py_None || (index != NULL && PyDict_CheckExact(index) && PyDict_GET_SIZE(index) == 0)) {
        index = indexed(fields, NULL);
        if (index != NULL && !PyDict_CheckExact(index))
            Py_CLEAR(index);
        return index;
    }
    return index != NULL && PyDict_CheckExact(index) ? Py_NewRef(index) : NULL;
}

/* The first value of a name, borrowed; NULL where there is none, where Python has to see to it, or with an error. */
static PyObject *first(PyObject *fields, PyObject *name, bool *usual)
{
    PyObject *index = PyBytes_CheckExact(name) ? known(fields) : NULL, *value = NULL;
    *usual = index != NULL;
    if (index != NULL)
        value = PyDict_GetItemWithError(index, name);
    Py_XDECREF(index); /* the object has it still */
    if (value == NULL || PyBytes_CheckExact(value))
        return value;
    *usual = false;
    return NULL;
}

static PyObject *find(PyObject *fields, PyObject *name, int method)
{
    bool usual;
    PyObject *value = Py_XNewRef(first(fields, name, &usual));
    if (value == NULL && PyErr_Occurred())
        return NULL;
    if (usual && method == CONTAINS) {
        Py_XDECREF(value);
        return PyBool_FromLong(value != NULL);
    }
    if (usual && method == GET)
        return value != NULL ? value : Py_NewRef(Py_None);
    if (usual && (value == NULL || PyDict_GET_SIZE(get(fields, of_fields[INDEX])) == PyList_GET_SIZE(pairs_of(fields)))) {
        PyObject *all = PyList_New(value != NULL);
        if (all != NULL && value != NULL)
            PyList_SET_ITEM(all, 0, value);
        else
            Py_XDECREF(value);
        return all;
    }
    Py_XDECREF(value);
    return PyObject_CallFunctionObjArgs(in_python[method], fields, name, NULL);
}

static PyObject *all(PyObject *fields, PyObject *name) { return find(fields, name, ALL); }

static PyObject *get_first(PyObject *fields, PyObject *name) { return find(fields, name, GET); }

static PyObject *contains(PyObject *fields, PyObject *name) { return find(fields, name, CONTAINS); }

/* What becomes of a pair: a new reference, to None where it goes no further; NULL where Python has to see to all of them,
   or with an error. */
static PyObject *passed_on(PyObject *pair, PyObject *gone, PyObject *prefixes, PyObject *own, PyObject *value)
{
    PyObject *name = name_of(pair), *low = name == NULL ? NULL : lower_of(name), *passed = NULL;
    if (low == NULL)
        return NULL;
    const Py_ssize_t size = PyBytes_GET_SIZE(low);
    int drops = PyBytes_GET_SIZE(own) == size && memcmp(PyBytes_AS_STRING(own), PyBytes_AS_STRING(low), (size_t)size) == 0;
    if (drops)
        passed = PyTuple_Pack(2, name, value);
    else
        drops = PySet_Contains(gone, low);
    for (Py_ssize_t i = 0; drops == 0 && i < PyTuple_GET_SIZE(prefixes); i++) {
        PyObject *prefix = PyTuple_GET_ITEM(prefixes, i);
        if (!PyBytes_CheckExact(prefix))
            drops = -1;
        else
            drops = PyBytes_GET_SIZE(prefix) <= size &&
                    memcmp(PyBytes_AS_STRING(prefix), PyBytes_AS_STRING(low), (size_t)PyBytes_GET_SIZE(prefix)) == 0;
    }
    Py_DECREF(low);
    return passed != NULL || drops < 0 ? passed : Py_NewRef(drops ? Py_None : pair);
}

static PyObject *passed(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t given)
{
    if (given != 5)
        return PyErr_Format(PyExc_TypeError, "_passed() takes fields, names, prefixes, a name and a value");
    PyObject *pairs = pairs_of(arguments[0]), *gone = arguments[1], *prefixes = arguments[2], *own = arguments[3];
    bool usual = pairs != NULL && PyFrozenSet_CheckExact(gone) && PyTuple_CheckExact(prefixes) && PyBytes_CheckExact(own);
    PyObject *those = usual ? PyList_New(0) : NULL;
    for (Py_ssize_t i = 0; those != NULL && i < PyList_GET_SIZE(pairs); i++) {
        PyObject *each = passed_on(PyList_GET_ITEM(pairs, i), gone, prefixes, own, arguments[4]);
        if (each == NULL || (each != Py_None && PyList_Append(those, each) < 0))
            Py_CLEAR(those);
        Py_XDECREF(each);
    }
    return those != NULL || PyErr_Occurred() ? those : PyObject_Vectorcall(passed_in_python, arguments, 5, NULL);
}

static PyMethodDef methods[] = {
    {"all", all, METH_O, "Every value of that name, in order."},
    {"get", get_first, METH_O, "The first value of that name."},
    {"__contains__", contains, METH_O, "Whether there is one of that name."},
    {"_indexed", indexed, METH_NOARGS, "The first value of each name."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef passing = {"_passed", (PyCFunction)(void (*)(void))passed, METH_FASTCALL, "The fields that are passed on."};

PyObject *fields_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *fields;
    if (!PyArg_ParseTuple(classes, "O!", &PyType_Type, &fields) || find_slots(fields, of_fields) < 0)
        return NULL;
    fields_ = (PyTypeObject *)Py_NewRef(fields);
    return PyErr_Occurred() ? NULL : methods_of(fields, methods, in_python);
}

PyObject *passing_functions(PyObject *Py_UNUSED(module), PyObject *python)
{
    PyObject *function = PyCFunction_New(&passing, NULL), *functions = function == NULL ? NULL : PyDict_New();
    if (functions != NULL && PyDict_SetItemString(functions, passing.ml_name, function) < 0)
        Py_CLEAR(functions);
    Py_XDECREF(function);
    Py_XSETREF(passed_in_python, Py_NewRef(python));
    return functions;
}
