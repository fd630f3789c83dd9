/* Lines of the exchange log, as usage/loglines.py writes them, for exchanges whose texts need no escaping. */

#include "native.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { CAP = 300, LONGEST = 1024 }; /* the texts of a line together, as loglines.CAP; any line with them is shorter */
enum { RECORD_EXCHANGE, RECORD_SLOT, RECORD_SUMS, RECORD_WIDTH = 5 };
enum { ID, AT, SECONDS, ACCOUNT, USERNAME, TOKEN, PROXY, CLIENT, METHOD, HOST, PORT, EXIT, STATUS, REASON, E_UP, E_DOWN,
       WAY, DETAIL, DESTINATIONS, WIDTH };

static PyTypeObject *records_, *exchanges;
static PyObject *in_python, *text_in_python, *n_now, *n_id, *n_lines;

typedef struct {
    char *data;
    Py_ssize_t size, room;
} Text;

/* Make room for so many more bytes; false with an error. */
static bool grow(Text *text, Py_ssize_t more)
{
    if (text->room - text->size >= more)
        return true;
    const Py_ssize_t room = 2 * text->room + more;
    char *data = PyMem_Realloc(text->data, (size_t)room);
    if (data == NULL) {
        PyErr_NoMemory();
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

static void add(Text *text, const char *data, Py_ssize_t size)
{
    memcpy(text->data + text->size, data, (size_t)size);
    text->size += size;
}

#define ADD(text, literal) add(text, literal, sizeof(literal) - 1)

static void add_number(Text *text, long long number)
{
    char digits[24], *first = digits + sizeof digits;
    unsigned long long left = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
    do
        *--first = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--first = '-';
    add(text, first, digits + sizeof digits - first);
}

static void add_text(Text *text, PyObject *value)
{
    add(text, PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value));
}

/* Whether a text stands in JSON as it is; its length is taken from what is left of CAP. */
static bool is_plain(PyObject *value, Py_ssize_t *left)
{
    if (!PyUnicode_CheckExact(value) || !PyUnicode_IS_COMPACT_ASCII(value))
        return false;
    const Py_ssize_t size = PyUnicode_GET_LENGTH(value);
    const unsigned char *data = PyUnicode_DATA(value);
    if ((*left -= size) < 0)
        return false;
    for (Py_ssize_t i = 0; i < size; i++)
        if (data[i] < ' ' || data[i] > '~' || data[i] == '"' || data[i] == '\\')
            return false;
    return true;
}

/* One second as text, since most lines are of the same. */
typedef struct {
    long long second;
    char text[24];
} Second;

static bool write_second(Second *known, long long second)
{
    const time_t moment = (time_t)second;
    struct tm parts;
    if (known->second == second)
        return true;
    if (gmtime_r(&moment, &parts) == NULL || strftime(known->text, sizeof known->text, "%Y-%m-%dT%H:%M:%S", &parts) != 19)
        return false;
    known->second = second;
    return true;
}

/* The numbers of a line that is written here; false where it has any that is none, or is too large. */
typedef struct {
    long long account, token, port, status, slot, up, down;
    double at, seconds;
} Numbers;

static bool numbers(PyObject *record, PyObject *exchange, Numbers *found)
{
    PyObject *sums = PyTuple_GET_ITEM(record, RECORD_SUMS), *at = PyTuple_GET_ITEM(exchange, AT);
    PyObject *seconds = PyTuple_GET_ITEM(exchange, SECONDS);
    if (!PyTuple_CheckExact(sums) || PyTuple_GET_SIZE(sums) != 3 || !PyFloat_CheckExact(at) || !PyFloat_CheckExact(seconds))
        return false;
    found->at = PyFloat_AS_DOUBLE(at);
    found->seconds = PyFloat_AS_DOUBLE(seconds);
    /* From the first year of four digits to the last; and no number that would take more digits than there is room. */
    return found->at >= 0 && found->at < 253402300800.0 && fabs(found->seconds) < 1e12 &&
           integer(PyTuple_GET_ITEM(exchange, ACCOUNT), &found->account) &&
           integer(PyTuple_GET_ITEM(exchange, TOKEN), &found->token) &&
           integer(PyTuple_GET_ITEM(exchange, PORT), &found->port) &&
           integer(PyTuple_GET_ITEM(exchange, STATUS), &found->status) &&
           integer(PyTuple_GET_ITEM(record, RECORD_SLOT), &found->slot) && found->slot < INT64_MAX &&
           integer(PyTuple_GET_ITEM(sums, 0), &found->up) && integer(PyTuple_GET_ITEM(sums, 1), &found->down);
}

/* Write a line; 1 where that is done, 0 where Python has to write it, -1 with an error. */
static int write_line(Text *text, PyObject *record, PyObject *journal, long long number, Second *second)
{
    static const int texts[] = {ID, USERNAME, PROXY, CLIENT, METHOD, HOST, EXIT, REASON};
    Py_ssize_t left = CAP, journals = 64;
    Numbers is_;
    PyObject *exchange = PyTuple_GET_ITEM(record, RECORD_EXCHANGE);
    if (!is(exchange, exchanges) || PyTuple_GET_SIZE(exchange) != WIDTH || !is_plain(journal, &journals) ||
        !numbers(record, exchange, &is_) || !write_second(second, (long long)is_.at))
        return 0;
    PyObject *detail = PyTuple_GET_ITEM(exchange, DETAIL);
    if (!PyUnicode_CheckExact(detail) || PyUnicode_GET_LENGTH(detail) != 0 ||
        PyTuple_GET_ITEM(exchange, DESTINATIONS) != Py_None)
        return 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!is_plain(PyTuple_GET_ITEM(exchange, texts[i]), &left))
            return 0;
    char *seconds = PyOS_double_to_string(is_.seconds, 'f', 3, 0, NULL);
    if (seconds == NULL || !grow(text, LONGEST)) {
        PyMem_Free(seconds);
        return -1;
    }
    const long long whole = (long long)is_.at;
    const int thousandths = (int)((is_.at - (double)whole) * 1000);
    const char digits[3] = {(char)('0' + thousandths / 100 % 10), (char)('0' + thousandths / 10 % 10),
                            (char)('0' + thousandths % 10)};
    ADD(text, "{\"at\":\""), add(text, second->text, 19), ADD(text, "."), add(text, digits, 3);
    ADD(text, "Z\",\"line\":\""), add_text(text, journal), ADD(text, "-"), add_number(text, number);
    ADD(text, "-"), add_number(text, is_.slot + 1);
    ADD(text, "\",\"id\":\""), add_text(text, PyTuple_GET_ITEM(exchange, ID));
    ADD(text, "\",\"seconds\":"), add(text, seconds, (Py_ssize_t)strlen(seconds));
    ADD(text, ",\"account\":"), add_number(text, is_.account);
    ADD(text, ",\"username\":\""), add_text(text, PyTuple_GET_ITEM(exchange, USERNAME));
    ADD(text, "\",\"token\":"), add_number(text, is_.token);
    ADD(text, ",\"proxy\":\""), add_text(text, PyTuple_GET_ITEM(exchange, PROXY));
    ADD(text, "\",\"client\":\""), add_text(text, PyTuple_GET_ITEM(exchange, CLIENT));
    ADD(text, "\",\"method\":\""), add_text(text, PyTuple_GET_ITEM(exchange, METHOD));
    ADD(text, "\",\"host\":\""), add_text(text, PyTuple_GET_ITEM(exchange, HOST));
    ADD(text, "\",\"port\":"), add_number(text, is_.port);
    ADD(text, ",\"exit\":\""), add_text(text, PyTuple_GET_ITEM(exchange, EXIT));
    ADD(text, "\",\"status\":"), add_number(text, is_.status);
    ADD(text, ",\"reason\":\""), add_text(text, PyTuple_GET_ITEM(exchange, REASON));
    ADD(text, "\",\"up\":"), add_number(text, is_.up);
    ADD(text, ",\"down\":"), add_number(text, is_.down), ADD(text, "}\n");
    PyMem_Free(seconds);
    return 1;
}

/* Have Python write a line; false with an error. */
static bool ask(Text *text, PyObject *record, PyObject *journal, long long number, PyObject *now)
{
    PyObject *count = PyLong_FromLongLong(number), *line = NULL, *bytes = NULL;
    if (count != NULL)
        line = PyObject_CallFunctionObjArgs(text_in_python, record, journal, count, now, NULL);
    if (line != NULL)
        bytes = PyUnicode_AsASCIIString(line);
    const bool done = bytes != NULL && grow(text, PyBytes_GET_SIZE(bytes));
    if (done)
        add(text, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_XDECREF(count);
    Py_XDECREF(line);
    Py_XDECREF(bytes);
    return done;
}

static bool write_all(Text *text, PyObject *records, PyObject *journal, long long number, PyObject *now)
{
    Second second = {-1, ""};
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(records); i++) {
        PyObject *record = Py_NewRef(PyList_GET_ITEM(records, i));
        int done = 0;
        if (is(record, records_) && PyTuple_GET_SIZE(record) == RECORD_WIDTH)
            done = write_line(text, record, journal, ++number, &second);
        else
            ++number;
        if (done == 0)
            done = ask(text, record, journal, number, now) ? 1 : -1;
        Py_DECREF(record);
        if (done < 0)
            return false;
    }
    return true;
}

static PyObject *data(PyObject *log, PyObject *const *arguments, Py_ssize_t given)
{
    Text text = {NULL, 0, 0};
    PyObject *written = NULL;
    long long number;
    if (given != 2 || !PyList_CheckExact(arguments[1]))
        return PyErr_Format(PyExc_TypeError, "_data() takes a journal and a list of records");
    PyObject *now = PyObject_CallMethodNoArgs(log, n_now), *id = PyObject_GetAttr(arguments[0], n_id);
    PyObject *lines = PyObject_GetAttr(arguments[0], n_lines);
    if (now == NULL || id == NULL || lines == NULL)
        ;
    else if (!integer(lines, &number) || number > INT64_MAX - INT32_MAX || PyList_GET_SIZE(arguments[1]) > INT32_MAX)
        written = PyObject_CallFunctionObjArgs(in_python, log, arguments[0], arguments[1], NULL);
    else if (write_all(&text, arguments[1], id, number, now))
        written = PyBytes_FromStringAndSize(text.data, text.size);
    PyMem_Free(text.data);
    Py_XDECREF(now);
    Py_XDECREF(id);
    Py_XDECREF(lines);
    return written;
}

static PyMethodDef methods[] = {
    {"_data", (PyCFunction)(void (*)(void))data, METH_FASTCALL, "The records' lines."},
    {NULL, NULL, 0, NULL},
};

PyObject *line_methods(PyObject *Py_UNUSED(module), PyObject *classes)
{
    PyTypeObject *log, *record, *exchange;
    PyObject *text;
    if (!PyArg_ParseTuple(classes, "O!O!O!O", &PyType_Type, &log, &PyType_Type, &record, &PyType_Type, &exchange, &text) ||
        find_fields(record, waiting_fields) < 0 || find_fields(exchange, exchange_fields) < 0)
        return NULL;
    n_now = PyUnicode_InternFromString("now");
    n_id = PyUnicode_InternFromString("id");
    n_lines = PyUnicode_InternFromString("lines");
    Py_XSETREF(text_in_python, Py_NewRef(text));
    records_ = (PyTypeObject *)Py_NewRef(record);
    exchanges = (PyTypeObject *)Py_NewRef(exchange);
    return PyErr_Occurred() ? NULL : methods_of(log, methods, &in_python);
}
