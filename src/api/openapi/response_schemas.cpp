#include "api/openapi/schemas.hpp"

namespace api {
namespace {

// clang-format off
constexpr std::string_view text = R"json({
 "Anything": {"type": "object"},
 "Instant": {"type": ["string", "null"], "format": "date-time"},
 "Status": {
  "type": "object",
  "required": ["phase", "reason", "message", "since", "observed_at", "replicas", "endpoints", "conditions"],
  "properties": {
   "phase": {"$ref": "#/components/schemas/StatusPhase"},
   "reason": {"type": "string"},
   "message": {"type": "string"},
   "since": {"$ref": "#/components/schemas/Instant"},
   "observed_at": {"$ref": "#/components/schemas/Instant"},
   "replicas": {
    "type": "array",
    "items": {
     "type": "object",
     "required": ["name", "role", "ready", "restarts"],
     "properties": {
      "name": {"type": "string"},
      "role": {"type": "string"},
      "ready": {"type": "boolean"},
      "restarts": {"type": "integer"}
     },
     "additionalProperties": false
    }
   },
   "endpoints": {
    "type": "array",
    "items": {
     "type": "object",
     "required": ["purpose", "host", "port"],
     "properties": {"purpose": {"type": "string"}, "host": {"type": "string"}, "port": {"type": "integer"}},
     "additionalProperties": false
    }
   },
   "conditions": {
    "type": "array",
    "items": {
     "type": "object",
     "required": ["type", "status", "reason", "message", "last_transition"],
     "properties": {
      "type": {"type": "string"},
      "status": {"type": "boolean"},
      "reason": {"type": "string"},
      "message": {"type": "string"},
      "last_transition": {"$ref": "#/components/schemas/Instant"}
     },
     "additionalProperties": false
    }
   }
  },
  "additionalProperties": false
 },
 "Size": {
  "type": "object",
  "required": ["preset", "cpu", "memory"],
  "properties": {
   "preset": {"anyOf": [{"$ref": "#/components/schemas/SizePreset"}, {"type": "null"}]},
   "cpu": {"type": "string"},
   "memory": {"type": "string"}
  },
  "additionalProperties": false
 },
 "Storage": {
  "type": "object",
  "required": ["size", "class", "type"],
  "properties": {
   "size": {"type": "string", "description": "Of each member; 0 if the group has no storage"},
   "class": {"type": ["string", "null"]},
   "type": {"$ref": "#/components/schemas/StorageType"}
  },
  "additionalProperties": false
 },
 "NodeGroup": {
  "type": "object",
  "required": ["role", "replicas", "size", "storage"],
  "properties": {
   "role": {"$ref": "#/components/schemas/GroupRole"},
   "replicas": {"type": "integer", "description": "Members; of the group data in mode cluster, members per shard"},
   "size": {"$ref": "#/components/schemas/Size"},
   "storage": {"$ref": "#/components/schemas/Storage"}
  },
  "additionalProperties": false
 },
 "Schedule": {
  "type": "object",
  "required": ["utc_offset", "off"],
  "properties": {
   "utc_offset": {"$ref": "#/components/schemas/UtcOffset"},
   "off": {"$ref": "#/components/schemas/OffWindows"}
  },
  "additionalProperties": false
 },
 "Database": {
  "type": "object",
  "required": [
   "id", "project", "name", "engine", "version", "topology", "size", "storage", "deletion_protection", "paused",
   "monitoring", "labels", "schedule", "next_schedule_change_at", "next_schedule_change", "deleted", "revision",
   "created_at", "updated_at", "status", "allowed_actions"
  ],
  "properties": {
   "id": {"type": "string"},
   "project": {"type": "string"},
   "name": {"type": "string"},
   "engine": {"$ref": "#/components/schemas/EngineName"},
   "version": {"type": "string"},
   "topology": {
    "type": "object",
    "required": ["mode", "replicas", "shards", "groups"],
    "properties": {
     "mode": {"$ref": "#/components/schemas/TopologyMode"},
     "replicas": {"type": "integer", "description": "Of the group data"},
     "shards": {"type": "integer"},
     "groups": {"type": "array", "items": {"$ref": "#/components/schemas/NodeGroup"}}
    },
    "additionalProperties": false
   },
   "size": {"$ref": "#/components/schemas/Size"},
   "storage": {"$ref": "#/components/schemas/Storage"},
   "deletion_protection": {"type": "boolean"},
   "paused": {"type": "boolean"},
   "monitoring": {"type": "boolean"},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "schedule": {"anyOf": [{"$ref": "#/components/schemas/Schedule"}, {"type": "null"}]},
   "next_schedule_change_at": {
    "type": ["string", "null"],
    "format": "date-time",
    "description": "As of this revision; in the past while the change is due and waits"
   },
   "next_schedule_change": {"type": ["string", "null"], "description": "pause or resume"},
   "deleted": {"type": "boolean"},
   "revision": {"type": "integer", "format": "int64"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "updated_at": {"$ref": "#/components/schemas/Instant"},
   "status": {"$ref": "#/components/schemas/Status"},
   "allowed_actions": {
    "type": "array",
    "description": "Permissions that the caller has on this database",
    "items": {"$ref": "#/components/schemas/PermissionName"}
   }
  },
  "additionalProperties": false
 },
 "Operation": {
  "type": "object",
  "required": [
   "id", "kind", "database_id", "project", "phase", "progress", "steps", "created_at", "started_at", "finished_at",
   "error", "requested_by"
  ],
  "properties": {
   "id": {"type": "string"},
   "kind": {"$ref": "#/components/schemas/OperationKind"},
   "database_id": {"type": "string"},
   "project": {"type": "string"},
   "phase": {"$ref": "#/components/schemas/OperationPhase"},
   "progress": {"type": "integer", "minimum": 0, "maximum": 100},
   "steps": {
    "type": "array",
    "items": {
     "type": "object",
     "required": ["name", "phase", "message"],
     "properties": {"name": {"type": "string"}, "phase": {"type": "string"}, "message": {"type": "string"}},
     "additionalProperties": false
    }
   },
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "started_at": {"$ref": "#/components/schemas/Instant"},
   "finished_at": {"$ref": "#/components/schemas/Instant"},
   "error": {
    "type": ["object", "null"],
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    "additionalProperties": false
   },
   "requested_by": {"type": "string"}
  },
  "additionalProperties": false
 },
 "Accepted": {
  "type": "object",
  "required": ["database", "operation"],
  "properties": {
   "database": {"$ref": "#/components/schemas/Database"},
   "operation": {"anyOf": [{"$ref": "#/components/schemas/Operation"}, {"type": "null"}]}
  },
  "additionalProperties": false
 },
 "Metrics": {
  "type": "object",
  "required": [
   "database_id", "engine", "status", "reason", "message", "last_updated", "age_seconds", "interval_seconds",
   "metrics", "engine_metrics"
  ],
  "properties": {
   "database_id": {"type": "string"},
   "engine": {"$ref": "#/components/schemas/EngineName"},
   "status": {"type": "string", "enum": ["fresh", "stale", "pending", "unavailable"]},
   "reason": {"type": "string"},
   "message": {
    "type": "string",
    "description": "Of the last failed scrape: the status and the first lines of the response, with credentials masked"
   },
   "last_updated": {"$ref": "#/components/schemas/Instant"},
   "age_seconds": {"type": ["integer", "null"], "minimum": 0},
   "interval_seconds": {"type": "integer", "minimum": 1},
   "metrics": {"$ref": "#/components/schemas/MetricValues"},
   "engine_metrics": {
    "type": "object",
    "description": "Selected series of the engine's exporter",
    "additionalProperties": {"type": ["number", "null"], "format": "double"}
   }
  },
  "additionalProperties": false
 },
 "MetricsHistory": {
  "type": "object",
  "required": ["metric", "unit", "step_seconds", "points"],
  "properties": {
   "metric": {"$ref": "#/components/schemas/MetricName"},
   "unit": {"type": "string"},
   "step_seconds": {"type": "integer", "minimum": 1},
   "points": {
    "type": "array",
    "description": "Pairs of a timestamp and a value, oldest first; the value is null if nothing was measured",
    "items": {
     "type": "array",
     "prefixItems": [{"type": "string", "format": "date-time"}, {"type": ["number", "null"], "format": "double"}],
     "items": {},
     "minItems": 2,
     "maxItems": 2
    }
   }
  },
  "additionalProperties": false
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
  },
  "additionalProperties": false
 },
 "Event": {
  "type": "object",
  "required": ["type", "reason", "message", "object", "count", "first_seen", "last_seen"],
  "properties": {
   "type": {"type": "string"},
   "reason": {"type": "string"},
   "message": {"type": "string"},
   "object": {"type": "string"},
   "count": {"type": "integer"},
   "first_seen": {"$ref": "#/components/schemas/Instant"},
   "last_seen": {"$ref": "#/components/schemas/Instant"}
  },
  "additionalProperties": false
 },
 "ReplicaRange": {
  "type": ["object", "null"],
  "description": "null if the engine does not support it",
  "required": ["min", "max", "odd_only"],
  "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}, "odd_only": {"type": "boolean"}},
  "additionalProperties": false
 },
 "EngineGroup": {
  "type": "object",
  "required": [
   "role", "mode", "replicas", "default_replicas", "has_storage", "scales_horizontally", "scales_vertically",
   "expands_volumes"
  ],
  "properties": {
   "role": {"$ref": "#/components/schemas/GroupRole"},
   "mode": {"$ref": "#/components/schemas/TopologyMode"},
   "replicas": {"$ref": "#/components/schemas/ReplicaRange"},
   "default_replicas": {"type": "integer"},
   "has_storage": {"type": "boolean"},
   "scales_horizontally": {"type": "boolean", "description": "replicas can be changed after creation"},
   "scales_vertically": {"type": "boolean", "description": "size can be changed after creation"},
   "expands_volumes": {"type": "boolean", "description": "storage can grow after creation"}
  },
  "additionalProperties": false
 },
 "Engine": {
  "type": "object",
  "required": ["engine", "display_name", "installed", "topologies", "groups", "has_volumes", "can_pause"],
  "properties": {
   "engine": {"$ref": "#/components/schemas/EngineName"},
   "display_name": {"type": "string"},
   "installed": {"type": "boolean"},
   "topologies": {
    "type": "object",
    "required": ["standalone", "replicated", "shards", "shard_replicas"],
    "properties": {
     "standalone": {"type": "boolean"},
     "replicated": {"$ref": "#/components/schemas/ReplicaRange"},
     "shards": {"$ref": "#/components/schemas/ReplicaRange"},
     "shard_replicas": {"$ref": "#/components/schemas/ReplicaRange"}
    },
    "additionalProperties": false
   },
   "groups": {
    "type": "array",
    "description": "Node groups in addition to the group data, by topology mode",
    "items": {"$ref": "#/components/schemas/EngineGroup"}
   },
   "has_volumes": {"type": "boolean"},
   "can_pause": {"type": "boolean"}
  },
  "additionalProperties": false
 },
 "Version": {
  "type": "object",
  "required": ["name", "version", "deprecated", "distribution"],
  "properties": {
   "name": {"type": "string"},
   "version": {"type": "string"},
   "deprecated": {"type": "boolean"},
   "distribution": {"type": "string"}
  },
  "additionalProperties": false
 },
 "Project": {
  "type": "object",
  "required": ["name", "display_name", "labels", "quota", "revision", "created_at", "updated_at"],
  "properties": {
   "name": {"type": "string"},
   "display_name": {"type": "string"},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "quota": {
    "type": "object",
    "required": ["databases", "cpu", "memory", "storage"],
    "properties": {
     "databases": {"type": "integer"},
     "cpu": {"type": "string"},
     "memory": {"type": "string"},
     "storage": {"type": "string"}
    },
    "additionalProperties": false
   },
   "revision": {"type": "integer", "format": "int64"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "updated_at": {"$ref": "#/components/schemas/Instant"}
  },
  "additionalProperties": false
 },
 "Liveness": {
  "type": "object",
  "required": ["status"],
  "properties": {"status": {"type": "string", "const": "alive"}},
  "additionalProperties": false
 },
 "Readiness": {
  "type": "object",
  "required": ["status", "database", "redis", "background_services"],
  "properties": {
   "status": {"type": "string", "enum": ["ready", "not_ready"]},
   "database": {"type": "string"},
   "redis": {"type": "string"},
   "background_services": {"type": "object", "additionalProperties": {"type": "string"}}
  },
  "additionalProperties": false
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
     "required": ["pointer", "code", "message"],
     "properties": {
      "pointer": {"type": "string", "format": "json-pointer"},
      "code": {"type": "string"},
      "message": {"type": "string"}
     },
     "additionalProperties": false
    }
   }
  },
  "additionalProperties": false
 }
})json";
// clang-format on

}  // namespace

std::string_view response_schemas() noexcept {
    return text;
}

}  // namespace api
