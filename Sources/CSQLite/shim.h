// SQLite's variadic calls and function-pointer macros, which Swift cannot import.
#pragma once
#include <sqlite3.h>
#include <sys/vfs.h>

/// SQLITE_TRANSIENT is a cast of -1 to a function pointer; Swift does not see it.
static inline int trellis_bind_text(sqlite3_stmt *statement, int index, const char *text, int count) {
    return sqlite3_bind_text(statement, index, text, count, SQLITE_TRANSIENT);
}
static inline int trellis_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}
static inline int trellis_db_config(sqlite3 *database, int option, int value) {
    return sqlite3_db_config(database, option, value, (int *)0);
}
/// The kind of file system a path is on (linux/magic.h), or 0: SQLite's locks need a local one.
static inline unsigned int trellis_file_system(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 ? (unsigned int)status.f_type : 0;
}
/// For the whole process, and only before SQLite's first use (sqlite.org/c3ref/c_config_covering_index_scan.html).
static inline int trellis_configure(void) {
    // Memory statistics cost a process-wide lock at every allocation, and nobody reads them.
    int code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    // What a statement would undo if a trigger refused it stays in memory, in small pieces. By default it is one piece
    // of 64 kB for each statement, and a temporary file beyond that.
    if (code == SQLITE_OK) code = sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
    return code;
}
/// errno of the last failed system call on the database file, or on its write-ahead log. `sqlite3_system_errno` does not
/// have it when a COMMIT failed: then only the file itself knows (sqlite.org/c3ref/c_fcntl_begin_atomic_write.html).
static inline int trellis_file_errno(sqlite3 *database, int of_log) {
    sqlite3_file *file = 0;
    int error = 0;
    int which = of_log ? SQLITE_FCNTL_JOURNAL_POINTER : SQLITE_FCNTL_FILE_POINTER;
    if (sqlite3_file_control(database, "main", which, &file) != SQLITE_OK || !file || !file->pMethods) return 0;
    return file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK ? error : 0;
}
