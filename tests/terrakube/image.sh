#!/usr/bin/env bash
# Build the images of the fake executor, and print their names for TEST_TERRAKUBE_IMAGES.
#
#   tests/terrakube/image.sh BUILDER…
#
# BUILDER… is a command that takes an image's name and a context, and brings the image to the node.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(dirname "$0")
names=
for version in 2.30.2 2.33.0; do
  "$@" "azbuilder/executor:$version" "$here" >&2
  names=${names:+$names,}azbuilder/executor:$version
done
echo "$names"
