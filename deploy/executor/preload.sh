#!/usr/bin/env bash
# Copy this machine's terraform, tofu and provider mirror to where the executor's Dockerfile reads them.
#
#   deploy/executor/preload.sh
#
# Sorted by platform, because an image takes only its own: preload/<platform>/<tool>/<version>/.
# A tool that is not on PATH is skipped: the executor downloads a tool its image lacks.
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
  # A binary built from a release's source reports the version with -dev.
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
