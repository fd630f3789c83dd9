/* What sockets/task.py does each time that a coroutine goes on and waits again, and an awaitable that reads a wire. */

#include "native.h"

enum { COROUTINE, PLACE, DIRECTION, RUNNING };
static Slot of_task[] = {{"_coroutine", 0}, {"_place", 0}, {"_direction", 0}, {"running", 0}, {NULL, 0}};

static PyTypeObject *tasks;
static PyObject *n_reader, *n_writer, *n_finish, *n_await, *n_resume;

static PyObject *finish(PyObject *task, PyObject *error)
{
    return PyObject_CallMethodOneArg(task, n_finish, error);
}

/* Tell the owner how the coroutine has failed. */
static PyObject *failed(PyObject *task)
{
    return in_except(task, n_finish);
}

/* Let the task wait where its coroutine says: a place and a direction, or a Deferred. */
static PyObject *park(PyObject *task, PyObject *waits_for)
{
    if (!PyTuple_CheckExact(waits_for))
        return PyObject_CallMethodOneArg(task, n_await, waits_for);
    if (PyTuple_GET_SIZE(waits_for) != 2)
        return PyErr_Format(PyExc_ValueError, "a place and a direction are two");
    PyObject *place = PyTuple_GET_ITEM(waits_for, 0), *direction = PyTuple_GET_ITEM(waits_for, 1);
    long long way;
    if (!integer(direction, &way))
        return PyErr_Format(PyExc_TypeError, "a direction is a number");
    put(task, of_task[PLACE], Py_NewRef(place));
    put(task, of_task[DIRECTION], Py_NewRef(direction));
    return PyObject_SetAttr(place, way == 0 ? n_reader : n_writer, task) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *go_on(PyObject *task, PyObject *Py_UNUSED(nothing))
{
    PyObject *coroutine = Py_XNewRef(get(task, of_task[COROUTINE])), *waits_for = NULL, *done = NULL;
    if (coroutine == NULL)
        return PyErr_Format(PyExc_AttributeError, "_coroutine");
    put(task, of_task[PLACE], Py_NewRef(Py_None));
    put_bool(task, of_task[RUNNING], true);
    switch (PyIter_Send(coroutine, Py_None, &waits_for)) {
    case PYGEN_NEXT:
        put_bool(task, of_task[RUNNING], false);
        done = park(task, waits_for);
        break;
    case PYGEN_RETURN:
        done = finish(task, Py_None);
        break;
    case PYGEN_ERROR:
        done = failed(task);
    }
    Py_XDECREF(waits_for);
    Py_DECREF(coroutine);
    return done;
}

int resume(PyObject *task)
{
    Py_INCREF(task);
    PyObject *done = is(task, tasks) ? go_on(task, NULL) : PyObject_CallMethodNoArgs(task, n_resume);
    Py_DECREF(task);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static PyMethodDef methods[] = {
    {"resume", go_on, METH_NOARGS, "Go on from where the coroutine waits."},
    {NULL, NULL, 0, NULL},
};

PyObject *task_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *task;
    tasks = NULL;
    n_resume = PyUnicode_InternFromString("resume");
    n_reader = PyUnicode_InternFromString("reader");
    n_writer = PyUnicode_InternFromString("writer");
    n_finish = PyUnicode_InternFromString("_finish");
    n_await = PyUnicode_InternFromString("_await");
    if (!PyArg_ParseTuple(classes, "O!", &PyType_Type, &task) || find_slots(task, of_task) < 0 || PyErr_Occurred())
        return NULL;
    tasks = (PyTypeObject *)Py_NewRef(task);
    return methods_of(task, methods, NULL);
}
