// Times of files move in ticks: two changes within one leave the same mtime, and so, if the size stays, the same
// version. What is read when the tick of its last change is over, and has the same version afterwards, is what that
// version is for good. (Git calls entries of an index "racily clean" for the same reason.)
#pragma once

#include "copper/base/clock.h"
#include "copper/names/attributes.h"

namespace copper::storage {

// Of kernels (a jiffy, up to 10 ms), with as much again for clocks of servers that are not quite ours.
inline constexpr std::chrono::nanoseconds kTick = std::chrono::milliseconds(20);
// Of sources that keep whole seconds, as Lustre: told by a time without a fraction.
inline constexpr std::chrono::nanoseconds kSlowTick = std::chrono::seconds(1) + kTick;

// How long after `now` the tick of this change goes on. Zero for almost every file, and for times
// in the future, which say nothing.
Duration LeftOfTick(const FileTime& change, const FileTime& now);
inline Duration LeftOfTick(const FileVersion& version, const FileTime& now) {
  return LeftOfTick(version.mtime, now);
}

// Sleeps until it is over.
void AwaitEndOfTick(const FileTime& change);

}  // namespace copper::storage
