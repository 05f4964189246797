#include "api/schemas.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <ranges>

#include "domain/engines.hpp"
#include "domain/metric.hpp"

namespace api {
namespace {

namespace json = boost::json;

// clang-format off
constexpr std::string_view text = R"json({
 "Anything": {"type": "object"},
 "Name": {
  "type": "string",
  "description": "Lower-case letters, digits and -; not ending like a part of a database (-auth, -pods, ...)",
  "pattern": "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"
 },
 "Quantity": {
  "type": "string",
  "description": "A quantity as in Kubernetes: 500m, 1.5, 10Gi",
  "pattern": "^\\+?[0-9]{1,12}(\\.[0-9]{1,6})?([numkMGTPE]|[KMGTPE]i|[eE][-+]?(0?[0-9]|1[0-8]))?$"
 },
 "StorageClass": {
  "type": "string",
  "description": "A StorageClass of the cluster; empty: its default",
  "maxLength": 253,
  "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$"
 },
 "LabelKey": {
  "type": "string",
  "description": "[domain/]name as in Kubernetes; those of kubernetes.io, k8s.io and kubedb.com are reserved",
  "maxLength": 317,
  "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?)json"
              R"json([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
 },
 "LabelValue": {"type": "string", "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"},
 "Labels": {
  "type": "object",
  "propertyNames": {"$ref": "#/components/schemas/LabelKey"},
  "additionalProperties": {"$ref": "#/components/schemas/LabelValue"},
  "maxProperties": 32
 },
 "LabelChanges": {
  "type": "object",
  "description": "null removes a label",
  "propertyNames": {"$ref": "#/components/schemas/LabelKey"},
  "additionalProperties": {"anyOf": [{"$ref": "#/components/schemas/LabelValue"}, {"type": "null"}]}
 },
 "Instant": {"type": ["string", "null"], "format": "date-time"},
 "TopologyRequest": {
  "type": "object",
  "description": "What each engine can do is told by GET /api/v1/engines",
  "properties": {
   "mode": {"$ref": "#/components/schemas/TopologyMode"},
   "replicas": {"type": "integer", "minimum": 1, "maximum": 100},
   "shards": {"type": "integer", "minimum": 1, "maximum": 100}
  },
  "additionalProperties": false
 },
 "PresetSize": {
  "type": "object",
  "required": ["preset"],
  "properties": {"preset": {"$ref": "#/components/schemas/SizePreset"}},
  "additionalProperties": false
 },
 "SizeRequest": {
  "anyOf": [
   {"$ref": "#/components/schemas/SizePreset"},
   {"$ref": "#/components/schemas/PresetSize"},
   {
    "type": "object",
    "required": ["cpu", "memory"],
    "properties": {
     "cpu": {"$ref": "#/components/schemas/Quantity"},
     "memory": {"$ref": "#/components/schemas/Quantity"}
    },
    "additionalProperties": false
   }
  ]
 },
 "SizeChange": {
  "anyOf": [
   {"$ref": "#/components/schemas/SizePreset"},
   {"$ref": "#/components/schemas/PresetSize"},
   {
    "type": "object",
    "properties": {
     "cpu": {"$ref": "#/components/schemas/Quantity"},
     "memory": {"$ref": "#/components/schemas/Quantity"}
    },
    "additionalProperties": false
   }
  ]
 },
 "StorageRequest": {
  "type": "object",
  "properties": {
   "size": {"$ref": "#/components/schemas/Quantity"},
   "class": {"$ref": "#/components/schemas/StorageClass"},
   "type": {"$ref": "#/components/schemas/StorageType"}
  },
  "additionalProperties": false
 },
 "CreateDatabase": {
  "type": "object",
  "required": ["project", "name", "engine"],
  "properties": {
   "project": {"$ref": "#/components/schemas/Name"},
   "name": {"$ref": "#/components/schemas/Name"},
   "engine": {"$ref": "#/components/schemas/EngineName"},
   "version": {"type": "string", "description": "One that the cluster offers; the newest when left out"},
   "topology": {"$ref": "#/components/schemas/TopologyRequest"},
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
   "topology": {"$ref": "#/components/schemas/TopologyRequest"},
   "size": {"$ref": "#/components/schemas/SizeChange"},
   "storage": {"$ref": "#/components/schemas/StorageRequest"},
   "labels": {"$ref": "#/components/schemas/LabelChanges"},
   "deletion_protection": {"type": "boolean"},
   "paused": {"type": "boolean"}
  },
  "additionalProperties": false
 },
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
 "Database": {
  "type": "object",
  "required": [
   "id", "project", "name", "engine", "version", "topology", "size", "storage", "deletion_protection", "paused",
   "monitoring", "labels", "deleted", "revision", "created_at", "updated_at", "status"
  ],
  "properties": {
   "id": {"type": "string"},
   "project": {"type": "string"},
   "name": {"type": "string"},
   "engine": {"$ref": "#/components/schemas/EngineName"},
   "version": {"type": "string"},
   "topology": {
    "type": "object",
    "required": ["mode", "replicas", "shards"],
    "properties": {
     "mode": {"$ref": "#/components/schemas/TopologyMode"},
     "replicas": {"type": "integer"},
     "shards": {"type": "integer"}
    },
    "additionalProperties": false
   },
   "size": {
    "type": "object",
    "required": ["preset", "cpu", "memory"],
    "properties": {
     "preset": {"anyOf": [{"$ref": "#/components/schemas/SizePreset"}, {"type": "null"}]},
     "cpu": {"type": "string"},
     "memory": {"type": "string"}
    },
    "additionalProperties": false
   },
   "storage": {
    "type": "object",
    "required": ["size", "class", "type"],
    "properties": {
     "size": {"type": "string"},
     "class": {"type": ["string", "null"]},
     "type": {"$ref": "#/components/schemas/StorageType"}
    },
    "additionalProperties": false
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
   "database_id", "engine", "status", "reason", "last_updated", "age_seconds", "interval_seconds", "metrics",
   "engine_metrics"
  ],
  "properties": {
   "database_id": {"type": "string"},
   "engine": {"$ref": "#/components/schemas/EngineName"},
   "status": {"type": "string", "enum": ["fresh", "stale", "pending", "unavailable"]},
   "reason": {"type": "string"},
   "last_updated": {"$ref": "#/components/schemas/Instant"},
   "age_seconds": {"type": ["integer", "null"], "minimum": 0},
   "interval_seconds": {"type": "integer", "minimum": 1},
   "metrics": {"$ref": "#/components/schemas/MetricValues"},
   "engine_metrics": {
    "type": "object",
    "description": "A selection of the exporter's own series",
    "additionalProperties": {"type": ["number", "null"]}
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
    "description": "Pairs of an instant and a value, oldest first; null where nothing was measured",
    "items": {
     "type": "array",
     "prefixItems": [{"type": "string", "format": "date-time"}, {"type": ["number", "null"]}],
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
  "description": "null: not possible",
  "required": ["least", "most", "odd_only"],
  "properties": {"least": {"type": "integer"}, "most": {"type": "integer"}, "odd_only": {"type": "boolean"}},
  "additionalProperties": false
 },
 "Engine": {
  "type": "object",
  "required": ["engine", "display_name", "installed", "topologies", "has_volumes", "can_pause"],
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
 "QuotaRequest": {
  "type": "object",
  "description": "0: no limit",
  "properties": {
   "databases": {"type": "integer", "minimum": 0, "maximum": 100000},
   "cpu": {"$ref": "#/components/schemas/Quantity"},
   "memory": {"$ref": "#/components/schemas/Quantity"},
   "storage": {"$ref": "#/components/schemas/Quantity"}
  },
  "additionalProperties": false
 },
 "CreateProject": {
  "type": "object",
  "required": ["name"],
  "properties": {
   "name": {"$ref": "#/components/schemas/Name"},
   "display_name": {"type": "string", "maxLength": 200},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "quota": {"$ref": "#/components/schemas/QuotaRequest"}
  },
  "additionalProperties": false
 },
 "PatchProject": {
  "type": "object",
  "properties": {
   "display_name": {"type": "string", "maxLength": 200},
   "labels": {"$ref": "#/components/schemas/LabelChanges"},
   "quota": {"$ref": "#/components/schemas/QuotaRequest"}
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
   "revision": {"type": "integer"},
   "created_at": {"$ref": "#/components/schemas/Instant"},
   "updated_at": {"$ref": "#/components/schemas/Instant"}
  },
  "additionalProperties": false
 },
 "Liveness": {
  "type": "object",
  "required": ["status"],
  "properties": {"status": {"const": "alive"}},
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

json::object enumeration(const auto& names) {
    json::array list;
    for (const auto& each : names) list.emplace_back(std::string_view(each));
    return {{"type", "string"}, {"enum", std::move(list)}};
}

json::object closed_object(json::object properties) {
    return {
        {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

// "connections.current" is member "current" of "connections"; a metric without a dot stands alone.
json::object metric_values() {
    json::object groups;
    json::object properties;
    for (const auto& each : domain::all_metrics()) {
        const json::object value{{"type", {"number", "null"}},
                                 {"description", fmt::format("{} [{}]", each.help, each.unit)}};
        const auto dot = each.name.find('.');
        if (dot == std::string_view::npos) {
            properties[each.name] = value;
            continue;
        }
        auto& group = groups[each.name.substr(0, dot)];
        if (!group.is_object()) group.emplace_object();
        group.get_object()[each.name.substr(dot + 1)] = value;
    }
    for (auto& [name, members] : groups) {
        properties[name] = closed_object(std::move(members.get_object()));
    }
    return closed_object(std::move(properties));
}

}  // namespace

json::object document_schemas() {
    auto schemas = json::parse(text).get_object();
    schemas["TopologyMode"] = enumeration(domain::names_of<domain::topology_mode>());
    schemas["StorageType"] = enumeration(domain::names_of<domain::storage_type>());
    schemas["OperationKind"] = enumeration(domain::names_of<domain::operation_kind>());
    schemas["OperationPhase"] = enumeration(domain::names_of<domain::operation_phase>());
    schemas["StatusPhase"] = enumeration(domain::names_of<domain::status_phase>());
    schemas["EngineName"] =
        enumeration(domain::all_engines() | std::views::transform(&domain::engine_rules::engine));
    schemas["SizePreset"] =
        enumeration(domain::size_presets() | std::views::transform(&domain::size_preset::name));
    schemas["MetricName"] = enumeration(domain::all_metrics() |
                                        std::views::transform(&domain::metric_description::name));
    schemas["MetricValues"] = metric_values();
    return schemas;
}

}  // namespace api
