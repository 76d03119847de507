#!/bin/bash
# Another compiler under the same name and version text is another compiler.
. "$(dirname "$0")/lib.sh"

write_code
mkdir tool
printf '#!/bin/sh\nexec gcc -DANSWER2=1 "$@"\n' >tool/gcc-x
chmod +x tool/gcc-x
echo '#ifdef ANSWER2
int answer2 = ANSWER2;
#endif' >>a.c
age tool/gcc-x
sleep 0.02
expect_rc 0 sccache tool/gcc-x -c a.c -o 1.o
printf '#!/bin/sh\nexec gcc -DANSWER2=2 "$@"\n' >tool/gcc-x
age tool/gcc-x
tool/gcc-x -c a.c -o plain.o
expect_rc 0 sccache tool/gcc-x -c a.c -o 2.o
expect_same plain.o 2.o
expect_stat cache_hits 0
