#pragma once
// The address of a running platform, for the commands that send requests to it.

#include <chrono>
#include <map>
#include <optional>
#include <string>

// Returns the address of DBAAS_LISTEN on loopback, with TLS if DBAAS_TLS_CERT is set.
std::string default_platform_url(const std::map<std::string, std::string>& environment);
// Returns the seconds of a flag; nullopt if it is no whole number from 1 to 60.
std::optional<std::chrono::seconds> parse_timeout(const std::string& text);
