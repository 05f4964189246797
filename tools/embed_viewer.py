#!/usr/bin/env python3
"""Writes the files of /docs as C++: Swagger UI out of its package, and our page and script that show it.

Each file is packed once, here, and named by its content: a browser may keep it for ever. CMake calls this
(cmake/viewer.cmake).
"""

import argparse
import gzip
import hashlib
import os
import re
import sys
import zipfile

# What a browser needs, and the licence that must travel along: name in the package -> name here. Other files of ours name
# them as {{name}}.
FOREIGN = {
    'swagger-ui-bundle.js': 'swagger-ui.js',
    'swagger-ui.css': 'swagger-ui.css',
    'LICENSE': 'swagger-ui-licence.txt',
}
# Ours, in an order in which names are known before they are used; the page itself comes last.
OWN = ['viewer.js', 'viewer.css', 'index.html']
MEDIA = {
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.txt': 'text/plain; charset=utf-8',
    '.html': 'text/html; charset=utf-8',
}


def foreign_files(package):
    """(name, content) of what is needed, and the viewer's version."""
    found = {}
    with zipfile.ZipFile(package) as archive:
        for path in archive.namelist():
            folder, name = os.path.split(path)
            if name in FOREIGN and os.path.basename(folder) == 'swagger-ui-dist':
                found[FOREIGN[name]] = archive.read(path)
    missing = set(FOREIGN.values()) - set(found)
    version = re.search(rb'PACKAGE_VERSION:"([0-9.]+)"', found.get('swagger-ui.js', b''))
    if missing or not version:
        sys.exit(f'embed_viewer: {package} does not hold Swagger UI as it is known here (missing: {sorted(missing)})')
    return sorted(found.items()), version.group(1).decode()


def named(name, content):
    """swagger-ui.js -> swagger-ui-0123456789ab.js"""
    stem, ending = os.path.splitext(name)
    return f'{stem}-{hashlib.sha256(content).hexdigest()[:12]}{ending}'


def filled(text, words):
    """Puts a value in the place of each {{name}}."""
    return re.sub(rb'\{\{([a-z.-]+)\}\}', lambda at: words[at.group(1).decode()].encode(), text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--package', required=True, help='the wheel that carries swagger-ui-dist')
    parser.add_argument('--own', required=True, help='the folder with our page, script and style')
    parser.add_argument('--out', required=True, help='the folder to write to')
    how = parser.parse_args()

    files, version = foreign_files(how.package)
    words = {'version': version}
    for name, content in files:
        words[name] = named(name, content)
    for name in OWN:
        with open(os.path.join(how.own, name), 'rb') as file:
            content = filled(file.read(), words)
        words[name] = named(name, content)
        files.append((name, content))

    os.makedirs(how.out, exist_ok=True)
    arrays, rows = [], []
    for index, (name, content) in enumerate(files):
        packed = os.path.join(how.out, words[name] + '.gz')
        with open(packed, 'wb') as file:
            file.write(gzip.compress(content, 9, mtime=0))
        # The name holds the content's hash: a compiler cache that does not know #embed sees a change all the same.
        arrays.append(f'constexpr unsigned char file_{index}[] = {{\n#embed "{words[name]}.gz"\n}};\n')
        media = MEDIA[os.path.splitext(name)[1]]
        rows.append(f'    {{"{name}", "{words[name]}", "{media}", {len(content)}, file_{index}}},\n')
    with open(os.path.join(how.out, 'docs_files.cpp'), 'w', encoding='utf-8') as file:
        file.write('// Written by tools/embed_viewer.py.\n#include "api/static/static_file.hpp"\n\nnamespace api {\nnamespace {\n\n'
                   + ''.join(arrays) + '\nconstexpr static_file all[] = {\n' + ''.join(rows) + '};\n\n}  // namespace\n\n'
                   'std::span<const static_file> embedded_files() noexcept {\n    return all;\n}\n\n'
                   'std::string_view embedded_viewer() noexcept {\n    return "Swagger UI ' + version + '";\n}\n\n'
                   '}  // namespace api\n')


if __name__ == '__main__':
    main()
