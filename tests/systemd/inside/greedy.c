/* A compiler that makes an object of one line, and in a builder's sandbox first does what its source says: EAT more memory
   than a job has, in several processes that each stay below the limit of one; FORK until it is refused; fork ENDLESSly.
   Questions go to the real compiler. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EATERS 4
#define EACH (60ul << 20)

static void eat(void) {
    for (int i = 0; i < EATERS; ++i) {
        if (fork() != 0) continue;
        volatile char *food = malloc(EACH); /* volatile: written though nobody reads it */
        for (unsigned long at = 0; food && at < EACH; at += 4096) food[at] = 1;
        sleep(20);
        _exit(0);
    }
    while (wait(NULL) > 0) {}
}

static void fork_until_refused(void) {
    int children = 0;
    for (pid_t pid; (pid = fork()) >= 0; ++children)
        if (pid == 0) for (;;) pause();
    fprintf(stderr, "greedy: no more than %d: %s\n", children, strerror(errno));
    exit(1);
}

int main(int argc, char **argv) {
    const char *out = NULL, *in = NULL;
    int compile = 0;
    for (int i = 1; i < argc; ++i) {
        const char *dot = strrchr(argv[i], '.');
        if (!strcmp(argv[i], "-c")) compile = 1;
        else if (!strcmp(argv[i], "-o") && i + 1 < argc) out = argv[++i];
        else if (dot && argv[i][0] != '-' && (!strcmp(dot, ".c") || !strcmp(dot, ".i"))) in = argv[i];
    }
    for (int i = 1; i < argc; ++i)
        if (!strcmp(argv[i], "-v") || !strcmp(argv[i], "-###") || !strcmp(argv[i], "-E") || !strcmp(argv[i], "-M")) compile = 0;
    if (!compile || !out || !in) {
        argv[0] = "/usr/bin/gcc";
        execv(argv[0], argv);
        return 127;
    }
    char text[65536] = "";
    int fd = open(in, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0) return 3;
    if (access("/etc/os-release", F_OK) != 0) { /* no host has none, no sandbox has one */
        if (strstr(text, "EAT")) eat();
        if (strstr(text, "FORK")) fork_until_refused();
        while (strstr(text, "ENDLESS")) (void)!fork();
    }
    fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    return fd >= 0 && write(fd, "object\n", 7) == 7 ? 0 : 3;
}
