#pragma once
// Slim CustomResourceDefinitions of the KubeDB kinds that the platform uses: the fields that it
// writes or reads, with KubeDB's names, types, enums and defaults. The real ones come with KubeDB.

#include <boost/json.hpp>
#include <vector>

namespace apiserver {

std::vector<boost::json::object> kubedb_definitions();

}  // namespace apiserver
