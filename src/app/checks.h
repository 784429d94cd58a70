// What a rank's process may have, before anything is made: each message says what is too little and what to do.
#pragma once

#include <cstdint>

#include "app/options.h"
#include "copper/base/result.h"

namespace copper::app {

// Of what a process may map (RLIMIT_AS): with less, MPI hangs in its start, or ends it without a word that tells why.
Status CheckAddressSpace(uint64_t limit);

// Open files, at most, while the source answers: what libraries and the daemon itself have open, a connection to each
// peer, and what the source is read through.
uint64_t OpenFilesNeeded(const Options& options, uint32_t ranks);

// EMFILE where `limit` is less than that. With `at_once` only where it is less than what the start itself takes, so
// that not even MPI can be used to agree on an error.
Status CheckOpenFiles(const Options& options, uint32_t ranks, uint64_t limit, bool at_once);

}  // namespace copper::app
