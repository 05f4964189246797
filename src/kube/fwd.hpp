#pragma once
// Forward declarations of the interfaces and values that other modules name in their headers.

namespace kube {

class client;
class informer;
class informer_listener;
struct config;
struct object_meta;
struct resource;

}  // namespace kube
