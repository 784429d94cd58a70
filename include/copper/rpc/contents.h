// What requests and replies carry, for those above rpc: the wire's own structures under rpc's name.
#pragma once

#include "copper/wire/header.h"
#include "copper/wire/payload.h"

namespace copper::rpc {

using wire::DecodeAttributes;
using wire::DecodeListing;
using wire::DecodeValidity;
using wire::EncodeAttributes;
using wire::EncodeListing;
using wire::EncodeValidity;
using wire::Keys;
using wire::kSealed;
using wire::kUnchanged;
using wire::kZeros;
using wire::Subject;

}  // namespace copper::rpc
