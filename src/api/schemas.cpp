#include "api/schemas.hpp"

namespace api {
namespace {

// clang-format off
constexpr std::string_view text = R"json({
 "Anything": {"type": "object"},
 "Labels": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 32},
 "Instant": {"type": ["string", "null"], "format": "date-time"},
 "Topology": {
  "type": "object",
  "properties": {
   "mode": {"type": "string", "enum": ["standalone", "replicated", "cluster"]},
   "replicas": {"type": "integer"},
   "shards": {"type": "integer"}
  },
  "additionalProperties": false
 },
 "SizeRequest": {
  "oneOf": [
   {"type": "string", "description": "A preset: micro, small, ..."},
   {
    "type": "object",
    "properties": {"preset": {"type": "string"}, "cpu": {"type": "string"}, "memory": {"type": "string"}},
    "additionalProperties": false
   }
  ]
 },
 "StorageRequest": {
  "type": "object",
  "properties": {
   "size": {"type": "string"},
   "class": {"type": "string"},
   "type": {"type": "string", "enum": ["durable", "ephemeral"]}
  },
  "additionalProperties": false
 },
 "CreateDatabase": {
  "type": "object",
  "required": ["project", "name", "engine"],
  "properties": {
   "project": {"type": "string"},
   "name": {"type": "string", "maxLength": 40, "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"},
   "engine": {"type": "string"},
   "version": {"type": "string"},
   "topology": {"$ref": "#/components/schemas/Topology"},
   "size": {"$ref": "#/components/schemas/SizeRequest"},
   "storage": {"$ref": "#/components/schemas/StorageRequest"},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "deletion_protection": {"type": "boolean"},
   "monitoring": {"type": "boolean"}
  },
  "additionalProperties": false,
  "examples": [{"project": "default", "name": "orders", "engine": "postgres", "size": "small"}]
 },
 "PatchDatabase": {
  "type": "object",
  "properties": {
   "topology": {"$ref": "#/components/schemas/Topology"},
   "size": {"$ref": "#/components/schemas/SizeRequest"},
   "storage": {"$ref": "#/components/schemas/StorageRequest"},
   "labels": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
   "deletion_protection": {"type": "boolean"},
   "paused": {"type": "boolean"}
  }
 },
 "Status": {
  "type": "object",
  "required": ["phase", "reason", "message", "since", "observed_at", "replicas", "endpoints", "conditions"],
  "properties": {
   "phase": {
    "type": "string",
    "enum": [
     "provisioning",
     "running",
     "updating",
     "degraded",
     "paused",
     "restoring",
     "deleting",
     "failed",
     "unknown"
    ]
   },
   "reason": {"type": "string"},
   "message": {"type": "string"},
   "since": {"$ref": "#/components/schemas/Instant"},
   "observed_at": {"$ref": "#/components/schemas/Instant"},
   "replicas": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {
      "name": {"type": "string"},
      "role": {"type": "string"},
      "ready": {"type": "boolean"},
      "restarts": {"type": "integer"}
     }
    }
   },
   "endpoints": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {"purpose": {"type": "string"}, "host": {"type": "string"}, "port": {"type": "integer"}}
    }
   },
   "conditions": {"type": "array", "items": {"type": "object"}}
  }
 },
 "Database": {
  "type": "object",
  "required": [
   "id",
   "project",
   "name",
   "engine",
   "version",
   "topology",
   "size",
   "storage",
   "labels",
   "revision",
   "status"
  ],
  "properties": {
   "id": {"type": "string"},
   "project": {"type": "string"},
   "name": {"type": "string"},
   "engine": {"type": "string"},
   "version": {"type": "string"},
   "topology": {"$ref": "#/components/schemas/Topology"},
   "size": {
    "type": "object",
    "properties": {"preset": {"type": ["string", "null"]}, "cpu": {"type": "string"}, "memory": {"type": "string"}}
   },
   "storage": {
    "type": "object",
    "properties": {"size": {"type": "string"}, "class": {"type": ["string", "null"]}, "type": {"type": "string"}}
   },
   "deletion_protection": {"type": "boolean"},
   "paused": {"type": "boolean"},
   "monitoring": {"type": "boolean"},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "deleted": {"type": "boolean"},
   "revision": {"type": "integer"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "updated_at": {"$ref": "#/components/schemas/Instant"},
   "status": {"$ref": "#/components/schemas/Status"}
  }
 },
 "Operation": {
  "type": "object",
  "required": ["id", "kind", "database_id", "phase", "progress", "steps"],
  "properties": {
   "id": {"type": "string"},
   "kind": {"type": "string", "enum": ["create", "update", "pause", "resume", "recreate", "remove"]},
   "database_id": {"type": "string"},
   "project": {"type": "string"},
   "phase": {"type": "string", "enum": ["queued", "running", "succeeded", "failed", "cancelled", "superseded"]},
   "progress": {"type": "integer", "minimum": 0, "maximum": 100},
   "steps": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {"name": {"type": "string"}, "phase": {"type": "string"}, "message": {"type": "string"}}
    }
   },
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "started_at": {"$ref": "#/components/schemas/Instant"},
   "finished_at": {"$ref": "#/components/schemas/Instant"},
   "error": {"type": ["object", "null"], "properties": {"code": {"type": "string"}, "message": {"type": "string"}}},
   "requested_by": {"type": "string"}
  }
 },
 "Accepted": {
  "type": "object",
  "required": ["database", "operation"],
  "properties": {
   "database": {"$ref": "#/components/schemas/Database"},
   "operation": {"oneOf": [{"$ref": "#/components/schemas/Operation"}, {"type": "null"}]}
  }
 },
 "Metrics": {
  "type": "object",
  "required": [
   "database_id",
   "engine",
   "status",
   "last_updated",
   "age_seconds",
   "interval_seconds",
   "metrics",
   "engine_metrics"
  ],
  "properties": {
   "database_id": {"type": "string"},
   "engine": {"type": "string"},
   "status": {"type": "string", "enum": ["fresh", "stale", "pending", "unavailable"]},
   "reason": {"type": "string"},
   "last_updated": {"$ref": "#/components/schemas/Instant"},
   "age_seconds": {"type": ["integer", "null"]},
   "interval_seconds": {"type": "integer"},
   "metrics": {"type": "object"},
   "engine_metrics": {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
  }
 },
 "MetricsHistory": {
  "type": "object",
  "required": ["metric", "unit", "step_seconds", "points"],
  "properties": {
   "metric": {"type": "string"},
   "unit": {"type": "string"},
   "step_seconds": {"type": "integer"},
   "points": {
    "type": "array",
    "items": {"type": "array", "items": {"type": ["string", "number", "null"]}, "minItems": 2, "maxItems": 2}
   }
  }
 },
 "Credentials": {
  "type": "object",
  "required": ["username", "password", "host", "port", "database", "uri", "env"],
  "properties": {
   "username": {"type": "string"},
   "password": {"type": "string"},
   "host": {"type": "string"},
   "port": {"type": "integer"},
   "database": {"type": "string"},
   "uri": {"type": "string"},
   "env": {"type": "object", "additionalProperties": {"type": "string"}}
  }
 },
 "Event": {
  "type": "object",
  "properties": {
   "type": {"type": "string"},
   "reason": {"type": "string"},
   "message": {"type": "string"},
   "object": {"type": "string"},
   "count": {"type": "integer"}
  }
 },
 "Engine": {
  "type": "object",
  "properties": {"engine": {"type": "string"}, "display_name": {"type": "string"}, "installed": {"type": "boolean"}}
 },
 "Version": {
  "type": "object",
  "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "deprecated": {"type": "boolean"}}
 },
 "ProjectRequest": {
  "type": "object",
  "properties": {
   "name": {"type": "string"},
   "display_name": {"type": "string"},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "quota": {
    "type": "object",
    "properties": {
     "databases": {"type": "integer"},
     "cpu": {"type": "string"},
     "memory": {"type": "string"},
     "storage": {"type": "string"}
    },
    "additionalProperties": false
   }
  },
  "additionalProperties": false
 },
 "Project": {
  "type": "object",
  "required": ["name", "quota", "revision"],
  "properties": {
   "name": {"type": "string"},
   "display_name": {"type": "string"},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "quota": {"type": "object"},
   "revision": {"type": "integer"}
  }
 },
 "Liveness": {"type": "object", "properties": {"status": {"const": "alive"}}},
 "Readiness": {
  "type": "object",
  "required": ["status", "database", "redis", "background_services"],
  "properties": {
   "status": {"type": "string", "enum": ["ready", "not_ready"]},
   "database": {"type": "string"},
   "redis": {"type": "string"},
   "background_services": {"type": "object"}
  }
 },
 "Problem": {
  "type": "object",
  "required": ["type", "title", "status", "code", "detail", "request_id", "errors", "retryable"],
  "properties": {
   "type": {"type": "string"},
   "title": {"type": "string"},
   "status": {"type": "integer"},
   "code": {"type": "string"},
   "detail": {"type": "string"},
   "request_id": {"type": "string"},
   "retryable": {"type": "boolean"},
   "errors": {
    "type": "array",
    "items": {
     "type": "object",
     "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}}
    }
   }
  }
 }
})json";
// clang-format on

}  // namespace

std::string_view document_schemas() noexcept {
    return text;
}

}  // namespace api
