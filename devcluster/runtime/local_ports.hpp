#pragma once
// The two loopback ports of a member, stored in its folder so that clients find it after a restart.
// Functions over the kernel and one file, and the registry of the ports that this program has
// assigned. The registry belongs to the operator's loop.

#include <functional>
#include <map>
#include <string>

namespace runtime {

struct member_ports {
    int server = 0;
    int exporter = 0;
    bool operator==(const member_ports&) const = default;
};

// True if no program listens on the port now. The result may be stale before the port is used.
bool is_port_free(int port);
// Two different free ports; 0 if the kernel has none.
member_ports new_ports();

// The stored ports; zeros if they are missing or invalid.
member_ports remembered_ports(const std::string& folder);
// Returns false if the file cannot be written.
bool remember_ports(const std::string& folder, member_ports used);

// Prevents that two members get the same port between its assignment and its first use. Other
// programs may take such a port; the member then settles its ports again.
class port_registry {
  public:
    // `pick` returns free ports.
    explicit port_registry(std::function<member_ports()> pick = new_ports)
        : pick_(std::move(pick)) {}

    // Returns the stored ports and assigns them to the folder. Replaces ports that are missing,
    // assigned to another folder, or in use. 0 if there is no free port.
    member_ports settle(const std::string& folder);
    // Like settle(), for the exporter's port only, because the server may use its port already.
    member_ports settle_exporter(const std::string& folder);
    void release(const std::string& folder);

  private:
    enum class part { both, exporter };
    member_ports settle(const std::string& folder, part moved);
    [[nodiscard]] bool is_assigned_elsewhere(int port, const std::string& folder) const;
    [[nodiscard]] member_ports pick_for(const std::string& folder) const;
    std::function<member_ports()> pick_;
    std::map<int, std::string> assigned_;  // port -> folder
};

}  // namespace runtime
