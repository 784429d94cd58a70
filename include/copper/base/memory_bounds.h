// What the C library may keep of this process's memory. Once, by a program's main, before there are threads.
#pragma once

namespace copper {

// Free memory goes back to the system, so that what a rank holds is what its budget says.
void BoundFreeMemory();

// Where a process may map no more than so much (AddressSpaceLimit), the stacks of its threads, 8 MiB each, and what
// malloc reserves for each arena, 64 MiB, would be most of it: less of both.
void BoundAddressSpace();

}  // namespace copper
