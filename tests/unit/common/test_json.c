#include "common/json.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct window {
    int64_t sequence, start_ms;
};

struct document {
    char name[9];
    int64_t number;
    bool yes;
    int colour;
    int64_t at_ms;
    struct window one;
    struct window windows[3];
    size_t window_count;
    char tags[2][5];
    size_t tag_count;
    bool number_came;
    struct json_span whole, parts[2];
    size_t part_count;
};

static const char *const colours[] = {"red", "green", NULL};

static const struct json_field window_fields[] = {
    {.name = "sequence",
     .type = JSON_INTEGER,
     .offset = offsetof(struct window, sequence),
     .min = 1,
     .max = INT64_MAX,
     .required = true},
    {.name = "start", .type = JSON_TIME, .offset = offsetof(struct window, start_ms)},
};
static const struct json_shape window_shape = {window_fields, COUNT(window_fields)};

static const struct json_field document_fields[] = {
    {.name = "name",
     .type = JSON_TEXT,
     .offset = offsetof(struct document, name),
     .min = 2,
     .max = 8,
     .required = true},
    {.name = "number",
     .type = JSON_INTEGER,
     .offset = offsetof(struct document, number),
     .min = INT64_MIN,
     .max = INT64_MAX,
     .nullable = true,
     .present_offset = offsetof(struct document, number_came)},
    {.name = "yes", .type = JSON_BOOLEAN, .offset = offsetof(struct document, yes)},
    {.name = "colour", .type = JSON_CHOICE, .offset = offsetof(struct document, colour), .choices = colours},
    {.name = "at", .type = JSON_TIME, .offset = offsetof(struct document, at_ms), .nullable = true},
    {.name = "one", .type = JSON_OBJECT, .offset = offsetof(struct document, one), .shape = &window_shape},
    {.name = "windows",
     .type = JSON_ARRAY,
     .offset = offsetof(struct document, windows),
     .shape = &window_shape,
     .count_offset = offsetof(struct document, window_count),
     .count_max = 3,
     .element_bytes = sizeof(struct window)},
    {.name = "tags",
     .type = JSON_TEXTS,
     .offset = offsetof(struct document, tags),
     .max = 4,
     .count_offset = offsetof(struct document, tag_count),
     .count_max = 2,
     .element_bytes = 5},
    {.name = "whole", .type = JSON_SPAN, .offset = offsetof(struct document, whole), .nullable = true},
    {.name = "parts",
     .type = JSON_SPANS,
     .offset = offsetof(struct document, parts),
     .count_offset = offsetof(struct document, part_count),
     .count_max = 2,
     .element_bytes = sizeof(struct json_span)},
};
static const struct json_shape document_shape = {document_fields, COUNT(document_fields)};

static int read_document(const char *text, struct document *ret, struct error_detail *detail, char *field)
{
    *ret = (struct document){.number = 77};
    return json_read(&document_shape, text, strlen(text), ret, detail, field);
}

static void reads_every_type(void **state)
{
    (void)state;
    struct document document;
    int error = read_document("{\"name\":\"J\\u00fcrgen\",\"number\":-9223372036854775808,\"yes\":true,"
                              "\"colour\":\"green\",\"at\":\"1970-01-01T00:00:01Z\",\"one\":{\"sequence\":5},"
                              "\"windows\":[{\"start\":\"1970-01-01T00:00:02Z\",\"sequence\":1},"
                              "{\"sequence\":9223372036854775807}],\"tags\":[\"a\",\"\"]}",
                              &document, NULL, NULL);
    assert_int_equal(error, 0);
    assert_string_equal(document.name, "J\xC3\xBCrgen");
    assert_true(document.number == INT64_MIN);
    assert_true(document.number_came);
    assert_true(document.yes);
    assert_int_equal(document.colour, 1);
    assert_int_equal(document.at_ms, 1000);
    assert_int_equal(document.one.sequence, 5);
    assert_int_equal(document.window_count, 2);
    assert_int_equal(document.windows[0].start_ms, 2000);
    assert_true(document.windows[1].sequence == INT64_MAX);
    assert_int_equal(document.tag_count, 2);
    assert_string_equal(document.tags[0], "a");
    assert_string_equal(document.tags[1], "");
}

static void says_where_an_object_stands(void **state)
{
    (void)state;
    static const char text[] =
        " {\"parts\":[ {} ,\n{\"start\":\"1970-01-01T00:00:02Z\",\"sequence\":3,\"x\":[{}]}],"
        "\"whole\": {\"parts\":[{}], \"name\":{\"a\":\"\\u00fc}\"}} ,\"name\":\"anna\"}";
    struct document document;
    assert_int_equal(read_document(text, &document, NULL, NULL), 0);
    assert_string_equal(document.name, "anna");
    assert_int_equal(document.part_count, 2);
    assert_int_equal(document.parts[0].bytes, 2);
    assert_memory_equal(document.parts[0].start, "{}", 2);
    assert_ptr_equal(document.whole.start, strstr(text, "{\"parts\":[{}]"));
    assert_ptr_equal(document.whole.start + document.whole.bytes, strstr(text, " ,\"name\":\"anna\""));
    struct window window = {0};
    assert_int_equal(
        json_read(&window_shape, document.parts[1].start, document.parts[1].bytes, &window, NULL, NULL), 0);
    assert_int_equal(window.sequence, 3);
    assert_int_equal(window.start_ms, 2000);
    assert_int_equal(read_document("{\"whole\":null,\"parts\":[],\"name\":\"anna\"}", &document, NULL, NULL),
                     0);
    assert_null(document.whole.start);
    assert_int_equal(document.part_count, 0);
}

static void leaves_what_did_not_come(void **state)
{
    (void)state;
    struct document document;
    assert_int_equal(read_document(" { \"name\" : \"anna\" } \n", &document, NULL, NULL), 0);
    assert_int_equal(document.number, 77);
    assert_false(document.number_came);
    assert_int_equal(read_document("{\"number\":null,\"name\":\"anna\"}", &document, NULL, NULL), 0);
    assert_int_equal(document.number, 77);
    assert_true(document.number_came);
}

static void skips_unknown_fields_at_any_depth(void **state)
{
    (void)state;
    struct document document;
    static const char *const cases[] = {
        "{\"name\":\"anna\",\"new\":1}",
        "{\"new\":{\"name\":[1,2.5e3,{\"name\":null}],\"x\":[]},\"name\":\"anna\"}",
        "{\"new\":[[[[\"name\"]]],{}],\"new\":1,\"name\":\"anna\"}",
        ("{\"name\":\"anna\",\"windows\":[{\"sequence\":1,\"more\":{\"sequence\":[]}}],"
         "\"one\":{\"x\":1e400,\"sequence\":1}}"),
        "{\"name\":\"anna\",\"name\\u0000\":7,\"nam\":7,\"names\":7,\"\":7}",
        "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]],\"name\":\"anna\"}", /* 16 deep with the object */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(read_document(cases[i], &document, NULL, NULL), 0);
        assert_string_equal(document.name, "anna");
    }
}

static void refuses_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int error;
        const char *field, *detail;
    } cases[] = {
        {"{}", ERROR_INVALID, "name", "name: missing"},
        {"{\"name\":1}", ERROR_INVALID, "name", "name: not a text"},
        {"{\"name\":\"\xFF\xFE\"}", ERROR_INVALID, "name", "name: not valid UTF-8"},
        {"{\"number\":1,\"n\xFF\":1}", ERROR_INVALID, "", "a name is not valid UTF-8"},
        {"{\"new\":{\"x\":\"\xC0\x80\"}}", ERROR_INVALID, "", "not valid UTF-8"},
        {"{\"name\":null}", ERROR_INVALID, "name", "name: not a text"},
        {"{\"name\":[]}", ERROR_INVALID, "name", "name: not a text"},
        {"{\"name\":{}}", ERROR_INVALID, "name", "name: not a text"},
        {"{\"name\":true}", ERROR_INVALID, "name", "name: not a text"},
        {"{\"name\":\"123456789\"}", ERROR_TOO_LARGE, "name", "name: longer than 8 bytes"},
        {"{\"name\":\"1\"}", ERROR_INVALID, "name", "name: shorter than 2 bytes"},
        {"{\"name\":\"\"}", ERROR_INVALID, "name", "name: empty"},
        {"{\"name\":\"a\\u0000b\"}", ERROR_INVALID, "name", "name: contains a NUL character"},
        {"{\"name\":\"ab\",\"name\":\"ab\"}", ERROR_INVALID, "name", "name: given twice"},
        {"{\"name\":\"ab\",\"na\\u006De\":\"ab\"}", ERROR_INVALID, "name", "name: given twice"},
        {"{\"number\":1e3}", ERROR_INVALID, "number", "number: not an integer"},
        {"{\"number\":1.5}", ERROR_INVALID, "number", "number: not an integer"},
        {"{\"number\":1.0}", ERROR_INVALID, "number", "number: not an integer"},
        {"{\"number\":\"1\"}", ERROR_INVALID, "number", "number: not an integer"},
        {"{\"number\":9223372036854775808}", ERROR_INVALID, "number",
         "number: not between -9223372036854775808 and 9223372036854775807"},
        {"{\"number\":-9223372036854775809}", ERROR_INVALID, "number",
         "number: not between -9223372036854775808 and 9223372036854775807"},
        {"{\"number\":100000000000000000000000000000000}", ERROR_INVALID, "number",
         "number: not between -9223372036854775808 and 9223372036854775807"},
        {"{\"yes\":1}", ERROR_INVALID, "yes", "yes: not true or false"},
        {"{\"colour\":\"blue\"}", ERROR_INVALID, "colour", "colour: not one of \"red\", \"green\""},
        {"{\"colour\":1}", ERROR_INVALID, "colour", "colour: not a text"},
        {"{\"at\":\"yesterday\"}", ERROR_INVALID, "at", "at: not a time"},
        {"{\"at\":5}", ERROR_INVALID, "at", "at: not a time"},
        {"{\"one\":5}", ERROR_INVALID, "one", "one: not an object"},
        {"{\"one\":[]}", ERROR_INVALID, "one", "one: not an object"},
        {"{\"one\":{}}", ERROR_INVALID, "one.sequence", "one.sequence: missing"},
        {"{\"one\":{\"sequence\":0}}", ERROR_INVALID, "one.sequence",
         "one.sequence: not between 1 and 9223372036854775807"},
        {"{\"windows\":{}}", ERROR_INVALID, "windows", "windows: not a list"},
        {"{\"windows\":\"\"}", ERROR_INVALID, "windows", "windows: not a list"},
        {"{\"windows\":[1]}", ERROR_INVALID, "windows[0]", "windows[0]: not an object"},
        {"{\"windows\":[null]}", ERROR_INVALID, "windows[0]", "windows[0]: not an object"},
        {"{\"windows\":[\"\"]}", ERROR_INVALID, "windows[0]", "windows[0]: not an object"},
        {"{\"windows\":[[]]}", ERROR_INVALID, "windows[0]", "windows[0]: not an object"},
        {"{\"windows\":[{\"sequence\":1},{\"sequence\":2,\"start\":\"x\"}]}", ERROR_INVALID,
         "windows[1].start", "windows[1].start: not a time"},
        {"{\"windows\":[{\"sequence\":1},{}]}", ERROR_INVALID, "windows[1].sequence",
         "windows[1].sequence: missing"},
        {"{\"windows\":[{\"sequence\":1},{\"sequence\":1},{\"sequence\":1},{\"sequence\":1}]}",
         ERROR_TOO_LARGE, "windows[3]", "windows[3]: more than 3 elements"},
        {"{\"tags\":\"a\"}", ERROR_INVALID, "tags", "tags: not a list"},
        {"{\"tags\":[1]}", ERROR_INVALID, "tags[0]", "tags[0]: not a text"},
        {"{\"tags\":[{}]}", ERROR_INVALID, "tags[0]", "tags[0]: not a text"},
        {"{\"tags\":[\"a\",\"abcde\"]}", ERROR_TOO_LARGE, "tags[1]", "tags[1]: longer than 4 bytes"},
        {"{\"tags\":[\"a\",\"b\",\"c\"]}", ERROR_TOO_LARGE, "tags[2]", "tags[2]: more than 2 elements"},
        {"{\"whole\":[]}", ERROR_INVALID, "whole", "whole: not an object"},
        {"{\"whole\":\"{}\"}", ERROR_INVALID, "whole", "whole: not an object"},
        {"{\"whole\":{}}", ERROR_INVALID, "name", "name: missing"},
        {"{\"parts\":{}}", ERROR_INVALID, "parts", "parts: not a list"},
        {"{\"parts\":[{},1]}", ERROR_INVALID, "parts[1]", "parts[1]: not an object"},
        {"{\"parts\":[[]]}", ERROR_INVALID, "parts[0]", "parts[0]: not an object"},
        {"{\"parts\":[{},{},{}]}", ERROR_TOO_LARGE, "parts[2]", "parts[2]: more than 2 elements"},
        {"[]", ERROR_INVALID, "", "not an object"},
        {"7", ERROR_INVALID, "", "not an object"},
        {"\"name\"", ERROR_INVALID, "", "not an object"},
        {"null", ERROR_INVALID, "", "not an object"},
        {"{\"name\":\"ab\"}{}", ERROR_INVALID, "", "more follows after the object"},
        {"{\"name\":\"ab\"}[]", ERROR_INVALID, "", "more follows after the object"},
        {"{\"name\":\"ab\"} 7", ERROR_INVALID, "", "more follows after the object"},
        {"{\"name\":\"ab\"} \"7", ERROR_INVALID, "", "more follows after the object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct document document;
        struct error_detail detail = {""};
        char field[JSON_PATH_BYTES] = "untouched";
        assert_int_equal(read_document(cases[i].text, &document, &detail, field), cases[i].error);
        assert_string_equal(detail.text, cases[i].detail);
        assert_string_equal(field, cases[i].field);
    }
}

static void refuses_what_is_no_json(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "{\"name\"",
        "{\"name\":\"ab\"",
        "{\"name\":\"ab\",}",
        "{\"name\":\"ab\"} x",
        "{\"name\":\"ab\"} tru",
        "{\"name\":\"ab\"},",
        "{\"name\":\"ab\"}}",
        "{name:1}",
        "{\"number\":01}",
        "{\"number\":+1}",
        "{\"number\":NaN}",
        "{'name':1}",
        "// {}",
        "{\"name\":\"a\nb\"}",
        "{\"name\":\"\\x\"}",
        "{\"name\":\"\xFF\xFE\"}",
        "{\"name\":\"\xC3\"}",
        "{\"name\":\"\xC0\x80\"}",     /* overlong: yajl alone takes it */
        "{\"name\":\"\xED\xA0\x80\"}", /* a surrogate: yajl alone takes it */
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"\\ud800\\u0041\"}",
        "{\"name\":\"\\udc00\\ud800\"}",
        "\xEF\xBB\xBF{\"name\":\"ab\"}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct document document;
        struct error_detail detail = {""};
        assert_int_equal(read_document(cases[i], &document, &detail, NULL), ERROR_INVALID);
        assert_true(strlen(detail.text) > 5);
    }
    struct document document;
    assert_int_equal(read_document("{\"name\":\"\\ud83d\\ude00\\\\ud8\"}", &document, NULL, NULL), 0);
    assert_string_equal(document.name, "\xF0\x9F\x98\x80\\ud8");
}

static void names_the_field_of_a_text_that_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"{\"name\":\"\\ud800\"}", "name"},
        {"{\"name\":\"a\nb\"}", "name"},
        {"{\"name\":\"ab\",\"\\ud800\":1}", ""}, /* in a name it is nobody's value */
        {"{\"name\":\"ab\",", ""},
        {"x\"\\ud800\"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct document document;
        struct error_detail detail = {""};
        char field[JSON_PATH_BYTES] = "untouched";
        assert_int_equal(read_document(cases[i].text, &document, &detail, field), ERROR_INVALID);
        assert_string_equal(field, cases[i].field);
    }
}

static void refuses_depth_bombs(void **state)
{
    (void)state;
    static const char *const opens[] = {"[", "{\"a\":", "[{\"a\":"};
    for (size_t i = 0; i < COUNT(opens); i++) {
        size_t count = 1000000, length = strlen(opens[i]);
        char *text = malloc(count * length + 5);
        assert_non_null(text);
        strcpy(text, "{\"x\":");
        for (size_t n = 0; n < count - 5; n++)
            memcpy(text + 5 + n * length, opens[i], length + 1);
        struct document document;
        struct error_detail detail;
        assert_int_equal(read_document(text, &document, &detail, NULL), ERROR_TOO_DEEP);
        assert_string_equal(detail.text, "nested more than 16 deep");
        free(text);
    }
}

static void one_reader_reads_many(void **state)
{
    (void)state;
    struct json_reader *reader = json_reader_create();
    assert_non_null(reader);
    static const struct {
        const char *text;
        bool good;
    } lines[] = {
        {"{\"name\":\"one\"}", true},
        {"{\"name\":\"two\"}\n", true},
        {"", false},
        {"{\"name\":\"three\"}", true},
        {"{\"name\":\"", false},
        {"four\"}", false},
        {"{\"name\":\"five\"}", true},
        {"{} tru", false},
        {"{\"name\":\"six\"} tru", false},
        {"e", false},
        {"{\"name\":\"seven\"}", true},
        {",{\"name\":\"eight\"}", false},
        {"{\"name\":\"nine\"}", true},
        {" ", false},
        {"{\"name\":\"ten\"}", true},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct document document = {0};
        struct error_detail detail;
        int error = json_reader_read(reader, &document_shape, lines[i].text, strlen(lines[i].text), &document,
                                     &detail, NULL);
        assert_int_equal(error, lines[i].good ? 0 : ERROR_INVALID);
    }
    json_reader_destroy(reader);
    json_reader_destroy(NULL);
}

static void writes_what_it_is_told(void **state)
{
    (void)state;
    struct json_writer *writer = json_writer_create(false);
    const char *text;
    size_t bytes;
    json_open_object(writer, NULL);
    json_text(writer, "name", "a\"\\\n\x01/J\xC3\xBC");
    json_text(writer, "bad", "x\xFFy\xE2\x82");
    json_text(writer, "none", NULL);
    json_integer(writer, "least", INT64_MIN);
    json_boolean(writer, "yes", true);
    json_time(writer, "at", 1);
    json_time_or_null(writer, "never", 0);
    json_time_or_null(writer, "ever", INT64_MAX);
    json_open_array(writer, "list");
    json_integer(writer, NULL, 1);
    json_open_object(writer, NULL);
    json_close_object(writer);
    json_null(writer, NULL);
    json_raw(writer, NULL, "{\"a\":[1.5]}");
    json_close_array(writer);
    json_raw(writer, "raw", "{}");
    json_raw(writer, "no", NULL);
    json_close_object(writer);
    assert_int_equal(json_writer_finish(writer, &text, &bytes), 0);
    assert_string_equal(text,
                        "{\"name\":\"a\\\"\\\\\\n\\u0001/J\xC3\xBC\",\"bad\":\"x\xEF\xBF\xBDy\xEF\xBF\xBD"
                        "\xEF\xBF\xBD\",\"none\":null,\"least\":-9223372036854775808,\"yes\":true,"
                        "\"at\":\"1970-01-01T00:00:00.001Z\",\"never\":null,\"ever\":null,"
                        "\"list\":[1,{},null,{\"a\":[1.5]}],\"raw\":{},\"no\":null}");
    assert_int_equal(bytes, strlen(text));
    json_writer_destroy(writer);
}

static void writes_large_texts_and_pretty_ones(void **state)
{
    (void)state;
    struct json_writer *writer = json_writer_create(true);
    const char *text;
    size_t bytes;
    json_open_array(writer, NULL);
    for (int i = 0; i < 20000; i++)
        json_integer(writer, NULL, i);
    json_close_array(writer);
    assert_int_equal(json_writer_finish(writer, &text, &bytes), 0);
    assert_int_equal(bytes, strlen(text));
    assert_int_equal(strncmp(text, "[\n  0,\n  1,\n", 12), 0);
    assert_string_equal(text + bytes - 10, "  19999\n]\n");
    json_writer_destroy(writer);
}

static void remembers_the_first_mistake(void **state)
{
    (void)state;
    const char *text;
    size_t bytes;
    struct json_writer *unfinished = json_writer_create(false);
    json_open_object(unfinished, NULL);
    assert_int_equal(json_writer_finish(unfinished, &text, &bytes), ERROR_INVALID);
    json_writer_destroy(unfinished);
    struct json_writer *nameless = json_writer_create(false);
    json_open_object(nameless, NULL);
    json_integer(nameless, NULL, 1);
    json_close_object(nameless);
    assert_int_equal(json_writer_finish(nameless, &text, &bytes), ERROR_INVALID);
    json_writer_destroy(nameless);
    struct json_writer *unopened = json_writer_create(false);
    json_close_object(unopened);
    assert_int_equal(json_writer_finish(unopened, &text, &bytes), ERROR_INVALID);
    json_writer_destroy(unopened);
    json_writer_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(says_where_an_object_stands),
        cmocka_unit_test(leaves_what_did_not_come),
        cmocka_unit_test(skips_unknown_fields_at_any_depth),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(names_the_field_of_a_text_that_is_none),
        cmocka_unit_test(refuses_depth_bombs),
        cmocka_unit_test(one_reader_reads_many),
        cmocka_unit_test(writes_what_it_is_told),
        cmocka_unit_test(writes_large_texts_and_pretty_ones),
        cmocka_unit_test(remembers_the_first_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
