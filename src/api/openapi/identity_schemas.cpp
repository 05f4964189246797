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
   "databases": {
    "type": "array",
    "description": "Identifiers of the only databases of the key",
    "items": {"$ref": "#/components/schemas/Name"},
    "minItems": 1,
    "maxItems": 100
   },
   "cidrs": {
    "type": "array",
    "description": "Networks, such as 10.0.0.0/8, from which the key is valid",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": 32
   },
   "expires_at": {
    "type": "string",
    "format": "date-time",
    "description": "At most api-key-max-days (366) from now; left out: 90 days from now"
   },
   "max_unused_days": {
    "type": "integer",
    "description": "The key expires when it was not used for as many days; left out: that of the caller's key",
    "minimum": 1,
    "maximum": 366
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
   "id", "name", "subject", "permissions", "projects", "state", "last_four", "created_at", "created_by",
   "created_by_key", "expires_at", "databases", "cidrs", "previous_secret_until",
   "max_unused_days", "last_used_at", "last_used_address"
  ],
  "properties": {
   "id": {"type": "string"},
   "name": {"type": "string"},
   "subject": {"type": "string"},
   "permissions": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/PermissionName"}},
   "projects": {"type": ["array", "null"], "items": {"type": "string"}},
   "databases": {"type": ["array", "null"], "items": {"type": "string"}},
   "cidrs": {"type": ["array", "null"], "items": {"type": "string"}},
   "previous_secret_until": {
    "$ref": "#/components/schemas/Instant",
    "description": "Until then the secret before the last rotation is valid; null: it is not"
   },
   "state": {
    "type": "string",
    "description": "expiring: within 14 days; stale: unused for 30 days; expired: also by max_unused_days",
    "enum": ["active", "expiring", "stale", "expired"]
   },
   "last_four": {"type": "string"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "created_by": {"type": "string"},
   "created_by_key": {"type": ["string", "null"], "description": "Identifier of the creating API key"},
   "expires_at": {"$ref": "#/components/schemas/Instant"},
   "max_unused_days": {"type": ["integer", "null"]},
   "last_used_at": {
    "$ref": "#/components/schemas/Instant",
    "description": "Last accepted request with the key, to 6 minutes; null: none is known"
   },
   "last_used_address": {"type": ["string", "null"], "description": "Address of the client of that request"}
  },
  "additionalProperties": false
 },
 "PatchApiKey": {
  "type": "object",
  "properties": {
   "name": {"$ref": "#/components/schemas/Word"},
   "permissions": {
    "type": ["array", "null"],
    "items": {"$ref": "#/components/schemas/PermissionName"},
    "minItems": 1
   },
   "projects": {
    "type": ["array", "null"],
    "items": {"$ref": "#/components/schemas/Name"},
    "minItems": 1,
    "maxItems": 100
   },
   "databases": {
    "type": ["array", "null"],
    "description": "Identifiers of the only databases of the key",
    "items": {"$ref": "#/components/schemas/Name"},
    "minItems": 1,
    "maxItems": 100
   },
   "cidrs": {
    "type": ["array", "null"],
    "description": "Networks, such as 10.0.0.0/8, from which the key is valid",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": 32
   },
   "expires_at": {
    "type": "string",
    "format": "date-time",
    "description": "At most api-key-max-days (366) from now"
   },
   "max_unused_days": {
    "type": ["integer", "null"],
    "description": "Counts from the last use or this change; null: no limit",
    "minimum": 1,
    "maximum": 366
   }
  },
  "additionalProperties": false
 },
 "RotateApiKey": {
  "type": "object",
  "properties": {
   "overlap_seconds": {
    "type": "integer",
    "description": "Time for which the present secret stays valid; left out: 86400",
    "minimum": 0,
    "maximum": 2592000
   }
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
 "RoleName": {
  "type": "string",
  "description": "viewer, developer, owner, or the name of a custom role",
  "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
 },
 "CreateRole": {
  "type": "object",
  "required": ["name", "permissions"],
  "properties": {
   "name": {"$ref": "#/components/schemas/Word"},
   "description": {"$ref": "#/components/schemas/RoleDescription"},
   "permissions": {"$ref": "#/components/schemas/RolePermissions"}
  },
  "additionalProperties": false
 },
 "PutRole": {
  "type": "object",
  "required": ["permissions"],
  "properties": {
   "name": {"type": "string", "description": "The name in the path"},
   "description": {"$ref": "#/components/schemas/RoleDescription"},
   "permissions": {"$ref": "#/components/schemas/RolePermissions"}
  },
  "additionalProperties": false
 },
 "RoleDescription": {"type": "string", "maxLength": 256},
 "RolePermissions": {
  "type": "array",
  "description": "Permissions of projects; projects.read is required",
  "items": {"$ref": "#/components/schemas/PermissionName"},
  "minItems": 1
 },
 "Role": {
  "type": "object",
  "required": ["name", "description", "built_in", "permissions", "created_at", "created_by", "updated_at"],
  "properties": {
   "name": {"type": "string"},
   "description": {"type": "string"},
   "built_in": {"type": "boolean"},
   "permissions": {"type": "array", "items": {"$ref": "#/components/schemas/PermissionName"}},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "created_by": {"type": ["string", "null"]},
   "updated_at": {"$ref": "#/components/schemas/Instant"}
  },
  "additionalProperties": false
 },
 "AccessCheck": {
  "type": "object",
  "required": ["permission"],
  "properties": {
   "permission": {"$ref": "#/components/schemas/PermissionName"},
   "project": {"type": "string", "description": "Left out, with database: the platform"},
   "database": {"type": "string", "description": "Identifier of a database, instead of project"}
  },
  "additionalProperties": false
 },
 "CheckAccess": {
  "type": "array",
  "items": {"$ref": "#/components/schemas/AccessCheck"},
  "minItems": 1,
  "maxItems": 256
 },
 "ReviewAccess": {"$ref": "#/components/schemas/AccessCheck"},
 "AccessRule": {
  "type": "string",
  "description": "The rule that decided",
  "enum": [
   "every_caller", "administrator", "auditor", "role", "key_permissions", "key_projects", "key_databases", "platform",
   "no_role", "insufficient_role", "no_object"
  ],
  "x-enum-varnames": [
   "rule_every_caller", "rule_administrator", "rule_auditor", "rule_role", "rule_key_permissions", "rule_key_projects",
   "rule_key_databases", "rule_platform", "rule_no_role", "rule_insufficient_role", "rule_no_object"
  ]
 },
 "AccessChecks": {
  "type": "object",
  "required": ["results"],
  "properties": {
   "results": {
    "type": "array",
    "items": {
     "type": "object",
     "required": ["permission", "project", "database", "allowed", "rule", "reason"],
     "properties": {
      "permission": {"$ref": "#/components/schemas/PermissionName"},
      "project": {"type": ["string", "null"]},
      "database": {"type": ["string", "null"]},
      "allowed": {"type": "boolean"},
      "rule": {"$ref": "#/components/schemas/AccessRule"},
      "reason": {"type": "string", "description": "A sentence: the rule, and who can grant the permission"}
     },
     "additionalProperties": false
    }
   }
  },
  "additionalProperties": false
 },
 "AccessReview": {
  "type": "object",
  "required": ["permission", "project", "database", "subjects"],
  "properties": {
   "permission": {"$ref": "#/components/schemas/PermissionName"},
   "project": {"type": ["string", "null"]},
   "database": {"type": ["string", "null"]},
   "subjects": {
    "type": "array",
    "items": {
     "type": "object",
     "required": ["subject", "rule", "reason"],
     "properties": {
      "subject": {"type": "string"},
      "rule": {"$ref": "#/components/schemas/AccessRule"},
      "reason": {"type": "string"},
      "keys": {
       "type": "array",
       "description": "Active API keys of the subject that have the permission",
       "items": {"type": "string"}
      }
     },
     "additionalProperties": false
    }
   }
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
 "CreateUser": {
  "type": "object",
  "required": ["name"],
  "properties": {
   "name": {"$ref": "#/components/schemas/Word"},
   "email": {"$ref": "#/components/schemas/EmailAddress"},
   "role": {"$ref": "#/components/schemas/PlatformRole"},
   "password": {"$ref": "#/components/schemas/NewPassword"}
  },
  "additionalProperties": false
 },
 "PatchUser": {
  "type": "object",
  "properties": {
   "email": {"$ref": "#/components/schemas/EmailAddress"},
   "role": {"$ref": "#/components/schemas/PlatformRole"},
   "state": {"$ref": "#/components/schemas/UserState"}
  },
  "additionalProperties": false
 },
 "SetPassword": {
  "type": "object",
  "required": ["password"],
  "properties": {
   "password": {"$ref": "#/components/schemas/NewPassword"},
   "current_password": {"type": "string", "description": "Required to change the own password", "writeOnly": true}
  },
  "additionalProperties": false
 },
 "EmailAddress": {
  "type": ["string", "null"],
  "description": "Empty or null: none",
  "pattern": "^([!-;=?-~]+@[!-;=?A-~]+)?$",
  "maxLength": 254
 },
 "NewPassword": {
  "type": "string",
  "description": "Not made of common words, repetitions, sequences, years, and the name or e-mail address of the user",
  "minLength": 12,
  "maxLength": 256,
  "writeOnly": true
 },
 "UserState": {"type": "string", "enum": ["active", "disabled"]},
 "User": {
  "type": "object",
  "required": [
   "name", "email", "role", "state", "has_password", "created_at", "created_by", "password_changed_at"
  ],
  "properties": {
   "name": {"type": "string"},
   "email": {"type": ["string", "null"]},
   "role": {"$ref": "#/components/schemas/PlatformRole"},
   "state": {"$ref": "#/components/schemas/UserState"},
   "has_password": {"type": "boolean"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "created_by": {"type": "string"},
   "password_changed_at": {"$ref": "#/components/schemas/Instant"}
  },
  "additionalProperties": false
 },
 "Login": {
  "type": "object",
  "required": ["username", "password"],
  "properties": {
   "username": {"type": "string"},
   "password": {"type": "string", "writeOnly": true}
  },
  "additionalProperties": false
 },
 "Refresh": {
  "type": "object",
  "required": ["refresh_token"],
  "properties": {"refresh_token": {"type": "string", "writeOnly": true}},
  "additionalProperties": false
 },
 "Tokens": {
  "type": "object",
  "required": ["access_token", "token_type", "expires_in", "refresh_token"],
  "properties": {
   "access_token": {"type": "string", "description": "For the header Authorization: Bearer"},
   "token_type": {"type": "string", "enum": ["Bearer"]},
   "expires_in": {"type": "integer", "description": "Seconds until the access token expires"},
   "refresh_token": {"type": "string", "description": "For the next tokens; valid once"}
  },
  "additionalProperties": false
 },
 "BrowserSession": {
  "type": "object",
  "required": ["subject", "csrf_token", "expires_in"],
  "properties": {
   "subject": {"type": "string"},
   "csrf_token": {"type": "string", "description": "For the header X-CSRF-Token of each write"},
   "expires_in": {"type": "integer", "description": "Seconds until the session cookie expires"}
  },
  "additionalProperties": false
 },
 "StartDeviceLogin": {
  "type": "object",
  "properties": {"issuer": {"type": "string", "description": "Default: the first issuer"}},
  "additionalProperties": false
 },
 "FinishDeviceLogin": {
  "type": "object",
  "required": ["device_code"],
  "properties": {
   "device_code": {"type": "string", "writeOnly": true},
   "issuer": {"type": "string", "description": "As at the start of the login"}
  },
  "additionalProperties": false
 },
 "DeviceLogin": {
  "type": "object",
  "required": ["device_code", "user_code", "verification_uri", "expires_in", "interval", "issuer"],
  "properties": {
   "device_code": {"type": "string", "description": "For the polls"},
   "user_code": {"type": "string", "description": "The user types it at verification_uri"},
   "verification_uri": {"type": "string"},
   "verification_uri_complete": {"type": "string", "description": "With the user code"},
   "expires_in": {"type": "integer", "description": "Seconds until the login expires"},
   "interval": {"type": "integer", "description": "Seconds between two polls"},
   "issuer": {"type": "string"}
  },
  "additionalProperties": false
 },
 "AuthMethods": {
  "type": "object",
  "required": ["required", "methods", "issuers"],
  "properties": {
   "issuers": {
    "type": "array",
    "description": "OpenID issuers",
    "items": {
     "type": "object",
     "required": ["name", "login_path"],
     "properties": {
      "name": {"type": "string"},
      "login_path": {"type": "string", "description": "A browser that opens it logs in"}
     },
     "additionalProperties": false
    }
   },
   "required": {"type": "boolean", "description": "false: every client is an administrator"},
   "methods": {"type": "array", "items": {"type": "string"}}
  },
  "additionalProperties": false
 },
 "KeySet": {
  "type": "object",
  "required": ["keys"],
  "properties": {"keys": {"type": "array", "items": {"$ref": "#/components/schemas/PublicKey"}}},
  "additionalProperties": false
 },
 "PublicKey": {
  "type": "object",
  "required": ["kty", "crv", "use", "alg", "kid", "x"],
  "properties": {
   "kty": {"type": "string"},
   "crv": {"type": "string"},
   "use": {"type": "string"},
   "alg": {"type": "string"},
   "kid": {"type": "string"},
   "x": {"type": "string"}
  },
  "additionalProperties": false
 },
 "CredentialLimits": {
  "type": "object",
  "description": "Limits of the credential; null: none",
  "required": ["permissions", "projects", "databases", "cidrs"],
  "properties": {
   "permissions": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/PermissionName"}},
   "projects": {"type": ["array", "null"], "items": {"type": "string"}},
   "databases": {"type": ["array", "null"], "items": {"type": "string"}},
   "cidrs": {"type": ["array", "null"], "items": {"type": "string"}}
  },
  "additionalProperties": false
 },
 "AuditPage": {
  "type": "object",
  "required": ["items", "next_cursor"],
  "properties": {
   "items": {"type": "array", "items": {"$ref": "#/components/schemas/AuditRow"}},
   "next_cursor": {"type": ["string", "null"]}
  },
  "additionalProperties": false
 },
 "AuditRow": {
  "type": "object",
  "required": ["id", "at", "chain", "seq", "outcome", "action", "previous_hash", "hash"],
  "properties": {
   "id": {"type": "string", "description": "The same in the rows before and after an act"},
   "at": {"type": "string", "format": "date-time"},
   "chain": {"type": "string"},
   "seq": {"type": "integer", "description": "Position in the chain, from 1"},
   "outcome": {"type": "string", "enum": ["started", "success", "rejected", "denied", "failed", "unknown"]},
   "action": {"type": "string", "description": "operationId of the request, audit.checkpoint or audit.retention"},
   "actor": {"type": "string"},
   "via": {"type": "string"},
   "kind": {"type": "string", "description": "Of the object: database, project, user, api_key, session and others"},
   "project": {"type": "string"},
   "object": {"type": "string", "description": "Id of a database or an API key, else the name; of a session its user"},
   "request_id": {"type": "string"},
   "address": {"type": "string"},
   "user_agent": {"type": "string"},
   "status": {"type": "integer"},
   "request_digest": {"type": "string"},
   "etag": {"type": "string"},
   "heads": {"type": "object", "description": "Last rows of other chains, by chain"},
   "previous_hash": {"type": "string"},
   "signature": {"type": "string", "description": "Of the hash, with the platform key"},
   "hash": {"type": "string"}
  },
  "additionalProperties": false
 },
 "RateLimits": {
  "type": "object",
  "required": ["items"],
  "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/RateLimit"}}},
  "additionalProperties": false
 },
 "RateLimit": {
  "type": "object",
  "required": ["class", "quota", "window_seconds", "remaining", "reset_seconds", "scope"],
  "properties": {
   "class": {"type": "string", "enum": ["reads", "writes"]},
   "quota": {"type": "integer", "description": "Requests that are admitted after a pause"},
   "window_seconds": {"type": "integer", "description": "Time in which the whole quota becomes free again"},
   "remaining": {"type": "integer", "description": "Requests that are admitted now"},
   "reset_seconds": {"type": "integer", "description": "Time until the whole quota is free"},
   "scope": {
    "type": "string", "enum": ["platform", "replica"],
    "description": "platform: all replicas share the quota; replica: each has its own"
   }
  },
  "additionalProperties": false
 },
 "LogLevel": {
  "type": "object",
  "required": ["log_level", "configured", "expires_at", "scope", "replica"],
  "properties": {
   "log_level": {"type": "string", "description": "The levels in use"},
   "configured": {"type": "string", "description": "The levels of the option, in use after expires_at"},
   "expires_at": {
    "type": ["string", "null"], "format": "date-time", "description": "null: the configured levels are in use"
   },
   "scope": {
    "type": "string", "enum": ["platform", "replica"],
    "description": "platform: a change is sent to all replicas; replica: it applies to this one alone"
   },
   "replica": {"type": "string", "description": "The replica that responded"}
  },
  "additionalProperties": false
 },
 "Principal": {
  "type": "object",
  "required": ["subject", "administrator", "auditor", "roles", "limits", "credential"],
  "properties": {
   "subject": {"type": "string"},
   "administrator": {"type": "boolean", "description": "Has every permission"},
   "auditor": {"type": "boolean", "description": "Reads every project, except credentials"},
   "roles": {"type": "object", "description": "Roles by project", "additionalProperties": {"type": "string"}},
   "limits": {"$ref": "#/components/schemas/CredentialLimits"},
   "credential": {
    "type": ["string", "null"],
    "description": "key: and the id of the API key, or session: and the id of the session; null without authentication"
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
