/* The module meshd.fast.native: functions that take classes, and give methods for them. */

#include "native.h"

#include <structmember.h>

#ifndef MESHD_SOURCES /* by setup.py: see sources.py */
#define MESHD_SOURCES ""
#define MESHD_VERSION ""
#endif

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

const char *const exchange_fields[] = {"id",   "at",   "seconds", "account_id", "username", "token_id", "proxy",
                                       "client", "method", "host", "port",       "exit",     "status",   "reason",
                                       "up",   "down", "way",     "detail",     "destinations", NULL};
const char *const waiting_fields[] = {"exchange", "slot", "sums", "account_id", "token_id", NULL};
const char *const choice_fields[] = {"outlet", "source", "not_found", "pinned", "moved", NULL};

int find_fields(PyTypeObject *type, const char *const *fields)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)type, "_fields");
    if (found == NULL)
        return -1;
    Py_ssize_t size = 0;
    bool same = PyType_IsSubtype(type, &PyTuple_Type) && PyTuple_Check(found);
    for (; same && fields[size] != NULL; size++)
        same = size < PyTuple_GET_SIZE(found) && PyUnicode_Check(PyTuple_GET_ITEM(found, size)) &&
               PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(found, size), fields[size]) == 0;
    same = same && PyTuple_GET_SIZE(found) == size;
    Py_DECREF(found);
    if (!same)
        PyErr_Format(PyExc_TypeError, "%s has other fields", type->tp_name);
    return same ? 0 : -1;
}

PyObject *left_to(PyObject *method, PyObject *object, PyObject *const *arguments, Py_ssize_t given, PyObject *by_name)
{
    enum { MOST = 8 }; /* more than any of these methods takes */
    PyObject *all[MOST + 1] = {object};
    const Py_ssize_t more = given + (by_name != NULL ? PyTuple_GET_SIZE(by_name) : 0);
    if (more > MOST)
        return PyErr_Format(PyExc_TypeError, "too many arguments");
    for (Py_ssize_t i = 0; i < more; i++)
        all[i + 1] = arguments[i];
    return PyObject_Vectorcall(method, all, (size_t)given + 1, by_name);
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

PyObject *methods_of(PyTypeObject *type, PyMethodDef *definitions, PyObject **in_python)
{
    PyObject *methods = PyDict_New();
    for (int i = 0; methods != NULL && definitions[i].ml_name != NULL; i++) {
        const char *name = definitions[i].ml_name;
        PyObject *method = PyDescr_NewMethod(type, &definitions[i]);
        if (in_python != NULL)
            Py_XSETREF(in_python[i], PyObject_GetAttrString((PyObject *)type, name));
        if (method == NULL || (in_python != NULL && in_python[i] == NULL) || PyDict_SetItemString(methods, name, method) < 0)
            Py_CLEAR(methods);
        Py_XDECREF(method);
    }
    return methods;
}

static PyMethodDef functions[] = {
    {"meter_methods", meter_methods, METH_VARARGS, "Of Meter, Tally and Allowance: counting."},
    {"tunnel_methods", tunnel_methods, METH_VARARGS, "Of Tunnel, Flow and Relay: moving small pieces."},
    {"race_methods", race_methods, METH_VARARGS, "Of Race, Dialled and Task: connecting by IPv4."},
    {"task_methods", task_methods, METH_VARARGS, "Of Task: going on."},
    {"wire_methods", wire_methods, METH_VARARGS, "Of Wire: its edges, reading and writing."},
    {"poller_methods", poller_methods, METH_VARARGS, "Of Poller: telling the owners."},
    {"wheel_methods", wheel_methods, METH_VARARGS, "Of Wheel: arming and disarming."},
    {"acceptor_methods", acceptor_methods, METH_VARARGS, "Of Acceptor: one client."},
    {"hello_functions", hello_functions, METH_O, "Of tls.clienthello: the name in a first message."},
    {"fields_methods", fields_methods, METH_VARARGS, "Of Fields: values by name."},
    {"passing_functions", passing_functions, METH_O, "Of http1.keep: the fields that are passed on."},
    {"answered_functions", answered_functions, METH_VARARGS, "Of dns.messages: the usual answer of a name server."},
    {"starting_methods", starting_methods, METH_VARARGS, "Of Tunnel, Flow and Relay: taking its descriptors over."},
    {"knowing_methods", knowing_methods, METH_VARARGS, "Of Origin, Server and Response: answers that are known."},
    {"rendering_methods", rendering_methods, METH_VARARGS, "Of ProxyResponse: heads that are made."},
    {"departing_methods", departing_methods, METH_VARARGS, "Of ClientConnection, Said and Departure: the way out."},
    {"likeness", likeness, METH_VARARGS, "A class, its slots, how many are given anew, and the method's name."},
    {"make", make_so, METH_VARARGS, "A class, its slots, and the constants of the last of them: how it is called."},
    {"make_tuple", make_tuple_so, METH_VARARGS, "A named tuple, the number of its fields, and their defaults."},
    {"unmake", unmake, METH_NOARGS, "Have all classes called as before."},
    {"line_methods", line_methods, METH_VARARGS, "Of ExchangeLog, Waiting and Exchange: lines."},
    {"record_methods", record_methods, METH_VARARGS, "Of Record and Exchange: beginning and closing."},
    {"ledger_methods", ledger_methods, METH_VARARGS, "Of Ledger, Meter, Tally and Allowance: opening and closing."},
    {"log_methods", log_methods, METH_VARARGS, "Of ExchangeLog and Waiting: a line that waits."},
    {"lines_methods", lines_methods, METH_VARARGS, "Of LineLog: a record that waits."},
    {"idle_methods", idle_methods, METH_VARARGS, "Of Idle and Own: connections that come and go."},
    {"phase_methods", phase_methods, METH_VARARGS, "Of WaitingConnection, Plane and Wheel: the deadline."},
    {"sending_methods", sending_methods, METH_VARARGS, "Of MeteredConnection: sending bytes that are counted."},
    {"departure_methods", departure_methods, METH_VARARGS, "Of Departure, Outlet and Choice: any exit."},
    {"sums_methods", sums_methods, METH_VARARGS, "Of ExchangeLog and Waiting: sums of what was written."},
    {"reports_methods", reports_methods, METH_VARARGS, "Of Reports and Exchange: sums of what has ended."},
    {"repeating_methods", repeating_methods, METH_VARARGS, "Of RepeatedExchanges: steps of a request that repeats another."},
    {"reading_methods", reading_methods, METH_VARARGS, "Of Repeated and Said: reading what is the same."},
    {"recalling_methods", recalling_methods, METH_VARARGS, "Of AuthService and Verdict: answering from memory."},
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
    if (module != NULL
        && (ready_waiting(module) < 0 || PyModule_AddStringConstant(module, "SOURCES", MESHD_SOURCES) < 0
            || PyModule_AddStringConstant(module, "VERSION", MESHD_VERSION) < 0))
        Py_CLEAR(module);
    return module;
}
