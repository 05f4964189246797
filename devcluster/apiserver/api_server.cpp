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
    explicit server_impl(server_options options)
        : options_(std::move(options)),
          objects_([this](std::string_view line) { return append(line); }) {}
    ~server_impl() override { stop(); }

    base::outcome<void> start() {
        auto loaded = load();
        if (!loaded) return loaded;
        core_ = std::make_unique<api_core>(objects_, types_, *options_.clock);
        auto filled = fill();
        if (!filled) return base::pass(std::move(filled), "API server");
        auto listening = listen(options_.port != 0 ? options_.port : last_port());
        if (!listening && options_.port == 0) {
            options_.log->warning("last_port_in_use", {{"detail", listening.error().text}});
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
        // The task cannot fail. server_->stop() ends the connections that remain.
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

    // Clients find a restarted server at the same port.
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
            [this](aio::executor executor) {
                auto handler = std::make_unique<request_handler>(
                    std::move(executor),
                    request_handler::deps{objects_, *core_, options_.token, options_.simulator});
                handler_ = handler.get();
                return handler;
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

    // A change takes effect after the journal has its line. Snapshots start between changes.
    base::outcome<void> append(std::string_view line) {
        if (!journal_) return {};
        if (journal_->wants_snapshot()) journal_->snapshot(objects_.snapshot());
        auto stored = journal_->append(line);
        if (!stored) options_.log->error("journal_failed", {{"detail", stored.error().text}});
        return stored;
    }

    // Creates the objects that every cluster has.
    base::outcome<void> fill() {
        auto definitions =
            options_.kubedb_definitions ? kubedb_definitions() : std::vector<json::object>();
        for (const auto& text : options_.definitions) {
            auto read = read_definition(text);
            if (!read) return base::pass(std::move(read));
            definitions.push_back(std::move(*read));
        }
        for (auto& each : definitions) {
            auto result = core_->ensure("apiextensions.k8s.io/v1", "customresourcedefinitions",
                                        std::move(each), when_present::replace);
            if (!result) return result;
        }
        for (const auto* name : {"default", "kube-system"}) {
            auto result = core_->ensure("v1", "namespaces", {{"metadata", {{"name", name}}}});
            if (!result) return result;
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
    std::unique_ptr<api_core> core_;
    std::unique_ptr<http::server> server_;
    request_handler* handler_ = nullptr;  // owned by the server
    bool has_stopped_ = false;
};

}  // namespace

base::outcome<std::unique_ptr<api_server>> start(server_options options) {
    auto server = std::make_unique<server_impl>(std::move(options));
    auto started = server->start();
    if (!started) return base::pass(std::move(started));
    return server;
}

}  // namespace apiserver
