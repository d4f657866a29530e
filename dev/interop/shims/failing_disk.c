/* Makes system calls on files fail, for tests of a real server: `LD_PRELOAD=failing_disk.so DISK_RULES=file DISK_HITS=file server`.
 *
 * The rules are lines `CALL ERRNO PART`: CALL (read, write, sync, rename) on a path that holds PART fails with this error number. The file is
 * read anew at every call, so that a test may change it while the server runs. Each failure is noted as a line `CALL PATH` in the file of hits.
 *
 * Nothing here allocates or calls what is wrapped: calls of its own go to the kernel directly.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Reads the rules; their length. */
static size_t read_rules(char *into, size_t most) {
    const char *path = getenv("DISK_RULES");
    if (!path) return 0;
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    long length = syscall(SYS_read, fd, into, most - 1);
    syscall(SYS_close, fd);
    if (length < 0) length = 0;
    into[length] = 0;
    return (size_t)length;
}

static void note_hit(const char *call, const char *path) {
    const char *hits = getenv("DISK_HITS");
    if (!hits) return;
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    long fd = syscall(SYS_openat, AT_FDCWD, hits, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    syscall(SYS_close, fd);
}

/* The error number that this call on this path fails with; 0 when it goes on. */
static int verdict(const char *call, const char *path) {
    int before = errno;
    char rules[4096];
    if (read_rules(rules, sizeof rules) == 0) {
        errno = before;
        return 0;
    }
    int number = 0;
    char *rest = NULL;
    for (char *line = strtok_r(rules, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[16], part[512];
        int error;
        if (sscanf(line, "%15s %d %511s", name, &error, part) != 3) continue;
        if (strcmp(name, call) != 0 || !strstr(path, part)) continue;
        number = error;
        note_hit(call, path);
        break;
    }
    errno = before;
    return number;
}

static int verdict_of_file(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return path[0] == '/' ? verdict(call, path) : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(number) do { int e = (number); if (e) { errno = e; return -1; } } while (0)

ssize_t pread64(int fd, void *to, size_t count, off64_t at) {
    FAIL_IF(verdict_of_file("read", fd));
    return REAL(pread64)(fd, to, count, at);
}

ssize_t pread(int fd, void *to, size_t count, off_t at) {
    FAIL_IF(verdict_of_file("read", fd));
    return REAL(pread)(fd, to, count, at);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    FAIL_IF(verdict_of_file("write", fd));
    return REAL(pwrite64)(fd, from, count, at);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at) {
    FAIL_IF(verdict_of_file("write", fd));
    return REAL(pwrite)(fd, from, count, at);
}

int fsync(int fd) {
    FAIL_IF(verdict_of_file("sync", fd));
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    FAIL_IF(verdict_of_file("sync", fd));
    return REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to) {
    FAIL_IF(verdict("rename", to));
    return REAL(rename)(from, to);
}
