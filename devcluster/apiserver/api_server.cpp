#include "devcluster/apiserver/api_server.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "aio/block_on.hpp"
#include "aio/run_on.hpp"
#include "devcluster/apiserver/definitions.hpp"
#include "devcluster/apiserver/journal.hpp"
#include "devcluster/apiserver/request_handler.hpp"

namespace apiserver {
namespace {

using namespace std::chrono_literals;

class server_impl final : public api_server {
  public:
    explicit server_impl(server_options how)
        : options_(std::move(how)),
          objects_([this](std::string_view line) { return keep(line); }) {}
    ~server_impl() override { stop(); }

    base::outcome<void> start() {
        auto loaded = load();
        if (!loaded) return loaded;
        core_ = std::make_unique<core>(objects_, types_, *options_.clock);
        auto filled = fill();
        if (!filled) return base::pass(std::move(filled), "API server");
        auto listening = listen(options_.port != 0 ? options_.port : last_port());
        if (!listening && options_.port == 0) {
            options_.log->warning("last_port_is_taken", {{"detail", listening.error().text}});
            listening = listen(0);
        }
        if (!listening) return base::pass(std::move(listening), "API server");
        if (!options_.data_dir.empty()) std::ofstream(port_file()) << server_->port() << '\n';
        return {};
    }

    void stop() override {
        if (!server_ || std::exchange(has_stopped_, true)) return;
        server_->drain();
        const auto loop = server_->executors().front();
        // Nothing can fail in it, and what is cut is cut below.
        (void)aio::block_on(
            aio::run_on<void>(loop, [handler = handler_] { return handler->stop(); }));
        server_->stop(std::chrono::steady_clock::now() + 2s);
        journal_.reset();
    }

    [[nodiscard]] std::uint16_t port() const noexcept override { return server_->port(); }

    [[nodiscard]] std::string kubeconfig() const override {
        return fmt::format(
            "apiVersion: v1\nkind: Config\ncurrent-context: devcluster\n"
            "clusters:\n- name: devcluster\n  cluster: {{server: 'http://{}:{}'}}\n"
            "users:\n- name: admin\n  user: {{token: '{}'}}\n"
            "contexts:\n- name: devcluster\n  context: {{cluster: devcluster, user: admin}}\n",
            options_.address, port(), options_.token);
    }

  private:
    [[nodiscard]] std::string port_file() const { return options_.data_dir + "/apiserver.port"; }

    // Clients find the server again where it was.
    std::uint16_t last_port() const {
        std::uint16_t port = 0;
        std::ifstream(port_file()) >> port;
        return port;
    }

    base::outcome<void> listen(std::uint16_t port) {
        auto started = http::start_server(
            {.address = options_.address,
             .port = port,
             .loops = 1,
             .body_bytes_max = 3 * 1024 * 1024},
            [this](aio::executor on) {
                auto made = std::make_unique<serving>(
                    std::move(on),
                    serving::parts{objects_, *core_, options_.token, options_.simulator});
                handler_ = made.get();
                return made;
            });
        if (!started) return base::pass(std::move(started));
        server_ = std::move(*started);
        return {};
    }

    base::outcome<void> load() {
        if (options_.data_dir.empty()) return {};
        auto opened = open_journal({.folder = options_.data_dir},
                                   [this](std::string_view line) { return objects_.replay(line); });
        if (!opened) return base::pass(std::move(opened), "API server");
        journal_ = std::move(*opened);
        return {};
    }

    // A change counts when its line is kept. Snapshots are begun between changes.
    base::outcome<void> keep(std::string_view line) {
        if (!journal_) return {};
        if (journal_->wants_snapshot()) journal_->snapshot(objects_.snapshot());
        auto kept = journal_->append(line);
        if (!kept) options_.log->error("journal_failed", {{"detail", kept.error().text}});
        return kept;
    }

    // What every cluster has.
    base::outcome<void> fill() {
        auto definitions =
            options_.kubedb_definitions ? kubedb_definitions() : std::vector<json::object>();
        for (const auto& text : options_.definitions) {
            auto read = read_definition(text);
            if (!read) return base::pass(std::move(read));
            definitions.push_back(std::move(*read));
        }
        for (auto& each : definitions) {
            auto made = core_->ensure("apiextensions.k8s.io/v1", "customresourcedefinitions",
                                      std::move(each), core::when_present::replace);
            if (!made) return made;
        }
        for (const auto* name : {"default", "kube-system"}) {
            auto made = core_->ensure("v1", "namespaces", {{"metadata", {{"name", name}}}});
            if (!made) return made;
        }
        return core_->ensure("storage.k8s.io/v1", "storageclasses",
                             {{"metadata", {{"name", "local"}}},
                              {"provisioner", "kubedb-dbaas.io/local"},
                              {"allowVolumeExpansion", true}});
    }

    server_options options_;
    std::unique_ptr<journal> journal_;
    object_store objects_;
    type_table types_;
    std::unique_ptr<core> core_;
    std::unique_ptr<http::server> server_;
    serving* handler_ = nullptr;  // the server's
    bool has_stopped_ = false;
};

}  // namespace

base::outcome<std::unique_ptr<api_server>> start(server_options how) {
    auto made = std::make_unique<server_impl>(std::move(how));
    auto started = made->start();
    if (!started) return base::pass(std::move(started));
    return made;
}

}  // namespace apiserver
