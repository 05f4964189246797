#!/usr/bin/env python3
"""Writes the files of /docs as C++: Swagger UI from its package, and the project's page, script and style for it.

Each file is compressed here. Its name contains the hash of its content, so that a browser may cache it indefinitely.
CMake calls this (cmake/viewer.cmake).
"""

import argparse
import gzip
import hashlib
import os
import re
import sys
import zipfile

# The files of the package that a browser needs, and the licence: name in the package -> name here. The project's files
# refer to them as {{name}}.
PACKAGE_FILES = {
    'swagger-ui-bundle.js': 'swagger-ui.js',
    'swagger-ui.css': 'swagger-ui.css',
    'LICENSE': 'swagger-ui-licence.txt',
}
# The project's files. A file may refer to earlier ones only, so the page comes last.
OWN_FILES = ['viewer.js', 'viewer.css', 'index.html']
MEDIA = {
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.txt': 'text/plain; charset=utf-8',
    '.html': 'text/html; charset=utf-8',
}


def read_package(package):
    """Returns the (name, content) of each needed file, and the viewer's version."""
    contents = {}
    with zipfile.ZipFile(package) as archive:
        for path in archive.namelist():
            folder, name = os.path.split(path)
            if name in PACKAGE_FILES and os.path.basename(folder) == 'swagger-ui-dist':
                contents[PACKAGE_FILES[name]] = archive.read(path)
    missing = set(PACKAGE_FILES.values()) - set(contents)
    version = re.search(rb'PACKAGE_VERSION:"([0-9.]+)"', contents.get('swagger-ui.js', b''))
    if missing or not version:
        sys.exit(f'embed_viewer: {package} does not contain Swagger UI with the expected files (missing: {sorted(missing)})')
    return sorted(contents.items()), version.group(1).decode()


def hashed_name(name, content):
    """Returns swagger-ui-0123456789ab.js for swagger-ui.js."""
    stem, ending = os.path.splitext(name)
    return f'{stem}-{hashlib.sha256(content).hexdigest()[:12]}{ending}'


def fill_in(text, values):
    """Replaces each {{name}} by its value."""
    return re.sub(rb'\{\{([a-z.-]+)\}\}', lambda found: values[found.group(1).decode()].encode(), text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--package', required=True, help='the wheel that carries swagger-ui-dist')
    parser.add_argument('--own', required=True, help="the folder with the project's page, script and style")
    parser.add_argument('--out', required=True, help='the folder to write to')
    options = parser.parse_args()

    files, version = read_package(options.package)
    values = {'version': version}
    for name, content in files:
        values[name] = hashed_name(name, content)
    for name in OWN_FILES:
        with open(os.path.join(options.own, name), 'rb') as file:
            content = fill_in(file.read(), values)
        values[name] = hashed_name(name, content)
        files.append((name, content))

    os.makedirs(options.out, exist_ok=True)
    arrays, rows = [], []
    for index, (name, content) in enumerate(files):
        compressed = os.path.join(options.out, values[name] + '.gz')
        with open(compressed, 'wb') as file:
            file.write(gzip.compress(content, 9, mtime=0))
        # A compiler cache without support for #embed sees a change of the content in the name.
        arrays.append(f'constexpr unsigned char file_{index}[] = {{\n#embed "{values[name]}.gz"\n}};\n')
        media = MEDIA[os.path.splitext(name)[1]]
        rows.append(f'    {{"{name}", "{values[name]}", "{media}", {len(content)}, file_{index}}},\n')
    with open(os.path.join(options.out, 'docs_files.cpp'), 'w', encoding='utf-8') as file:
        file.write('// Written by tools/embed_viewer.py.\n#include "api/static/static_file.hpp"\n\nnamespace api {\nnamespace {\n\n'
                   + ''.join(arrays) + '\nconstexpr static_file all[] = {\n' + ''.join(rows) + '};\n\n}  // namespace\n\n'
                   'std::span<const static_file> embedded_files() noexcept {\n    return all;\n}\n\n'
                   'std::string_view embedded_viewer() noexcept {\n    return "Swagger UI ' + version + '";\n}\n\n'
                   '}  // namespace api\n')


if __name__ == '__main__':
    main()
