// What fi_getinfo finds on this host.
#pragma once

#include <vector>

#include "copper/fabric/net_type.h"
#include "fabric/fid.h"

namespace copper::fabric {

// Everything that offers reliable datagrams to several threads at once and can carry a whole chunk, in libfabric's
// order. Empty where there is none.
std::vector<InfoPtr> QueryProviders(size_t head_size);

std::vector<Candidate> DescribeProviders(const std::vector<InfoPtr>& infos);

// Sets the port of the source address that `info` will bind to, and which of the loopback addresses it is.
void SetSource(fi_info& info, const BindAddress& source);

}  // namespace copper::fabric
