#!/usr/bin/env bash
# Runs in the emulated machine, started by init: ctest on the scenarios that run.sh has chosen.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
read_argument() { sed -n 's/.* '"$1"'=\([^ ]*\).*/\1/p' /proc/cmdline; }
hostname copper-guest
# (MPICH asks for its own host's address.)
printf '127.0.0.1 localhost copper-guest\n' >/etc/hosts
printf 'kernel %s\n' "$(uname -r)"
# Emulated processors are some twenty times slower; a test must not believe in speed, but its patience is for real ones.
export COPPER_TEST_PATIENCE=10
cd -- "$(read_argument build)" || exit
ctest -j 1 --timeout 5400 --output-on-failure --no-tests=error -R "$(read_argument tests)"
