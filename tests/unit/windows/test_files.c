/* Files as only Windows has them: held by others, on other hosts, among others' temporary ones. */
#include "common/platform/replacing.h"
#include "common/platform/windows/temporary.h"
#include "common/platform/windows/wide.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <wchar.h>
#include <windows.h>

#define FILE_NAME  "held.txt"
#define FRESH_NAME "fresh.txt"
#define HELD_MS    50
#define REFUSED_MS 5000

static void write_down(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void read_back(const char *path, const char *text)
{
    char found[16] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(found, sizeof(found), file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(found, text);
}

static HANDLE hold(void)
{
    HANDLE held = CreateFileA(FILE_NAME, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    assert_ptr_not_equal(held, INVALID_HANDLE_VALUE);
    return held;
}

static void let_go(void *data)
{
    Sleep(HELD_MS);
    (void)CloseHandle(*(HANDLE *)data);
}

static void who_looks_at_a_file_for_a_moment_is_waited_for(void **state)
{
    uv_thread_t thread;
    (void)state;
    write_down(FILE_NAME, "old");
    write_down(FRESH_NAME, "new");
    HANDLE held = hold();
    assert_false(MoveFileExA(FRESH_NAME, FILE_NAME, MOVEFILE_REPLACE_EXISTING)); /* what Windows says of it */
    assert_int_equal(uv_thread_create(&thread, let_go, &held), 0);
    assert_int_equal(replacing_rename(FRESH_NAME, FILE_NAME), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    read_back(FILE_NAME, "new");
    assert_int_equal(unlink(FILE_NAME), 0);
}

static void who_keeps_it_is_not_waited_for(void **state)
{
    (void)state;
    write_down(FILE_NAME, "old");
    write_down(FRESH_NAME, "new");
    HANDLE held = hold();
    ULONGLONG began_ms = GetTickCount64();
    assert_int_equal(replacing_rename(FRESH_NAME, FILE_NAME), -1);
    assert_int_equal(errno, EACCES);
    assert_in_range(GetTickCount64() - began_ms, 0, REFUSED_MS);
    assert_true(CloseHandle(held));
    read_back(FILE_NAME, "old");
    assert_int_equal(unlink(FILE_NAME), 0);
    assert_int_equal(unlink(FRESH_NAME), 0);
}

/* What an event waits for holds up every other. */
static void a_plain_rename_waits_for_nobody(void **state)
{
    uv_thread_t thread;
    (void)state;
    write_down(FILE_NAME, "old");
    write_down(FRESH_NAME, "new");
    HANDLE held = hold();
    assert_int_equal(uv_thread_create(&thread, let_go, &held), 0);
    assert_int_equal(rename(FRESH_NAME, FILE_NAME), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_int_equal(unlink(FILE_NAME), 0);
    assert_int_equal(unlink(FRESH_NAME), 0);
}

static void long_paths_are_freed_of_the_limit(void **state)
{
    static const struct {
        const char *begins;
        bool freed;
        const wchar_t *becomes;
    } cases[] = {
        {"C:/a/", true, L"\\\\?\\C:\\a\\"},
        {"C:/a/./b/../", true, L"\\\\?\\C:\\a\\"},
        {"//host/share/", true, L"\\\\?\\UNC\\host\\share\\"},
        {"//./pipe/", false, L"\\\\.\\pipe\\"},
        {"\\\\?\\C:\\", false, L"\\\\?\\C:\\"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[512];
        size_t length = (size_t)snprintf(path, sizeof(path), "%s", cases[i].begins);
        memset(path + length, 'x', 300);
        path[length + 300] = '\0';
        wchar_t *wide = wide_path(path);
        assert_non_null(wide);
        size_t prefix = wcslen(cases[i].becomes);
        if (wcsncmp(wide, cases[i].becomes, prefix) != 0 || wcsspn(wide + prefix, L"x") != 300 ||
            wcslen(wide) != prefix + 300)
            fail_msg("%s… became %ls", cases[i].begins, wide);
        free(wide);
    }
    wchar_t *brief = wide_path("//host/share/file");
    assert_non_null(brief);
    assert_int_equal(wcscmp(brief, L"\\\\host\\share\\file"), 0);
    free(brief);
}

static void a_temporary_file_is_its_own(void **state)
{
    HANDLE files[3];
    DWORD written;
    char found[3] = "";
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        DWORD flags = 0;
        files[i] = temporary_open(i == 1);
        assert_ptr_not_equal(files[i], INVALID_HANDLE_VALUE);
        assert_true(GetHandleInformation(files[i], &flags));
        assert_int_equal(flags & HANDLE_FLAG_INHERIT, i == 1 ? HANDLE_FLAG_INHERIT : 0);
        assert_true(WriteFile(files[i], i == 0 ? "ab" : "cd", 2, &written, NULL));
    }
    assert_int_equal(SetFilePointer(files[0], 0, NULL, FILE_BEGIN), 0);
    assert_true(ReadFile(files[0], found, 2, &written, NULL));
    assert_string_equal(found, "ab");
    for (size_t i = 0; i < COUNT(files); i++) {
        wchar_t path[MAX_PATH] = L"";
        DWORD length = GetFinalPathNameByHandleW(files[i], path, MAX_PATH, VOLUME_NAME_DOS);
        assert_in_range(length, 1, MAX_PATH - 1);
        assert_true(CloseHandle(files[i]));
        assert_int_equal(GetFileAttributesW(path), INVALID_FILE_ATTRIBUTES); /* it is gone */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_looks_at_a_file_for_a_moment_is_waited_for),
        cmocka_unit_test(who_keeps_it_is_not_waited_for),
        cmocka_unit_test(a_plain_rename_waits_for_nobody),
        cmocka_unit_test(long_paths_are_freed_of_the_limit),
        cmocka_unit_test(a_temporary_file_is_its_own),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
