#!/usr/bin/env bash
# Downloads the libraries of the test server with Maven, compares them with checksums.txt and compiles the program.
# usage: build.sh FOLDER. Does nothing if FOLDER is up to date.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
folder=$(realpath -m "$1")
cd "$(dirname "$(readlink -f "$0")")"
stamp=$(cat pom.xml checksums.txt *.java | sha256sum)
[ "$(cat "$folder/installed" 2>/dev/null || true)" != "$stamp" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder/classes"
# The newest plugin of Maven that Debian 12 runs; without a version Maven would take any.
mvn -q -B -f pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$folder/lib" >&2
(cd "$folder/lib" && sha256sum --quiet --strict -c - && [ "$(ls | wc -l)" = "$(wc -l <&3)" ]) <checksums.txt 3<checksums.txt ||
    { echo "$0: the libraries differ from checksums.txt" >&2; rm -rf "$folder"; exit 1; }
javac -cp "$folder/lib/*" -d "$folder/classes" *.java
echo "$stamp" >"$folder/installed"
