#include "api/openapi/schemas.hpp"

namespace api {
namespace {

// clang-format off
constexpr std::string_view text = R"json({
 "CreateServiceAccount": {
  "type": "object",
  "required": ["name"],
  "properties": {
   "name": {"$ref": "#/components/schemas/Word"},
   "description": {"$ref": "#/components/schemas/AccountDescription"},
   "project": {
    "type": ["string", "null"],
    "description": "Project of the account, whose owners manage it; left out or null: the platform",
    "pattern": "^([a-z]([-a-z0-9]{0,38}[a-z0-9])?)?$"
   }
  },
  "additionalProperties": false
 },
 "PatchServiceAccount": {
  "type": "object",
  "properties": {
   "description": {"$ref": "#/components/schemas/AccountDescription"},
   "state": {"$ref": "#/components/schemas/AccountState"}
  },
  "additionalProperties": false
 },
 "AccountDescription": {"type": "string", "maxLength": 256},
 "AccountState": {
  "type": "string",
  "description": "disabled: every API key of the account is rejected",
  "enum": ["active", "disabled"],
  "x-enum-varnames": ["account_active", "account_disabled"]
 },
 "ServiceAccount": {
  "type": "object",
  "required": ["name", "subject", "description", "project", "state", "roles", "created_at", "created_by"],
  "properties": {
   "name": {"type": "string"},
   "subject": {"type": "string", "description": "As a member of projects: service_account:NAME"},
   "description": {"type": "string"},
   "project": {"type": ["string", "null"], "description": "null: the platform"},
   "state": {"$ref": "#/components/schemas/AccountState"},
   "roles": {"type": "object", "description": "Roles by project", "additionalProperties": {"type": "string"}},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "created_by": {"type": "string"}
  },
  "additionalProperties": false
 }
})json";
// clang-format on

}  // namespace

std::string_view account_schemas() noexcept {
    return text;
}

}  // namespace api
