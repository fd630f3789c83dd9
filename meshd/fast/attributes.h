/* Attributes of objects of any class, for what is done once or twice an exchange. */

#ifndef MESHD_ATTRIBUTES_H
#define MESHD_ATTRIBUTES_H

#include "native.h"

/* A name that attributes are looked up by, made at a start. */
typedef struct {
    const char *text;
    PyObject *name;
} Name;

/* Make all names up to one without a text; -1 with an error. */
static inline int make_names(Name *names)
{
    for (; names->text != NULL; names++)
        if (names->name == NULL && (names->name = PyUnicode_InternFromString(names->text)) == NULL)
            return -1;
    return 0;
}

/* What is found by one attribute after another, up to so many; NULL with an error. */
static inline PyObject *along(PyObject *from, const Name *names, const int *path, int steps)
{
    PyObject *found = Py_NewRef(from);
    for (int i = 0; i < steps && found != NULL; i++)
        Py_SETREF(found, PyObject_GetAttr(found, names[path[i]].name));
    return found;
}

/* The id of the account that an admission is for; NULL with an error. */
static inline PyObject *account_id_of(PyObject *admission)
{
    static const int path[] = {0, 1, 2};
    static Name names_to_id[] = {{"identity", NULL}, {"account", NULL}, {"id", NULL}, {NULL, NULL}};
    return make_names(names_to_id) < 0 ? NULL : along(admission, names_to_id, path, 3);
}

/* Whether an attribute is true; 1, 0, or -1 with an error. */
static inline int is_true(PyObject *object, Name name)
{
    PyObject *found = PyObject_GetAttr(object, name.name);
    const int truth = found == NULL ? -1 : PyObject_IsTrue(found);
    Py_XDECREF(found);
    return truth;
}

/* Call a method with one argument or none (NULL), for what it does; -1 with an error. */
static inline int tell(PyObject *object, Name name, PyObject *argument)
{
    PyObject *done = argument == NULL ? PyObject_CallMethodNoArgs(object, name.name)
                                      : PyObject_CallMethodOneArg(object, name.name, argument);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Take an attribute into a slot; -1 with an error. */
static inline int take(PyObject *object, Slot slot, PyObject *from, Name name)
{
    PyObject *found = PyObject_GetAttr(from, name.name);
    if (found == NULL)
        return -1;
    put(object, slot, found);
    return 0;
}

#endif
