#include "api/openapi/schemas.hpp"

namespace api {
namespace {

// clang-format off
constexpr std::string_view text = R"json({
 "CreateApiKey": {
  "type": "object",
  "required": ["name"],
  "properties": {
   "name": {"$ref": "#/components/schemas/Word"},
   "subject": {"$ref": "#/components/schemas/Word"},
   "permissions": {
    "type": "array",
    "description": "Permissions of the key, within those of its subject; left out: all of them",
    "items": {"$ref": "#/components/schemas/PermissionName"},
    "minItems": 1
   },
   "projects": {
    "type": "array",
    "description": "Projects of the key, within those of its subject; left out: all of them",
    "items": {"$ref": "#/components/schemas/Name"},
    "minItems": 1,
    "maxItems": 100
   },
   "expires_at": {
    "type": "string",
    "format": "date-time",
    "description": "At most 366 days from now; left out: 90 days from now"
   }
  },
  "additionalProperties": false
 },
 "Word": {
  "type": "string",
  "description": "Letters, digits, -, _ and .; begins and ends with a letter or digit",
  "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
 },
 "ApiKey": {
  "type": "object",
  "required": [
   "id", "name", "subject", "permissions", "projects", "state", "last_four", "created_at", "created_by", "expires_at"
  ],
  "properties": {
   "id": {"type": "string"},
   "name": {"type": "string"},
   "subject": {"type": "string"},
   "permissions": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/PermissionName"}},
   "projects": {"type": ["array", "null"], "items": {"type": "string"}},
   "state": {"type": "string", "enum": ["active", "expired"]},
   "last_four": {"type": "string"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "created_by": {"type": "string"},
   "expires_at": {"$ref": "#/components/schemas/Instant"}
  },
  "additionalProperties": false
 },
 "CreatedApiKey": {
  "type": "object",
  "required": ["key", "api_key"],
  "properties": {
   "key": {"type": "string", "description": "The key itself; no other response contains it"},
   "api_key": {"$ref": "#/components/schemas/ApiKey"}
  },
  "additionalProperties": false
 },
 "PutMember": {
  "type": "object",
  "required": ["role"],
  "properties": {"role": {"$ref": "#/components/schemas/RoleName"}},
  "additionalProperties": false
 },
 "Member": {
  "type": "object",
  "required": ["subject", "role", "created_at", "created_by"],
  "properties": {
   "subject": {"type": "string"},
   "role": {"$ref": "#/components/schemas/RoleName"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "created_by": {"type": "string"}
  },
  "additionalProperties": false
 },
 "CredentialLimits": {
  "type": "object",
  "description": "Limits of the credential; null: none",
  "required": ["permissions", "projects"],
  "properties": {
   "permissions": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/PermissionName"}},
   "projects": {"type": ["array", "null"], "items": {"type": "string"}}
  },
  "additionalProperties": false
 },
 "Principal": {
  "type": "object",
  "required": ["subject", "administrator", "roles", "limits", "credential"],
  "properties": {
   "subject": {"type": "string"},
   "administrator": {"type": "boolean"},
   "roles": {"type": "object", "description": "Roles by project", "additionalProperties": {"type": "string"}},
   "limits": {"$ref": "#/components/schemas/CredentialLimits"},
   "credential": {
    "type": ["string", "null"],
    "description": "key: and the id of the API key; null without authentication"
   }
  },
  "additionalProperties": false
 }
})json";
// clang-format on

}  // namespace

std::string_view identity_schemas() noexcept {
    return text;
}

}  // namespace api
