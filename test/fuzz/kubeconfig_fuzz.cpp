// Kubeconfigs: each one loads or fails with a text.

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "kube/kubeconfig.hpp"
#include "test/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const int file = ::memfd_create("kubeconfig", MFD_CLOEXEC);
    fuzz::require(file >= 0 && ::write(file, data, size) == static_cast<ssize_t>(size));
    const auto loaded = kube::load_kubeconfig("/proc/self/fd/" + std::to_string(file));
    fuzz::require(loaded ? !loaded->server.host.empty() : !loaded.error().text.empty());
    ::close(file);
    return 0;
}
