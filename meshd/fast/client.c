/* What a client's connection does with its one deadline (passing/waiting.py), and to send bytes that are counted
   (passing/metered.py). */

#include "attributes.h"

enum { PHASE, SECONDS, DEADLINE, SLOT, PLANE };
static Slot of_waiting[] = {{"_phase", 0}, {"_seconds", 0}, {"deadline", 0}, {"slot", 0}, {"_plane", 0}, {NULL, 0}};
static Slot of_plane[] = {{"wheel", 0}, {NULL, 0}};
static Slot of_wheel[] = {{"monotonic", 0}, {NULL, 0}};
enum { METER, CUT, WIRE, MOVED };
static Slot of_metered[] = {{"meter", 0}, {"cut", 0}, {"wire", 0}, {"_moved", 0}, {NULL, 0}};
enum { N_ARM, N_TRY_SEND, N_SENT_DOWN, N_ALIVE };
static Name names[] = {{"arm", NULL}, {"try_send", NULL}, {"sent_down", NULL}, {"alive", NULL}, {NULL, NULL}};

static PyTypeObject *planes, *wheels;
static PyObject *phase_in_python, *send_in_python, *gone;
static double tick;

/* The wheel, borrowed, and what it says; NULL where Python has to see to it. */
static PyObject *wheel_of(PyObject *waiting, double *monotonic)
{
    PyObject *plane = get(waiting, of_waiting[PLANE]);
    PyObject *wheel = plane != NULL && PyObject_TypeCheck(plane, planes) ? get(plane, of_plane[0]) : NULL;
    PyObject *now = is(wheel, wheels) ? get(wheel, of_wheel[0]) : NULL;
    return now != NULL && PyFloat_CheckExact(now) && seconds_in(now, monotonic) ? wheel : NULL;
}

static PyObject *phase(PyObject *waiting, PyObject *const *arguments, Py_ssize_t given)
{
    double monotonic, seconds;
    long long slot;
    if (given != 2)
        return PyErr_Format(PyExc_TypeError, "phase() takes a reason, and seconds");
    PyObject *wheel = seconds_in(arguments[1], &seconds) ? wheel_of(waiting, &monotonic) : NULL;
    if (wheel == NULL || !integer(get(waiting, of_waiting[SLOT]), &slot))
        return PyObject_CallFunctionObjArgs(phase_in_python, waiting, arguments[0], arguments[1], NULL);
    const double deadline = monotonic + tick + seconds;
    PyObject *at = PyFloat_FromDouble(deadline), *armed;
    if (at == NULL)
        return NULL;
    put(waiting, of_waiting[PHASE], Py_NewRef(arguments[0]));
    put(waiting, of_waiting[SECONDS], Py_NewRef(arguments[1]));
    put(waiting, of_waiting[DEADLINE], at);
    if (slot > 0 && deadline / tick >= (double)(slot - 1))
        Py_RETURN_NONE;
    Py_INCREF(wheel);
    armed = PyObject_CallMethodObjArgs(wheel, names[N_ARM].name, waiting, arguments[1], NULL);
    Py_DECREF(wheel);
    Py_XDECREF(armed);
    return armed == NULL ? NULL : Py_NewRef(Py_None);
}

/* Count what was sent, and that bytes have moved; -1 with an error. */
static int moved(PyObject *metered, PyObject *meter, PyObject *sent, long long bytes, long long before)
{
    int done = count(meter, bytes, false);
    if (done == 0)
        done = tell(meter, names[N_SENT_DOWN], sent);
    if (done < 0 || tell(metered, names[N_ALIVE], NULL) < 0)
        return -1;
    PyObject *sum = PyLong_FromLongLong(before + bytes);
    if (sum == NULL)
        return -1;
    put(metered, of_metered[MOVED], sum);
    return 0;
}

static PyObject *send_now(PyObject *metered, PyObject *data)
{
    long long bytes, before;
    PyObject *meter = get(metered, of_metered[METER]), *wire = get(metered, of_metered[WIRE]);
    if (meter == NULL || wire == NULL || get(metered, of_metered[CUT]) != Py_None || !PyBytes_CheckExact(data) ||
        room_of(meter) < PyBytes_GET_SIZE(data) || PyBytes_GET_SIZE(data) == 0 ||
        !integer(get(metered, of_metered[MOVED]), &before) || before > INT32_MAX)
        return PyObject_CallFunctionObjArgs(send_in_python, metered, data, NULL);
    Py_INCREF(meter);
    Py_INCREF(wire);
    PyObject *sent = PyObject_CallMethodOneArg(wire, names[N_TRY_SEND].name, data);
    if (sent == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        PyErr_SetNone(gone);
    }
    if (sent != NULL && (!integer(sent, &bytes) || (bytes > 0 && moved(metered, meter, sent, bytes, before) < 0))) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "try_send() gives a number of bytes");
        Py_CLEAR(sent);
    }
    Py_DECREF(meter);
    Py_DECREF(wire);
    return sent;
}

static PyMethodDef of_phases[] = {
    {"phase", (PyCFunction)(void (*)(void))phase, METH_FASTCALL, "Bound what follows."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef of_sending[] = {
    {"send_now", send_now, METH_O, "Send the client what there is room for and the kernel takes."},
    {NULL, NULL, 0, NULL},
};

PyObject *phase_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *waiting, *plane, *wheel;
    if (!PyArg_ParseTuple(classes, "O!O!O!d", &PyType_Type, &waiting, &PyType_Type, &plane, &PyType_Type, &wheel, &tick) ||
        find_slots(waiting, of_waiting) < 0 || find_slots(plane, of_plane) < 0 || find_slots(wheel, of_wheel) < 0 ||
        make_names(names) < 0)
        return NULL;
    planes = (PyTypeObject *)Py_NewRef(plane);
    wheels = (PyTypeObject *)Py_NewRef(wheel);
    return PyErr_Occurred() ? NULL : methods_of(waiting, of_phases, &phase_in_python);
}

PyObject *sending_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *metered;
    PyObject *error;
    if (!PyArg_ParseTuple(classes, "O!O", &PyType_Type, &metered, &error) || find_slots(metered, of_metered) < 0 ||
        make_names(names) < 0)
        return NULL;
    Py_XSETREF(gone, Py_NewRef(error));
    return PyErr_Occurred() ? NULL : methods_of(metered, of_sending, &send_in_python);
}
