#pragma once
// The two ports of a member on loopback, remembered in its folder so that clients find it again
// after a restart. Plain functions over the kernel and one small file.

#include <string>

namespace runtime {

struct member_ports {
    int server = 0;
    int exporter = 0;
    bool operator==(const member_ports&) const = default;
};

// Nobody listens there now; somebody may before it is used.
bool is_port_free(int port);
// Two different free ports; 0 where the kernel has none.
member_ports new_ports();

// Zeros when nothing (or nonsense) is remembered.
member_ports remembered_ports(const std::string& folder);
// False: the file cannot be written.
bool remember_ports(const std::string& folder, member_ports used);

// The remembered ports, with new ones in place of those that are unknown or taken by others.
member_ports settle_ports(const std::string& folder);

}  // namespace runtime
