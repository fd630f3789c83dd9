/* The module meshd.fast.native: functions that take classes, and give methods for them. */

#include "native.h"

#include <structmember.h>

int find_slots(PyTypeObject *type, Slot *slots)
{
    for (; slots->name != NULL; slots++) {
        PyObject *found = PyObject_GetAttrString((PyObject *)type, slots->name);
        if (found == NULL)
            return -1;
        if (Py_TYPE(found) != &PyMemberDescr_Type || ((PyMemberDescrObject *)found)->d_member->type != T_OBJECT_EX) {
            PyErr_Format(PyExc_TypeError, "%s.%s is no slot", type->tp_name, slots->name);
            Py_DECREF(found);
            return -1;
        }
        slots->at = ((PyMemberDescrObject *)found)->d_member->offset;
        Py_DECREF(found);
    }
    return 0;
}

PyObject *in_except(PyObject *object, PyObject *method)
{
    PyObject *type, *error, *trace, *before = PyErr_GetHandledException();
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL)
        PyException_SetTraceback(error, trace);
    PyErr_SetHandledException(error);
    PyObject *done = PyObject_CallMethodOneArg(object, method, error);
    PyErr_SetHandledException(before);
    Py_XDECREF(before);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    return done;
}

PyObject *methods_of(PyTypeObject *type, PyMethodDef *definitions)
{
    PyObject *methods = PyDict_New();
    if (methods == NULL)
        return NULL;
    for (; definitions->ml_name != NULL; definitions++) {
        PyObject *method = PyDescr_NewMethod(type, definitions);
        if (method == NULL || PyDict_SetItemString(methods, definitions->ml_name, method) < 0) {
            Py_XDECREF(method);
            Py_DECREF(methods);
            return NULL;
        }
        Py_DECREF(method);
    }
    return methods;
}

static PyMethodDef functions[] = {
    {"meter_methods", meter_methods, METH_VARARGS, "Of Meter, Tally and Allowance: counting."},
    {"tunnel_methods", tunnel_methods, METH_VARARGS, "Of Tunnel and Flow: moving small pieces."},
    {"task_methods", task_methods, METH_VARARGS, "Of Task: going on."},
    {"wire_methods", wire_methods, METH_VARARGS, "Of Wire: its edges, reading and writing."},
    {"poller_methods", poller_methods, METH_VARARGS, "Of Poller: telling the owners."},
    {"wheel_methods", wheel_methods, METH_VARARGS, "Of Wheel: arming and disarming."},
    {"acceptor_methods", acceptor_methods, METH_VARARGS, "Of Acceptor: one client."},
    {"ending_methods", ending_methods, METH_VARARGS, "Of Tunnel and Flow: closing."},
    {"race_methods", race_methods, METH_VARARGS, "Of Race: connecting by IPv4."},
    {"hello_functions", hello_functions, METH_O, "Of tls.clienthello: the name in a first message."},
    {"starting_methods", starting_methods, METH_VARARGS, "Of Tunnel: taking its descriptors over."},
    {"handing_methods", handing_methods, METH_VARARGS, "Of Wire: giving its descriptor up."},
    {"winning_methods", winning_methods, METH_VARARGS, "Of Race: an attempt that has connected."},
    {"likeness", likeness, METH_VARARGS, "A class, its slots, how many are given anew, and the method's name."},
    {"make", make_so, METH_VARARGS, "A class, its slots, and the constants of the last of them: how it is called."},
    {"make_tuple", make_tuple_so, METH_VARARGS, "A named tuple, the number of its fields, and their defaults."},
    {"unmake", unmake, METH_NOARGS, "Have all classes called as before."},
    {"line_methods", line_methods, METH_VARARGS, "Of ExchangeLog, Waiting and Exchange: lines."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "meshd.fast.native",
    .m_doc = "Methods for classes of the hot path.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit_native(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && ready_waiting(module) < 0)
        Py_CLEAR(module);
    return module;
}
