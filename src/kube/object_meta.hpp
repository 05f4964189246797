#pragma once
// The metadata of an object that the informer and its listeners need. Plain value.

#include <string>

namespace kube {

struct object_meta {
    std::string ns;
    std::string name;
    std::string uid;
    std::string resource_version;
};

}  // namespace kube
