#include "main/platform_url.hpp"

#include <fmt/format.h>

#include <charconv>

std::string default_platform_url(const std::map<std::string, std::string>& environment) {
    const auto value = [&](const char* name) {
        const auto entry = environment.find(name);
        return entry == environment.end() ? std::string() : entry->second;
    };
    const auto listen = value("DBAAS_LISTEN");
    const auto colon = listen.rfind(':');
    const auto port = colon == std::string::npos ? "8000" : listen.substr(colon + 1);
    const auto* const scheme = value("DBAAS_TLS_CERT").empty() ? "http" : "https";
    return fmt::format("{}://127.0.0.1:{}", scheme, port);
}

std::optional<std::chrono::seconds> parse_timeout(const std::string& text) {
    int seconds = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, seconds);
    if (error != std::errc() || rest != end || seconds < 1 || seconds > 60) return std::nullopt;
    return std::chrono::seconds(seconds);
}
