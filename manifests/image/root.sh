#!/bin/sh
# Lays out the root of an image that holds programs, the shared libraries they need, and nothing else, not even a shell:
#   root.sh FOLDER PROGRAM...
# The programs stand in /usr/bin, stripped; the libraries where the loader looks for them. /usr/share/sidestep/sbom.spdx.json
# (SPDX 2.3) names the Debian packages that the libraries came from, with versions.
set -eu
out=$1
shift
mkdir -p "$out/usr/bin" "$out/usr/share/sidestep" "$out/etc" "$out/tmp"
chmod 1777 "$out/tmp"
printf 'root:x:0:0::/:/sbin/nologin\nsidestep:x:65532:65532::/:/sbin/nologin\n' >"$out/etc/passwd"

libraries=$(for program in "$@"; do
  ldd "$program" 2>/dev/null | grep -o '/[^ ]*' || true
  # What sidestep loads at the first use is not seen by ldd.
  case $program in */sidestep) "$program" --libraries ;; esac
done | sort -u)
for program in "$@"; do install -s -m 755 "$program" "$out/usr/bin/"; done
for library in $libraries; do
  mkdir -p "$out$(dirname "$library")"
  cp -L "$library" "$out$library"
done

packages=$(for library in $libraries; do
  # dpkg knows a file by the path before or after the merge of /lib into /usr/lib.
  real=$(readlink -f "$library")
  dpkg -S "$real" 2>/dev/null || dpkg -S "${real#/usr}" 2>/dev/null || echo "no package owns $library" >&2
done | sed 's/: \/.*//' | sort -u)
{
  printf '{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "sidestep",\n'
  printf ' "documentNamespace": "https://sidestep.dev/sbom/%s",\n' "$(cat "$out"/usr/bin/* | sha256sum | cut -c1-32)"
  printf ' "creationInfo": {"created": "%s", "creators": ["Tool: sidestep-image-root"]},\n' \
    "$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)"
  printf ' "packages": [\n  {"SPDXID": "SPDXRef-sidestep", "name": "sidestep", "versionInfo": "%s", "downloadLocation": "NOASSERTION", ' \
    "${VERSION:-unknown}"
  printf '"licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION"}'
  for package in $packages; do
    dpkg-query -W -f ',\n  {"SPDXID": "SPDXRef-${Package}", "name": "${Package}", "versionInfo": "${Version}", "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION", "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:deb/debian/${Package}@${Version}?arch=${Architecture}"}]}' "$package"
  done
  printf '],\n "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-sidestep"}'
  for package in $packages; do
    printf ',\n  {"spdxElementId": "SPDXRef-sidestep", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-%s"}' "${package%%:*}"
  done
  printf ']}\n'
} >"$out/usr/share/sidestep/sbom.spdx.json"
