#include "api/openapi/schemas.hpp"

namespace api {
namespace {

// clang-format off
constexpr std::string_view text = R"json({
 "Name": {
  "type": "string",
  "description": "Lower-case letters, digits and -; must not end in a reserved suffix (-auth, -pods, ...)",
  "pattern": "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"
 },
 "Quantity": {
  "type": "string",
  "description": "Kubernetes quantity: 500m, 1.5, 10Gi",
  "pattern": "^\\+?[0-9]{1,12}(\\.[0-9]{1,6})?([numkMGTPE]|[KMGTPE]i|[eE][-+]?(0?[0-9]|1[0-8]))?$"
 },
 "StorageClass": {
  "type": "string",
  "description": "Name of a StorageClass; empty or null selects the cluster's default",
  "maxLength": 253,
  "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$"
 },
 "LabelKey": {
  "type": "string",
  "description": "Kubernetes label key, [domain/]name; the domains kubernetes.io, k8s.io and kubedb.com are reserved",
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
  "description": "null deletes the label",
  "propertyNames": {"$ref": "#/components/schemas/LabelKey"},
  "additionalProperties": {"anyOf": [{"$ref": "#/components/schemas/LabelValue"}, {"type": "null"}]},
  "maxProperties": 64
 },
 "SizeRequest": {
  "oneOf": [{"$ref": "#/components/schemas/SizePreset"}, {"$ref": "#/components/schemas/SizeObject"}]
 },
 "SizeObject": {
  "type": "object",
  "description": "preset, or cpu and memory; cpu and memory next to a preset must be its values",
  "properties": {
   "preset": {"anyOf": [{"$ref": "#/components/schemas/SizePreset"}, {"type": "null"}]},
   "cpu": {"$ref": "#/components/schemas/Quantity"},
   "memory": {"$ref": "#/components/schemas/Quantity"}
  },
  "if": {"properties": {"preset": {"type": "string"}}, "required": ["preset"]},
  "else": {"required": ["cpu", "memory"]},
  "additionalProperties": false
 },
 "StorageRequest": {
  "type": "object",
  "properties": {
   "size": {"$ref": "#/components/schemas/Quantity"},
   "class": {"anyOf": [{"$ref": "#/components/schemas/StorageClass"}, {"type": "null"}]},
   "type": {"$ref": "#/components/schemas/StorageType"}
  },
  "additionalProperties": false
 },
 "NodeGroupRequest": {
  "type": "object",
  "description": "A node group: a set of equal members, named by its role",
  "required": ["role"],
  "properties": {
   "role": {"$ref": "#/components/schemas/GroupRole"},
   "replicas": {"type": "integer", "minimum": 1, "maximum": 100},
   "size": {"$ref": "#/components/schemas/SizeRequest"},
   "storage": {"$ref": "#/components/schemas/StorageRequest"}
  },
  "additionalProperties": false
 },
 "TopologyRequest": {
  "type": "object",
  "description": "replicas, size and storage are the short form of the group data; the defaults are the engine's",
  "properties": {
   "mode": {"$ref": "#/components/schemas/TopologyMode"},
   "replicas": {"type": "integer", "minimum": 1, "maximum": 100},
   "shards": {"type": "integer", "minimum": 1, "maximum": 100},
   "groups": {
    "type": "array",
    "maxItems": 8,
    "items": {"$ref": "#/components/schemas/NodeGroupRequest"}
   }
  },
  "additionalProperties": false
 },
 "UtcOffset": {
  "type": "string",
  "description": "Fixed offset from UTC. Daylight saving time is not followed",
  "pattern": "^[-+]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)$"
 },
 "TimeOfDay": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
 "Weekday": {
  "type": "string",
  "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
 },
 "OffWindow": {
  "type": "object",
  "description": "Begins on each of the days at from; ends at to, on the next day unless to is after from",
  "required": ["days", "from", "to"],
  "properties": {
   "days": {
    "type": "array",
    "minItems": 1,
    "maxItems": 7,
    "description": "Each day at most once",
    "items": {"$ref": "#/components/schemas/Weekday"}
   },
   "from": {"$ref": "#/components/schemas/TimeOfDay"},
   "to": {"$ref": "#/components/schemas/TimeOfDay"}
  },
  "additionalProperties": false
 },
 "OffWindows": {
  "type": "array",
  "description": "Overlapping and adjacent windows are one. Together they must not cover the whole week",
  "minItems": 1,
  "maxItems": 14,
  "items": {"$ref": "#/components/schemas/OffWindow"}
 },
 "ScheduleRequest": {
  "type": "object",
  "description": "The platform pauses the database when a window begins and resumes it when the window ends",
  "required": ["off"],
  "properties": {
   "utc_offset": {"anyOf": [{"$ref": "#/components/schemas/UtcOffset"}, {"type": "null"}]},
   "off": {"$ref": "#/components/schemas/OffWindows"}
  },
  "additionalProperties": false
 },
 "ScheduleChange": {
  "type": "object",
  "description": "null removes the schedule; absent members keep their values; the first schedule needs off",
  "properties": {
   "utc_offset": {"anyOf": [{"$ref": "#/components/schemas/UtcOffset"}, {"type": "null"}]},
   "off": {"$ref": "#/components/schemas/OffWindows"}
  },
  "additionalProperties": false
 },
 "CreateDatabase": {
  "type": "object",
  "description": "With databases.create_from_preset alone: project, name, engine and the name of a preset as size",
  "required": ["project", "name", "engine"],
  "properties": {
   "project": {"$ref": "#/components/schemas/Name"},
   "name": {"$ref": "#/components/schemas/Name"},
   "engine": {"$ref": "#/components/schemas/EngineName"},
   "version": {"type": "string", "description": "A version that the cluster offers; defaults to the newest"},
   "topology": {"$ref": "#/components/schemas/TopologyRequest"},
   "size": {"$ref": "#/components/schemas/SizeRequest"},
   "storage": {"$ref": "#/components/schemas/StorageRequest"},
   "labels": {"$ref": "#/components/schemas/Labels"},
   "deletion_protection": {"type": "boolean"},
   "monitoring": {"type": "boolean"},
   "schedule": {"anyOf": [{"$ref": "#/components/schemas/ScheduleRequest"}, {"type": "null"}]}
  },
  "additionalProperties": false,
  "examples": [
   {"project": "default", "name": "orders", "engine": "postgres", "size": "small"},
   {
    "project": "default",
    "name": "events",
    "engine": "mongodb",
    "topology": {
     "mode": "cluster",
     "shards": 2,
     "groups": [
      {"role": "data", "replicas": 3, "size": "medium", "storage": {"size": "50Gi"}},
      {"role": "router", "replicas": 3, "size": "small"}
     ]
    }
   },
   {
    "project": "default",
    "name": "trial",
    "engine": "redis",
    "schedule": {
     "utc_offset": "+01:00",
     "off": [
      {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "20:00", "to": "06:00"},
      {"days": ["sat", "sun"], "from": "00:00", "to": "00:00"}
     ]
    }
   }
  ]
 },
 "PatchDatabase": {
  "type": "object",
  "description": "May contain the document that GET returned: status is ignored, immutable fields must be unchanged",
  "properties": {
   "topology": {"$ref": "#/components/schemas/TopologyChange"},
   "size": {"$ref": "#/components/schemas/SizeChange"},
   "storage": {"$ref": "#/components/schemas/StorageRequest"},
   "labels": {"$ref": "#/components/schemas/LabelChanges"},
   "deletion_protection": {"type": "boolean"},
   "paused": {"type": "boolean"},
   "schedule": {"anyOf": [{"$ref": "#/components/schemas/ScheduleChange"}, {"type": "null"}]}
  },
  "additionalProperties": false,
  "examples": [
   {"schedule": {"utc_offset": "+01:00", "off": [{"days": ["mon", "tue"], "from": "20:00", "to": "06:00"}]}},
   {"schedule": null}
  ]
 },
 "QuotaRequest": {
  "type": "object",
  "description": "0 means unlimited",
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
 }
})json";
// clang-format on

}  // namespace

std::string_view request_schemas() noexcept {
    return text;
}

}  // namespace api
