/* To make an object that is as another one in all slots but a few, for classes with a method that does no more. */

#include "native.h"

enum { KINDS = 8, WIDEST = 20 };

/* How an object of one class is made of another one. */
typedef struct {
    PyTypeObject *type;
    Py_ssize_t anew, all;
    Slot slots[WIDEST];  /* those that are given, then those that stay */
    PyObject *in_python; /* the method, for subclasses and wrong numbers of arguments */
    PyMethodDef method[2];
} Likeness;

static Likeness known[KINDS];

static Likeness *likeness_of(PyTypeObject *type)
{
    for (Likeness *kind = known; kind < known + KINDS; kind++)
        if (kind->type == type)
            return kind;
    return NULL;
}

static PyObject *like(const Likeness *kind, PyObject *object, PyObject *const *arguments)
{
    PyObject *made = kind->type->tp_alloc(kind->type, 0);
    for (Py_ssize_t i = 0; made != NULL && i < kind->all; i++)
        put(made, kind->slots[i], Py_XNewRef(i < kind->anew ? arguments[i] : get(object, kind->slots[i])));
    return made;
}

static PyObject *like_or_python(PyObject *object, PyObject *const *arguments, Py_ssize_t given)
{
    const Likeness *kind = likeness_of(Py_TYPE(object));
    if (kind != NULL && given == kind->anew)
        return like(kind, object, arguments);
    for (PyTypeObject *base = Py_TYPE(object); base != NULL && kind == NULL; base = base->tp_base)
        kind = likeness_of(base);
    return kind == NULL ? PyErr_Format(PyExc_TypeError, "no such method") : left_to(kind->in_python, object, arguments, given, NULL);
}

PyObject *likeness(PyObject *Py_UNUSED(module), PyObject *given)
{
    PyTypeObject *type;
    PyObject *names;
    Py_ssize_t anew;
    const char *name;
    Slot slots[WIDEST + 1] = {{NULL, 0}};
    if (!PyArg_ParseTuple(given, "O!O!ns", &PyType_Type, &type, &PyTuple_Type, &names, &anew, &name))
        return NULL;
    Likeness *kind = likeness_of(type) != NULL ? likeness_of(type) : likeness_of(NULL);
    const Py_ssize_t all = PyTuple_GET_SIZE(names);
    if (kind == NULL || all > WIDEST || anew < 0 || anew > all)
        return PyErr_Format(PyExc_ValueError, "%s: a class or a slot too many", type->tp_name);
    for (Py_ssize_t i = 0; i < all; i++)
        if ((slots[i].name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, i))) == NULL)
            return NULL;
    PyObject *in_python = find_slots(type, slots) < 0 ? NULL : PyObject_GetAttrString((PyObject *)type, name);
    if (in_python == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < all; i++)
        kind->slots[i] = slots[i];
    Py_XSETREF(kind->in_python, in_python);
    if (kind->type == NULL)
        kind->type = (PyTypeObject *)Py_NewRef(type);
    kind->anew = anew;
    kind->all = all;
    kind->method[0] = (PyMethodDef){name, (PyCFunction)(void (*)(void))like_or_python, METH_FASTCALL, NULL};
    PyObject *named = PyTuple_GET_ITEM(given, 3); /* whose characters the method's name is */
    Py_INCREF(named);
    return methods_of(type, kind->method, NULL);
}
