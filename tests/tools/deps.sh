#!/bin/bash
# Installs the Debian packages of packages.txt that belong to the named groups and are not installed yet.
# usage: deps.sh GROUP...     (build demo test lint cluster image bench)
set -euo pipefail
cd "$(dirname "$0")/../.."

wanted=()
while read -r package groups; do
  for group in $groups; do
    case " $* " in *" $group "*) wanted+=("$package"); break ;; esac
  done
done < <(grep -vE '^[[:space:]]*(#|$)' packages.txt)

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
  sudo=$(command -v sudo) || { echo "deps: needs root to install: ${missing[*]}" >&2; exit 1; }
fi
echo "deps: installing ${missing[*]}"
$sudo apt-get update -qq
# Services that come with a package are not started: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
  $sudo chmod +x $policy
  trap '$sudo rm -f $policy' EXIT
fi
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/tmp/sidestep-deps.log 2>&1 ||
  { tail -20 /tmp/sidestep-deps.log >&2; exit 1; }
