/* What the parts of the native module share.

   The classes are defined in Python alone.  A part takes them, finds where their __slots__ stand, and gives methods that
   do the common case of a method of theirs.  Whatever else comes, an object of another class, an integer of more than 63
   bits, a refusal, is left to the method as it stands in Python, before anything was changed. */

#ifndef MESHD_NATIVE_H
#define MESHD_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>

enum { EPOLL_IN = 0x1, EPOLL_PRI = 0x2, EPOLL_OUT = 0x4, EPOLL_ERR = 0x8, EPOLL_HUP = 0x10, EPOLL_RDHUP = 0x2000 };

/* One of the names in __slots__, and where its value stands in each object. */
typedef struct {
    const char *name;
    Py_ssize_t at;
} Slot;

/* Find all slots of a class, up to one without a name; -1 with an error where one is none. */
int find_slots(PyTypeObject *type, Slot *slots);

/* The fields of the named tuples that C reads and makes by their places, in this order. */
extern const char *const exchange_fields[], *const waiting_fields[], *const choice_fields[];

/* Whether these are the fields of a named tuple, in this order: 0, or -1 with an error. */
int find_fields(PyTypeObject *type, const char *const *fields);

/* Methods of a class by name, in a new dictionary, and each as it stands in Python, in in_python, if that is not NULL; NULL
   with an error. */
PyObject *methods_of(PyTypeObject *type, PyMethodDef *definitions, PyObject **in_python);

/* Call a method as it stands in Python, with the arguments that came. */
PyObject *left_to(PyObject *method, PyObject *object, PyObject *const *arguments, Py_ssize_t given, PyObject *by_name);

/* Call a method with the exception that was raised, as from within `except`, where that is handled. */
PyObject *in_except(PyObject *object, PyObject *method);

/* The value of a slot, borrowed; NULL where it is not set. */
static inline PyObject *get(PyObject *object, Slot slot)
{
    return *(PyObject **)((char *)object + slot.at);
}

/* Set a slot, and take over the reference. */
static inline void put(PyObject *object, Slot slot, PyObject *value)
{
    PyObject **place = (PyObject **)((char *)object + slot.at);
    PyObject *before = *place;
    *place = value;
    Py_XDECREF(before);
}

static inline void put_bool(PyObject *object, Slot slot, bool value)
{
    put(object, slot, Py_NewRef(value ? Py_True : Py_False));
}

static inline bool is(PyObject *object, PyTypeObject *type)
{
    return object != NULL && type != NULL && Py_TYPE(object) == type;
}

/* The value of an integer; false for anything else, and for one of more than 63 bits. */
static inline bool integer(PyObject *object, long long *value)
{
    int overflow;
    if (object == NULL || !PyLong_CheckExact(object))
        return false;
    *value = PyLong_AsLongLongAndOverflow(object, &overflow);
    return overflow == 0;
}

/* The seconds that a number is; false for anything else, and for what is no deadline's. */
static inline bool seconds_in(PyObject *number, double *seconds)
{
    const double latest = 1e12;
    long long whole;
    if (number != NULL && PyFloat_CheckExact(number))
        *seconds = PyFloat_AS_DOUBLE(number);
    else if (integer(number, &whole))
        *seconds = (double)whole;
    else
        return false;
    return *seconds > -latest && *seconds < latest;
}

/* Set a slot to a number; -1 with an error. */
static inline int put_number(PyObject *object, Slot slot, long long value)
{
    PyObject *number = PyLong_FromLongLong(value);
    if (number == NULL)
        return -1;
    put(object, slot, number);
    return 0;
}

/* Whether a slot has a number to which one may be added, or taken from it. */
static inline bool countable(PyObject *object, Slot slot)
{
    long long number;
    return integer(get(object, slot), &number) && number > INT64_MIN && number < INT64_MAX;
}

/* Count one more or less in a slot, from what it has now; -1 with an error, as where it is not `countable`. */
static inline int count_in(PyObject *object, Slot slot, int step)
{
    long long number;
    if (countable(object, slot) && integer(get(object, slot), &number))
        return put_number(object, slot, number + step);
    PyErr_Format(PyExc_OverflowError, "C does not count in %s", slot.name);
    return -1;
}

/* meter.c: the room of a meter, or 0 where that is a question for Python; and counting, which gives 1, 0 where nothing
   was done, and -1 with an error. */
long long room_of(PyObject *meter);
int count(PyObject *meter, long long bytes, bool upward);

/* Add to a cell of a tally's in the journal, whose memory checks its bounds by itself; at: the slot that tells which one.
   -1 with an error. */
int add_to_cell(PyObject *tally, Slot at, PyObject *number);

/* fields.c: bytes with ASCII letters in lower case, new ones; NULL with an error. */
PyObject *lower(const char *text, Py_ssize_t size);

/* The functions of the module, one for each part. */
PyObject *meter_methods(PyObject *module, PyObject *classes);
PyObject *tunnel_methods(PyObject *module, PyObject *classes);
PyObject *race_methods(PyObject *module, PyObject *classes);
PyObject *task_methods(PyObject *module, PyObject *classes);
PyObject *wire_methods(PyObject *module, PyObject *classes);
PyObject *poller_methods(PyObject *module, PyObject *classes);
PyObject *wheel_methods(PyObject *module, PyObject *classes);
PyObject *acceptor_methods(PyObject *module, PyObject *classes);
PyObject *hello_functions(PyObject *module, PyObject *python);
PyObject *line_methods(PyObject *module, PyObject *classes);
PyObject *record_methods(PyObject *module, PyObject *classes);
PyObject *ledger_methods(PyObject *module, PyObject *classes);
PyObject *log_methods(PyObject *module, PyObject *classes);
PyObject *lines_methods(PyObject *module, PyObject *classes);
PyObject *idle_methods(PyObject *module, PyObject *classes);
PyObject *phase_methods(PyObject *module, PyObject *classes);
PyObject *sending_methods(PyObject *module, PyObject *classes);
PyObject *departure_methods(PyObject *module, PyObject *classes);
PyObject *sums_methods(PyObject *module, PyObject *classes);
PyObject *reports_methods(PyObject *module, PyObject *classes);
PyObject *repeating_methods(PyObject *module, PyObject *classes);
PyObject *reading_methods(PyObject *module, PyObject *classes);
PyObject *recalling_methods(PyObject *module, PyObject *classes);
PyObject *fields_methods(PyObject *module, PyObject *classes);
PyObject *passing_functions(PyObject *module, PyObject *python);
PyObject *answered_functions(PyObject *module, PyObject *given);
PyObject *starting_methods(PyObject *module, PyObject *classes);
PyObject *knowing_methods(PyObject *module, PyObject *classes);
PyObject *rendering_methods(PyObject *module, PyObject *classes);
PyObject *departing_methods(PyObject *module, PyObject *classes);
PyObject *likeness(PyObject *module, PyObject *given);
PyObject *make_so(PyObject *module, PyObject *given);
PyObject *make_tuple_so(PyObject *module, PyObject *given);
PyObject *unmake(PyObject *module, PyObject *nothing);
int ready_waiting(PyObject *module);

/* task.c: resume a task, of whatever class. */
int resume(PyObject *task);

#endif
