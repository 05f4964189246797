#pragma once
// The two ports of a member on loopback, remembered in its folder so that clients find it again
// after a restart. Plain functions over the kernel and one small file, and the book of what this
// program has promised to whom: the operator's, on its loop.

#include <functional>
#include <map>
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

// Between the promise and the first use of a port nobody listens there: the book keeps others of
// this program from it. Other programs may take it all the same; who finds that asks anew.
class port_registry {
  public:
    // `pick` offers ports that are free.
    explicit port_registry(std::function<member_ports()> pick = new_ports)
        : pick_(std::move(pick)) {}

    // The remembered ports, with new ones in place of those that are unknown, promised to another
    // folder or taken by others. Promised from then on; 0 where there is none.
    member_ports settle(const std::string& folder);
    // The same for the exporter's port alone: the server's may be in use by now.
    member_ports settle_exporter(const std::string& folder);
    void release(const std::string& folder);

  private:
    enum class part { both, exporter };
    member_ports settle(const std::string& folder, part which);
    [[nodiscard]] bool is_promised_elsewhere(int port, const std::string& folder) const;
    [[nodiscard]] member_ports pick_for(const std::string& folder) const;
    std::function<member_ports()> pick_;
    std::map<int, std::string> promised_;  // to which folder
};

}  // namespace runtime
