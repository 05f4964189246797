#pragma once
// The images that a cluster needs, for `dbaas admin images`. Pure.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.hpp"

namespace images {

// Adds the images that a version of KubeDB's catalogue names: each member `image` of its spec.
// A deprecated version adds none, unless `has_deprecated`.
void add_images(const json::object& version, bool has_deprecated, std::set<std::string>& out);

// Returns the image in another registry: the host is replaced, and the repository, the tag and the
// digest stay. "ghcr.io/kubedb/redis:7" and "kubedb/redis:7" become "REGISTRY/kubedb/redis:7".
std::string in_registry(std::string_view image, std::string_view registry);

// Returns one image per line. With a registry, a line has the image and its name there, as copying
// programs need them.
std::string as_text(const std::set<std::string>& images, std::string_view registry);
// {"images":[{"image":…,"target":…}]}
std::string as_json(const std::set<std::string>& images, std::string_view registry);

}  // namespace images
