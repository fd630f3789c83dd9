/* An answer that begins like one that was read before (passing/kept.py), and the head that was made of it
   (proxy/response.py). */

#include "attributes.h"

enum { METHOD, RAW, RENDERED };
static Slot of_response[] = {{"method", 0}, {"raw", 0}, {"_rendered", 0}, {NULL, 0}};
enum { SERVER, TOLD };
static Slot of_origin[] = {{"server", 0}, {"told", 0}, {NULL, 0}};
static Slot of_server[] = {{"told", 0}, {NULL, 0}};
enum { ASKED = 5 }; /* by how much a head differs: version, keep, label, not found, status value */

static PyTypeObject *responses, *servers;
static PyObject *known_in_python, *render_in_python, *empty;

/* Whether these bytes, to a request of that method, begin with the head of a response; -1 where Python has to see. */
static int begins(PyObject *told, PyObject *came, PyObject *method)
{
    if (told == Py_None)
        return 0;
    if (told == NULL || !PyObject_TypeCheck(told, responses))
        return -1;
    PyObject *raw = get(told, of_response[RAW]), *its = get(told, of_response[METHOD]);
    if (raw == NULL || !PyBytes_CheckExact(raw) || its == NULL || !PyBytes_CheckExact(its))
        return -1;
    const Py_ssize_t size = PyBytes_GET_SIZE(raw);
    return PyBytes_GET_SIZE(its) == PyBytes_GET_SIZE(method) && PyBytes_GET_SIZE(came) >= size &&
           memcmp(PyBytes_AS_STRING(its), PyBytes_AS_STRING(method), (size_t)PyBytes_GET_SIZE(its)) == 0 &&
           memcmp(PyBytes_AS_STRING(raw), PyBytes_AS_STRING(came), (size_t)size) == 0;
}

static PyObject *known(PyObject *origin, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *came = given == 2 ? arguments[0] : Py_None, *method = given == 2 ? arguments[1] : Py_None;
    PyObject *server = get(origin, of_origin[SERVER]);
    if (PyBytes_CheckExact(came) && PyBytes_CheckExact(method) && is(server, servers)) {
        PyObject *both[2] = {get(server, of_server[0]), get(origin, of_origin[TOLD])};
        int found = begins(both[0], came, method);
        if (found > 0)
            return Py_NewRef(both[0]);
        if (found == 0)
            found = begins(both[1], came, method);
        if (found >= 0)
            return Py_NewRef(found > 0 ? both[1] : Py_None);
    }
    return left_to(known_in_python, origin, arguments, given, NULL);
}

/* The head that was made when the same was asked; NULL with an error, or where another one was made. */
static PyObject *made_before(PyObject *response, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *rendered = get(response, of_response[RENDERED]);
    if (rendered == NULL || !PyTuple_CheckExact(rendered) || PyTuple_GET_SIZE(rendered) != 2)
        return NULL;
    PyObject *asked = PyTuple_GET_ITEM(rendered, 0);
    if (!PyTuple_CheckExact(asked) || PyTuple_GET_SIZE(asked) != ASKED)
        return NULL;
    Py_INCREF(rendered);
    int same = 1;
    for (Py_ssize_t i = 0; i < ASKED && same > 0; i++)
        same = PyObject_RichCompareBool(PyTuple_GET_ITEM(asked, i), i < given ? arguments[i] : empty, Py_EQ);
    PyObject *head = same > 0 ? Py_NewRef(PyTuple_GET_ITEM(rendered, 1)) : NULL;
    Py_DECREF(rendered);
    return head;
}

static PyObject *render(PyObject *response, PyObject *const *arguments, Py_ssize_t given)
{
    PyObject *head = given == ASKED || given == ASKED - 1 ? made_before(response, arguments, given) : NULL;
    if (head != NULL || PyErr_Occurred())
        return head;
    return left_to(render_in_python, response, arguments, given, NULL);
}

static PyMethodDef of_knowing[] = {
    {"known", (PyCFunction)(void (*)(void))known, METH_FASTCALL, "The response whose head begins these bytes."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_rendering[] = {
    {"render", (PyCFunction)(void (*)(void))render, METH_FASTCALL, "The head for the client."},
    {NULL, NULL, 0, NULL},
};

PyObject *knowing_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *origin, *server, *response;
    if (!PyArg_ParseTuple(classes, "O!O!O!", &PyType_Type, &origin, &PyType_Type, &server, &PyType_Type, &response) ||
        find_slots(origin, of_origin) < 0 || find_slots(server, of_server) < 0 || find_slots(response, of_response) < 0)
        return NULL;
    servers = (PyTypeObject *)Py_NewRef(server);
    responses = (PyTypeObject *)Py_NewRef(response);
    return PyErr_Occurred() ? NULL : methods_of(origin, of_knowing, &known_in_python);
}

PyObject *rendering_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *response;
    if (!PyArg_ParseTuple(classes, "O!", &PyType_Type, &response) || find_slots(response, of_response) < 0)
        return NULL;
    Py_XSETREF(empty, PyUnicode_FromString(""));
    return PyErr_Occurred() ? NULL : methods_of(response, of_rendering, &render_in_python);
}
