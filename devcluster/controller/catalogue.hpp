#pragma once
// What this machine offers, as objects: a version per engine that is installed, and a node with
// room for more than there is, because demonstrations are small and many.

#include <string>

#include "kube/client.hpp"
#include "obs/log.hpp"

namespace controller {

aio::task<> offer_catalogue(kube::client& through, std::string data_dir, obs::log& log);

}  // namespace controller
