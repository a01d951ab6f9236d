#!/usr/bin/env bash
# Put this machine's terraform and tofu, and its mirror of providers, where the executor's Dockerfile takes them from.
#
#   deploy/executor/preload.sh
#
# Each under the platform that it is for, as the image takes only those of its own: preload/<platform>/<tool>/<version>/.
# What is not on PATH is left out: the executor downloads a tool that its image does not hold.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mirror=/usr/local/share/terraform/plugins

for tool in terraform tofu; do
  if ! binary=$(command -v "$tool"); then
    echo "preload: no $tool on PATH"
    continue
  fi
  said=$(env -u TF_CLI_CONFIG_FILE CHECKPOINT_DISABLE=1 "$binary" version -json)
  version=$(sed -n 's/.*"terraform_version": *"\([^"]*\)".*/\1/p' <<<"$said")
  platform=$(sed -n 's/.*"platform": *"\([^"]*\)".*/\1/p' <<<"$said")
  # A binary built from a release's source calls itself its -dev.
  version=${version%-dev}
  target=$here/preload/$platform/$tool/$version
  mkdir -p "$target"
  cp "$(readlink -f "$binary")" "$target/$tool.part"
  chmod 755 "$target/$tool.part"
  mv "$target/$tool.part" "$target/$tool"
  echo "preload: $tool $version for $platform"
done

if [ -d "$mirror" ]; then
  cp -R "$mirror/." "$here/preload-providers/"
  echo "preload: providers of $mirror"
fi
