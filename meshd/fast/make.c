/* To make an object of a class whose __init__ only notes what it is given, and else sets constants; and a named tuple.
   It takes the place of the call of the class, and leaves to Python whatever is not as usual: other numbers of
   arguments, arguments by name, and subclasses, which have calls of their own. */

#include "native.h"

enum { MOST = 40, WIDEST = 32 };

/* How an object of one class is made. */
typedef struct {
    PyTypeObject *type;
    Py_ssize_t taken, constants;
    Slot slots[WIDEST];     /* of an object: those for what is taken, then those for constants */
    PyObject *rest[WIDEST]; /* the constants; of a tuple the defaults of its last fields */
} Recipe;

static Recipe recipes[MOST];

static const Recipe *recipe_of(PyTypeObject *type)
{
    for (int i = 0; i < MOST && recipes[i].type != NULL; i++)
        if (recipes[i].type == type)
            return &recipes[i];
    return NULL;
}

/* As if nothing had taken the place of the call. */
static PyObject *call_python(PyObject *type, PyObject *const *arguments, Py_ssize_t given, PyObject *names)
{
    PyObject *made = NULL, *named = NULL, *tuple = PyTuple_New(given);
    if (tuple == NULL || (names != NULL && (named = PyDict_New()) == NULL)) {
        Py_XDECREF(tuple);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < given; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(arguments[i]));
    int done = 0;
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names) && done == 0; i++)
        done = PyDict_SetItem(named, PyTuple_GET_ITEM(names, i), arguments[given + i]);
    if (done == 0)
        made = PyType_Type.tp_call(type, tuple, named);
    Py_DECREF(tuple);
    Py_XDECREF(named);
    return made;
}

static PyObject *make(PyObject *type, PyObject *const *arguments, size_t how, PyObject *names)
{
    const Py_ssize_t given = PyVectorcall_NARGS(how);
    const Recipe *recipe = recipe_of((PyTypeObject *)type);
    if (recipe == NULL || given != recipe->taken || names != NULL)
        return call_python(type, arguments, given, names);
    PyObject *made = recipe->type->tp_alloc(recipe->type, 0);
    for (Py_ssize_t i = 0; made != NULL && i < given; i++)
        put(made, recipe->slots[i], Py_NewRef(arguments[i]));
    for (Py_ssize_t i = 0; made != NULL && i < recipe->constants; i++)
        put(made, recipe->slots[given + i], Py_NewRef(recipe->rest[i]));
    return made;
}

static PyObject *make_tuple(PyObject *type, PyObject *const *arguments, size_t how, PyObject *names)
{
    const Py_ssize_t given = PyVectorcall_NARGS(how);
    const Recipe *recipe = recipe_of((PyTypeObject *)type);
    if (recipe == NULL || given > recipe->taken || given < recipe->taken - recipe->constants || names != NULL)
        return call_python(type, arguments, given, names);
    PyObject *made = recipe->type->tp_alloc(recipe->type, recipe->taken);
    for (Py_ssize_t i = 0; made != NULL && i < recipe->taken; i++) {
        PyObject *field = i < given ? arguments[i] : recipe->rest[recipe->constants - (recipe->taken - i)];
        PyTuple_SET_ITEM(made, i, Py_NewRef(field));
    }
    return made;
}

/* Note a recipe, and let it take the place of the call of its class; NULL with an error. */
static PyObject *noted(const Recipe *recipe, PyObject *constants, vectorcallfunc call)
{
    if (recipe_of(recipe->type) != NULL || recipes[MOST - 1].type != NULL)
        return PyErr_Format(PyExc_ValueError, "%s: a recipe too many", recipe->type->tp_name);
    Recipe *place = recipes;
    while (place->type != NULL)
        place++;
    *place = *recipe;
    for (Py_ssize_t i = 0; i < recipe->constants; i++)
        place->rest[i] = Py_NewRef(PyTuple_GET_ITEM(constants, i));
    Py_INCREF(place->type);
    place->type->tp_vectorcall = call;
    Py_RETURN_NONE;
}

PyObject *make_so(PyObject *Py_UNUSED(module), PyObject *given)
{
    Recipe recipe = {NULL, 0, 0, {{NULL, 0}}, {NULL}};
    PyObject *names, *constants;
    Slot found[2] = {{NULL, 0}, {NULL, 0}};
    if (!PyArg_ParseTuple(given, "O!O!O!", &PyType_Type, &recipe.type, &PyTuple_Type, &names, &PyTuple_Type, &constants))
        return NULL;
    recipe.constants = PyTuple_GET_SIZE(constants);
    recipe.taken = PyTuple_GET_SIZE(names) - recipe.constants;
    if (recipe.taken < 0 || PyTuple_GET_SIZE(names) > WIDEST)
        return PyErr_Format(PyExc_ValueError, "%s: too many constants, or slots", recipe.type->tp_name);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        found->name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, i));
        if (found->name == NULL || find_slots(recipe.type, found) < 0)
            return NULL;
        recipe.slots[i] = *found;
    }
    return noted(&recipe, constants, make);
}

PyObject *make_tuple_so(PyObject *Py_UNUSED(module), PyObject *given)
{
    Recipe recipe = {NULL, 0, 0, {{NULL, 0}}, {NULL}};
    PyObject *defaults;
    if (!PyArg_ParseTuple(given, "O!nO!", &PyType_Type, &recipe.type, &recipe.taken, &PyTuple_Type, &defaults))
        return NULL;
    recipe.constants = PyTuple_GET_SIZE(defaults);
    if (!PyType_IsSubtype(recipe.type, &PyTuple_Type) || recipe.taken > WIDEST || recipe.constants > recipe.taken)
        return PyErr_Format(PyExc_TypeError, "%s: no tuple, or one that is too wide", recipe.type->tp_name);
    return noted(&recipe, defaults, make_tuple);
}

PyObject *unmake(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    for (Recipe *recipe = recipes; recipe < recipes + MOST && recipe->type != NULL; recipe++) {
        recipe->type->tp_vectorcall = NULL;
        for (Py_ssize_t i = 0; i < recipe->constants; i++)
            Py_CLEAR(recipe->rest[i]);
        Py_CLEAR(recipe->type);
    }
    Py_RETURN_NONE;
}
