// Between the program and libc: counts every call that changes something below one folder (or every one that reads there), and lets the k-th fail or be the last.
//
// Preloaded (LD_PRELOAD) into the real program, so that GDAL, SQLite and the standard library pass it like our own code.
//   FAULT_ROOT   the folder; calls elsewhere pass
//   FAULT_GIVEN  one more such folder
//   FAULT_TRACE  a file that gets one line a call: number, call, path, inode; and what fsync made durable, see below
//   FAULT_KEEP   a folder for what was durable after each fsync: NUMBER is the file's bytes, or the folder's names with their inodes
//   FAULT_AT     number of the call that fails, from 1
//   FAULT_HOW    its errno, or "kill" (before the call), or "torn" (after half of a write), or "stall" (it does not return)
//   FAULT_LASTS  "space": from then on every call that needs room fails; "all": every call
//   FAULT_READS  where it is set, calls that read are counted and fail, and no others: read, pread, readv, fread. Not opening, listing, asking for the
//                size, fgets and its like, or mapping into memory
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char roots[2][PATH_MAX];
static const char *keep;
static long fault_at, number;
static int fault_errno, kills, tears, stalls, lasts_space, lasts_all, reads, trace = -1, active;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int inside;

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("FAULT_ROOT");
    if (!text || strlen(text) >= PATH_MAX) return;
    strcpy(roots[0], text);
    if ((text = getenv("FAULT_GIVEN")) && strlen(text) < PATH_MAX) strcpy(roots[1], text);
    keep = getenv("FAULT_KEEP");
    if ((text = getenv("FAULT_TRACE")))
        trace = (int)syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if ((text = getenv("FAULT_AT"))) fault_at = atol(text);
    if ((text = getenv("FAULT_HOW"))) {
        kills = !strcmp(text, "kill");
        tears = !strcmp(text, "torn");
        stalls = !strcmp(text, "stall");
        fault_errno = atoi(text);
    }
    if ((text = getenv("FAULT_LASTS"))) {
        lasts_space = !strcmp(text, "space");
        lasts_all = !strcmp(text, "all");
    }
    reads = getenv("FAULT_READS") != NULL;
    active = 1;
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) _exit(97);
    return found;
}
#define REAL(name) ((__typeof__(&name))next(#name))

static int below(const char *path) {
    for (int at = 0; at < 2; at++) {
        size_t length = strlen(roots[at]);
        if (length && !strncmp(path, roots[at], length) && (path[length] == '/' || !path[length])) return 1;
    }
    return 0;
}

// The path of an open folder and a name in it; 0 where it lies elsewhere.
static int place(int folder, const char *name, char *out) {
    char base[PATH_MAX];
    if (!active || inside || !name) return 0;
    if (name[0] == '/') {
        snprintf(out, PATH_MAX, "%s", name);
        return below(out);
    }
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    if (snprintf(out, PATH_MAX, "%s%s%s", base, *name ? "/" : "", name) >= PATH_MAX) return 0;
    return below(out);
}

static int file(int fd, char *out) {
    struct stat status;
    return place(fd, "", out) && !fstat(fd, &status) && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}

static void note(const char *call, const char *path, unsigned long inode) {
    char line[PATH_MAX + 128];
    if (trace < 0) return;
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\t%lu\n", number, call, path, inode);
    if (syscall(SYS_write, trace, line, (size_t)length) != length) _exit(96);
}

static unsigned long inode_of(const char *path) {
    struct stat status;
    return lstat(path, &status) ? 0 : (unsigned long)status.st_ino;
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

// Counts the call and says what is to become of it: 0, an errno, or -1 for "half of it, then the end".
static int counted(const char *call, const char *path, int needs_room) {
    pthread_mutex_lock(&lock);
    inside = 1;
    number++;
    note(call, path, inode_of(path));
    int answer = 0;
    if (fault_at && number == fault_at) {
        if (kills) end();
        answer = tears ? -1 : fault_errno;
    } else if (fault_at && number > fault_at && (lasts_all || (lasts_space && needs_room))) {
        answer = fault_errno;
    }
    int stays = stalls && number == fault_at && fault_at;
    inside = 0;
    pthread_mutex_unlock(&lock);
    if (stays) for (;;) pause();
    return answer;
}

static int hit(const char *call, const char *path, int needs_room) { return reads ? 0 : counted(call, path, needs_room); }

#define GATE(call, path, needs_room, failure)                \
    do {                                                     \
        int answer = hit(call, path, needs_room);            \
        if (answer < 0) end();                               \
        if (answer) { errno = answer; return failure; }      \
    } while (0)

// What this call has just made: an inode that was used before is another file now.
static void made(const char *path) {
    pthread_mutex_lock(&lock);
    inside = 1;
    note("made", path, inode_of(path));
    inside = 0;
    pthread_mutex_unlock(&lock);
}

// Keeps what is durable now.
static void durable(int fd, const char *path) {
    char name[PATH_MAX];
    struct stat status;
    if (!keep || fstat(fd, &status)) return;
    pthread_mutex_lock(&lock);
    inside = 1;
    int is_folder = S_ISDIR(status.st_mode);
    snprintf(name, sizeof name, "%s/%ld", keep, number);
    int out = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0) _exit(95);
    if (is_folder) {
        DIR *folder = opendir(path);
        struct dirent *entry;
        while (folder && (entry = readdir(folder))) {
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            dprintf(out, "%lu\t%c\t%s\n", (unsigned long)entry->d_ino, entry->d_type == DT_DIR ? 'd' : 'f', entry->d_name);
        }
        if (folder) closedir(folder);
    } else {
        char piece[65536];
        ssize_t length;
        int in = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
        while (in >= 0 && (length = read(in, piece, sizeof piece)) > 0)
            if (syscall(SYS_write, out, piece, (size_t)length) != length) _exit(94);
        if (in >= 0) close(in);
    }
    close(out);
    note(is_folder ? "durable-folder" : "durable-file", path, (unsigned long)status.st_ino);
    inside = 0;
    pthread_mutex_unlock(&lock);
}

static int writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC); }

static int opens(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    int counts = writes(flags) && !(flags & O_TMPFILE & ~O_DIRECTORY) && place(folder, name, path);
    int is_new = 0;
    if (counts) {
        is_new = access(path, F_OK) != 0;
        GATE(is_new ? "create" : "open", path, is_new && flags & O_CREAT, -1);
    }
    int fd = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (counts && is_new && fd >= 0) made(path);
    return fd;
}

#define MODE(flags, mode)                                        \
    mode_t mode = 0;                                             \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list list;                                            \
        va_start(list, flags);                                   \
        mode = (mode_t)va_arg(list, int);                        \
        va_end(list);                                            \
    }

int open(const char *name, int flags, ...) { MODE(flags, mode) return opens(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags, mode) return opens(AT_FDCWD, name, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE(flags, mode) return opens(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE(flags, mode) return opens(folder, name, flags | O_LARGEFILE, mode); }
int creat(const char *name, mode_t mode) { return opens(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return opens(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static FILE *stream(const char *name, const char *mode, FILE *(*real)(const char *, const char *)) {
    char path[PATH_MAX];
    int counts = strpbrk(mode, "wa+") && place(AT_FDCWD, name, path);
    int is_new = 0;
    if (counts) {
        is_new = access(path, F_OK) != 0;
        GATE(is_new ? "create" : "open", path, is_new, NULL);
    }
    FILE *opened = real(name, mode);
    if (counts && is_new && opened) made(path);
    return opened;
}
FILE *fopen(const char *name, const char *mode) { return stream(name, mode, REAL(fopen)); }
FILE *fopen64(const char *name, const char *mode) { return stream(name, mode, REAL(fopen64)); }

#define TEAR(call, path, half)                              \
    do {                                                    \
        int answer = hit(call, path, 1);                    \
        if (answer < 0) { (void)!(half); end(); }           \
        if (answer) { errno = answer; return -1; }          \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    if (file(fd, path)) TEAR("write", path, syscall(SYS_write, fd, bytes, length / 2));
    return syscall(SYS_write, fd, bytes, length);
}
static ssize_t at(int fd, const void *bytes, size_t length, off64_t offset) {
    char path[PATH_MAX];
    if (file(fd, path)) TEAR("write", path, syscall(SYS_pwrite64, fd, bytes, length / 2, offset));
    return syscall(SYS_pwrite64, fd, bytes, length, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return at(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return at(fd, bytes, length, offset); }
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    char path[PATH_MAX];
    if (file(fd, path)) TEAR("write", path, count ? syscall(SYS_write, fd, pieces->iov_base, pieces->iov_len / 2) : 0);
    return syscall(SYS_writev, fd, pieces, count);
}

// Whether a call that reads fails, with errno set.
static int fails_to_read(int fd) {
    char path[PATH_MAX];
    int answer = reads && file(fd, path) ? counted("read", path, 0) : 0;
    if (answer < 0) end();
    if (answer) errno = answer;
    return answer;
}

ssize_t read(int fd, void *bytes, size_t length) {
    if (fails_to_read(fd)) return -1;
    return syscall(SYS_read, fd, bytes, length);
}
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
    if (fails_to_read(fd)) return -1;
    return syscall(SYS_pread64, fd, bytes, length, offset);
}
ssize_t pread(int fd, void *bytes, size_t length, off_t offset) { return pread64(fd, bytes, length, offset); }
ssize_t readv(int fd, const struct iovec *pieces, int number_of) {
    if (fails_to_read(fd)) return -1;
    return syscall(SYS_readv, fd, pieces, number_of);
}
size_t fread(void *bytes, size_t size, size_t count_of, FILE *in) {
    if (fails_to_read(fileno(in))) {
        in->_flags |= 0x20;  // glibc's mark of an error, which ferror() tells
        return 0;
    }
    return REAL(fread)(bytes, size, count_of, in);
}
// What these become under _FORTIFY_SOURCE; the sizes that they check are the compiler's.
ssize_t __read_chk(int fd, void *bytes, size_t length, size_t room) { (void)room; return read(fd, bytes, length); }
ssize_t __pread64_chk(int fd, void *bytes, size_t length, off64_t offset, size_t room) { (void)room; return pread64(fd, bytes, length, offset); }
ssize_t __pread_chk(int fd, void *bytes, size_t length, off_t offset, size_t room) { (void)room; return pread64(fd, bytes, length, offset); }
size_t __fread_chk(void *bytes, size_t room, size_t size, size_t count_of, FILE *in) { (void)room; return fread(bytes, size, count_of, in); }

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *out) {
    char path[PATH_MAX];
    if (file(fileno(out), path)) GATE("fwrite", path, 1, 0);
    return REAL(fwrite)(bytes, size, count, out);
}
int fflush(FILE *out) {
    char path[PATH_MAX];
    if (out && file(fileno(out), path)) GATE("fflush", path, 1, EOF);
    return REAL(fflush)(out);
}
int fclose(FILE *out) {
    char path[PATH_MAX];
    if (!(fcntl(fileno(out), F_GETFL) & (O_WRONLY | O_RDWR)) || !file(fileno(out), path)) return REAL(fclose)(out);
    int answer = hit("fclose", path, 1);
    if (answer < 0) end();
    int result = REAL(fclose)(out);
    if (answer) { errno = answer; return EOF; }
    return result;
}

static int syncs(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    if (!file(fd, path)) return real(fd);
    GATE("sync", path, 1, -1);
    int result = real(fd);
    if (!result) durable(fd, path);
    return result;
}
int fsync(int fd) { return syncs(fd, REAL(fsync)); }
int fdatasync(int fd) { return syncs(fd, REAL(fdatasync)); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char path[PATH_MAX];
    if (place(to_folder, to, path)) GATE("rename", path, 0, -1);
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char path[PATH_MAX];
    if (place(to_folder, to, path)) GATE("link", path, 1, -1);
    return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    int counts = place(folder, name, path) && access(path, F_OK);
    if (counts) GATE("mkdir", path, 1, -1);
    int result = (int)syscall(SYS_mkdirat, folder, name, mode);
    if (counts && !result) made(path);
    return result;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    if (place(folder, name, path) && !access(path, F_OK)) GATE("unlink", path, 0, -1);
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int ftruncate(int fd, off_t length) {
    char path[PATH_MAX];
    if (file(fd, path)) GATE("truncate", path, 0, -1);
    return (int)syscall(SYS_ftruncate, fd, length);
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }
int fchmodat(int folder, const char *name, mode_t mode, int flags) {
    char path[PATH_MAX];
    if (place(folder, name, path)) GATE("chmod", path, 0, -1);
    return REAL(fchmodat)(folder, name, mode, flags);
}
int fchmod(int fd, mode_t mode) {
    char path[PATH_MAX];
    if (file(fd, path)) GATE("chmod", path, 0, -1);
    return REAL(fchmod)(fd, mode);
}
int chmod(const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (place(AT_FDCWD, name, path)) GATE("chmod", path, 0, -1);
    return REAL(chmod)(name, mode);
}
