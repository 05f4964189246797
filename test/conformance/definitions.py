"""KubeDB's definitions for a run: those of devcluster/crds, or those of a snapshot. Also builds the smallest value that a schema accepts.

A snapshot is an archive (tar, zip), a folder, or one file. A file may hold any number of documents. The API server parses the YAML; this
module only splits its text, because the Python standard library has no YAML parser.
"""

import glob
import json
import os
import re
import tarfile
import zipfile

OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'devcluster', 'crds')
DEFINITION = re.compile(r'^kind:\s*["\']?CustomResourceDefinition\b', re.M)
SERVED = re.compile(r'^apiVersion:\s*["\']?apiextensions\.k8s\.io/v1["\']?\s*$', re.M)
METADATA = re.compile(r'^metadata:[^\n]*\n((?:[ \t][^\n]*\n|\s*\n)*)', re.M)
NAME = re.compile(r'^([ \t]+)name:\s*["\']?([^\s"\']+)', re.M)


def own():
    """Returns metadata.name -> text of each definition in devcluster/crds."""
    found = {}
    for path in sorted(glob.glob(os.path.join(OWN, '*.json'))):
        with open(path, 'rb') as file:
            found.update(of_text(path, file.read()))
    return found


def of_snapshot(path):
    """Returns metadata.name -> text of each definition in a snapshot. Raises ValueError if none of them is in devcluster/crds."""
    found = {}
    for name, text in texts(path):
        found.update(of_text(name, text))
    if not found.keys() & own().keys():
        raise ValueError(f"{path}: holds none of KubeDB's CustomResourceDefinitions (apiextensions.k8s.io/v1, as *.yaml or *.json)")
    return found


def given(snapshot):
    """Returns the definitions of the snapshot, completed by those of devcluster/crds that the snapshot does not contain."""
    found = of_snapshot(snapshot) if snapshot else {}
    defaults = own()
    missing = sorted(defaults.keys() - found.keys())
    if snapshot and missing:
        print(f"not in the snapshot, taken from devcluster/crds: {', '.join(missing)}", flush=True)
    return {**defaults, **found}


def texts(path):
    """Yields the name and content of every file in a snapshot that may hold definitions."""
    def may(name):
        return name.endswith(('.yaml', '.yml', '.json'))

    if os.path.isdir(path):
        for folder, _, names in sorted(os.walk(path)):
            for name in filter(may, sorted(names)):
                with open(os.path.join(folder, name), 'rb') as file:
                    yield name, file.read()
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            yield from ((each.name, archive.extractfile(each).read()) for each in archive if each.isfile() and may(each.name))
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist() if may(name))
    else:
        with open(path, 'rb') as file:
            yield path, file.read()


def of_text(where, content):
    text = content.decode(errors='replace')
    try:
        content = json.loads(text)
    except ValueError:
        content = None  # YAML, or a template of it
    if isinstance(content, dict):
        objects = content['items'] if isinstance(content.get('items'), list) else [content]
        return {each['metadata']['name']: json.dumps(exported(each)).encode() for each in objects
                if isinstance(each, dict) and each.get('kind') == 'CustomResourceDefinition'}
    return {name_in(where, each): each.encode() for each in re.split(r'^---.*\n', text, flags=re.M)
            if DEFINITION.search(each) and SERVED.search(each)}


def exported(definition):
    """Returns the definition without the members that belong to its source server (status, uid and the like)."""
    kept = {key: value for key, value in definition['metadata'].items() if key in ('name', 'labels', 'annotations')}
    return {**{key: value for key, value in definition.items() if key != 'status'}, 'metadata': kept}


def name_in(where, text):
    """Returns metadata.name: the name with the smallest indentation in the metadata block."""
    block = METADATA.search(text + '\n')
    names = NAME.findall(block.group(1)) if block else []
    if not names:
        raise ValueError(f'{where}: a CustomResourceDefinition without a name')
    return min(names, key=lambda each: len(each[0]))[1]


def minimal_value(schema):
    """Returns a small value that the schema accepts, with the required members only."""
    if 'default' in schema:
        return schema['default']
    if 'enum' in schema:
        return schema['enum'][0]
    kind = schema.get('type', 'integer')  # without a type: an int-or-string
    if kind == 'object':
        return {name: minimal_value(schema.get('properties', {}).get(name, {})) for name in schema.get('required', [])}
    if kind == 'array':
        return [minimal_value(schema['items'])] * schema.get('minItems', 0)
    if kind == 'string':
        return 'x' * max(1, schema.get('minLength', 1))
    return False if kind == 'boolean' else schema.get('minimum', 1)
