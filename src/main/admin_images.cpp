#include "main/admin_images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "aio/block_on.hpp"
#include "kube/discovery.hpp"
#include "kube/kube_client.hpp"
#include "kubedb/engine_dialect.hpp"
#include "main/cluster_access.hpp"
#include "main/help_flag.hpp"
#include "main/image_list.hpp"

namespace {

using base::errc;

constexpr const char* usage =
    R"(usage: dbaas admin images [--engine NAME]... [--registry REGISTRY] [--image IMAGE] [--deprecated]
                          [--json] [FLAGS of serve]

Prints the images that a cluster without the internet needs: that of the platform, and those that
the versions of KubeDB's catalogue in the cluster name. Reads the cluster and changes nothing. The
images of KubeDB's own operator are those of its chart.

  --engine NAME        only this engine, such as redis; repeatable
  --registry REGISTRY  print a second column: the image in this registry, such as
                       registry.example.com/mirror
  --image IMAGE        the image of the platform. Default: your-registry/kubedb-dbaas and the version
  --deprecated         also deprecated versions
  --json               print one JSON object

Exit codes: 0 printed, 1 the cluster was not read, 2 wrong usage or options.
)";

struct image_arguments {
    std::vector<std::string> engines{};  // empty = all
    std::string registry{};
    std::string image = "your-registry/kubedb-dbaas:" DBAAS_VERSION;
    bool has_deprecated = false;
    bool prints_json = false;
    config::options options{};
};

base::outcome<image_arguments> parse(const std::vector<std::string>& arguments,
                                     const std::map<std::string, std::string>& environment) {
    image_arguments result;
    config::sources sources{.environment = environment, .arguments = {}};
    for (std::size_t index = 1; index < arguments.size(); ++index) {
        auto flag = arguments[index];
        if (flag == "--json" || flag == "--deprecated") {
            (flag == "--json" ? result.prints_json : result.has_deprecated) = true;
            continue;
        }
        std::optional<std::string> value;
        if (const auto equals = flag.find('='); equals != std::string::npos) {
            value = flag.substr(equals + 1);
            flag.resize(equals);
        }
        if (flag != "--engine" && flag != "--registry" && flag != "--image") {
            sources.arguments.push_back(arguments[index]);
            continue;
        }
        if (!value && index + 1 < arguments.size()) value = arguments[++index];
        if (!value || value->empty()) return base::fail(errc::invalid, flag + " needs a value");
        if (flag == "--engine" && kubedb::find_dialect(*value) == nullptr) {
            return base::fail(errc::invalid,
                              fmt::format("--engine: there is no engine '{}'", *value));
        }
        if (flag == "--engine") result.engines.push_back(*value);
        if (flag == "--image") result.image = *value;
        if (flag == "--registry")
            result.registry = value->substr(0, value->find_last_not_of('/') + 1);
    }
    auto loaded = config::load(sources);
    if (!loaded) {
        const auto& error = loaded.error();
        return base::fail(errc::invalid, error.fields.empty()
                                             ? error.text
                                             : fmt::format("{}: {}", error.fields.front().pointer,
                                                           error.fields.front().message));
    }
    result.options = std::move(loaded->options);
    return result;
}

aio::task<std::set<std::string>> read_catalogue(image_arguments arguments, kube::config config) {
    const auto executor = co_await aio::this_executor();
    auto client = kube::make_client(executor, {.config = std::move(config)});
    if (!client) co_return base::pass(std::move(client));
    const auto served = co_await kube::discover(**client, {"catalog.kubedb.com"});
    if (!served) co_return base::pass(served);
    std::set<std::string> images{arguments.image};
    for (const auto* dialect : kubedb::all_dialects()) {
        const auto& kind = dialect->kind();
        const bool is_wanted =
            arguments.engines.empty() ||
            std::ranges::find(arguments.engines, kind.engine) != arguments.engines.end();
        const auto resource =
            std::ranges::find(*served, kind.version_plural(), &kube::resource::plural);
        if (!is_wanted || resource == served->end()) continue;
        kube::list_options options{.limit = 500};
        do {
            const auto page = co_await (*client)->list(*resource, {}, options);
            if (!page) co_return base::pass(page, std::string(kind.version_plural()));
            for (const auto& version : page->items) {
                images::add_images(version, arguments.has_deprecated, images);
            }
            options.continue_token = page->continue_token;
        } while (!options.continue_token.empty());
    }
    co_return images;
}

base::outcome<std::set<std::string>> read_images(const image_arguments& arguments) {
    auto access = find_cluster(arguments.options);
    if (!access) return base::pass(std::move(access));
    return aio::block_on(read_catalogue(arguments, std::move(access->config)));
}

}  // namespace

int admin_images(const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& environment) {
    if (wants_help(arguments)) {
        std::fputs(usage, stdout);
        return 0;
    }
    const auto parsed = parse(arguments, environment);
    if (!parsed) {
        std::fprintf(stderr, "dbaas: %s\n\n%s", parsed.error().text.c_str(), usage);
        return 2;
    }
    const auto images = read_images(*parsed);
    if (!images) {
        std::fprintf(stderr, "dbaas: cluster: %s\n", images.error().text.c_str());
        return 1;
    }
    const auto text = parsed->prints_json ? images::as_json(*images, parsed->registry)
                                          : images::as_text(*images, parsed->registry);
    std::fputs(text.c_str(), stdout);
    return 0;
}
