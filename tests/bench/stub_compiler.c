/* A compiler that has the answer ready: with -c it copies $STUB_DIR/{object,deps,gas} to where the object, the compiler's and
   the assembler's dependencies are wanted; anything else, probes above all, goes to $STUB_REAL. What a compile through sccache
   takes longer than one of these alone is what a miss costs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy(const char *name, const char *to) {
    char from[4096];
    snprintf(from, sizeof from, "%s/%s", getenv("STUB_DIR"), name);
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    struct stat st;
    if (in < 0 || out < 0 || fstat(in, &st) != 0) _exit(3);
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n <= 0) _exit(3);
        left -= n;
    }
    close(in);
    close(out);
}

int main(int argc, char **argv) {
    const char *object = NULL, *deps = NULL, *gas = NULL;
    int compile = 0, question = 0;
    for (int i = 1; i < argc; ++i) {
        if (!strcmp(argv[i], "-c")) compile = 1;
        if (!strcmp(argv[i], "-###") || !strcmp(argv[i], "-v") || !strncmp(argv[i], "-print", 6)) question = 1;
        if (!strcmp(argv[i], "-o") && i + 1 < argc) object = argv[i + 1];
        if (!strcmp(argv[i], "-MF") && i + 1 < argc) deps = argv[i + 1];
        if (!strncmp(argv[i], "-Wa,--MD,", 9)) gas = argv[i] + 9;
    }
    if (!compile || !object || question) {
        argv[0] = getenv("STUB_REAL"); /* a driver looks for its parts from there */
        execv(argv[0], argv);
        return 3;
    }
    if (gas) copy("gas", gas);
    if (deps) copy("deps", deps);
    copy("object", object);
    return 0;
}
