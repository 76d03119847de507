/* stopwatch JOBS FILE: runs the commands of FILE, JOBS at a time, and prints how many nanoseconds all of them took together.
   Each command is a directory and the arguments, every one ended by a NUL byte, with an empty one behind the last. A script
   that measured itself would add its own half millisecond to every process it starts. Exits with 1 when a command failed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int failed;

static void collect(void) {
    int status;
    if (wait(&status) > 0 && status != 0) failed = 1;
}

int main(int argc, char **argv) {
    int fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) return 2;
    char *text = malloc((size_t)st.st_size + 1);
    if (!text || read(fd, text, (size_t)st.st_size) != st.st_size) return 2;
    char **words = malloc(((size_t)st.st_size + 1) * sizeof *words);
    int jobs = atoi(argv[1]), running = 0;
    long long begin = now();
    for (char *at = text, *end = text + st.st_size; at < end;) {
        const char *directory = at;
        size_t n = 0;
        for (at += strlen(at) + 1; at < end && *at; at += strlen(at) + 1) words[n++] = at;
        words[n] = NULL;
        ++at;
        if (running == jobs) collect(), --running;
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addchdir_np(&files, directory);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
        pid_t pid;
        if (posix_spawnp(&pid, words[0], &files, NULL, words, environ) == 0)
            ++running;
        else
            failed = 1;
        posix_spawn_file_actions_destroy(&files);
    }
    while (running > 0) collect(), --running;
    printf("%lld\n", now() - begin);
    return failed;
}
