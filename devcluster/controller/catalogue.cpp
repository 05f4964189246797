#include "devcluster/controller/catalogue.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <filesystem>
#include <thread>

#include "base/quantity.hpp"
#include "devcluster/controller/kinds.hpp"
#include "devcluster/runtime/engine.hpp"
#include "kube/json_text.hpp"

namespace controller {
namespace {

// Databases of a demonstration idle most of the time.
constexpr std::int64_t cpu_overcommit = 100;
constexpr std::int64_t memory_overcommit = 10;

boost::json::object node_object(const std::string& data_dir) {
    const auto cpus = std::max(1U, std::thread::hardware_concurrency());
    const auto memory = std::int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
    std::error_code error;
    const auto disk = std::filesystem::space(data_dir, error).available;
    const boost::json::object room{
        {"cpu", std::to_string(std::int64_t(cpus) * cpu_overcommit)},
        {"memory", base::bytes_text(memory * memory_overcommit / 1048576 * 1048576)},
        {"ephemeral-storage", std::to_string(disk)},
        {"pods", "100000"}};
    return {{"apiVersion", "v1"},
            {"kind", "Node"},
            {"metadata", {{"name", "local"}}},
            {"status", {{"capacity", room}, {"allocatable", room}}}};
}

}  // namespace

aio::task<> offer_catalogue(kube::client& through, std::string data_dir, obs::log& log) {
    for (const auto& kind : engine_kinds()) {
        const auto* engine = runtime::find_engine(kind.engine);
        std::string missing;
        const auto version = runtime::installed_version(*engine, missing);
        if (version.empty()) {
            log.info("engine_not_installed", {{"engine", kind.engine}, {"missing", missing}});
            continue;
        }
        const auto what = version_resource(kind);
        auto offered = co_await ensure(through, what,
                                       {{"apiVersion", what.api_version()},
                                        {"kind", what.kind},
                                        {"metadata", {{"name", version}}},
                                        {"spec", {{"version", version}}}});
        if (!offered) co_return offered;
        log.info("engine_offered", {{"engine", kind.engine}, {"version", version}});
    }
    const kube::resource nodes{
        .version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
    auto node = node_object(data_dir);
    const auto status = node;
    auto made = co_await ensure(through, nodes, std::move(node));
    if (!made) co_return made;
    auto patched =
        co_await through.patch(nodes, {}, "local", kube::patch_type::merge,
                               boost::json::object{{"status", status.at("status")}}, "status",
                               {.field_manager = "local-operator", .strict_fields = false});
    if (!patched) co_return base::pass(std::move(patched));
    co_return base::outcome<void>{};
}

}  // namespace controller
