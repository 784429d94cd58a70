#!/usr/bin/env bash
# Installs with apt what Copper needs on Debian 12 and is not there yet. Changes nothing when nothing is missing.
#
#   install_dependencies.sh            what it takes to build and run Copper
#   install_dependencies.sh --python   also the Python packages that run_local.sh and the scenarios import
#   install_dependencies.sh --test     also what the tests, sanitizers and checks need
#   install_dependencies.sh --kernels  also what tests/kernels needs
set -euo pipefail
# shellcheck source=jobscripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

packages=(g++ cmake ninja-build pkg-config
          libfuse3-dev fuse3 mpich libmpich-dev libfabric-dev libhdf5-dev libspdlog-dev libcli11-dev
          libxxhash-dev libsodium-dev libssl-dev nlohmann-json3-dev libgtest-dev libgmock-dev libbenchmark-dev)

while (($#)); do
  case $1 in
    --python) packages+=(python3 python3-numpy python3-scipy python3-sympy python3-pandas python3-matplotlib) ;;
    --test) packages+=(python3 clang-19 libclang-rt-19-dev clang-tidy-19 clang-format-19 binutils coreutils util-linux
                      hdf5-tools python3-h5py slurm-wlm munge shellcheck iproute2) ;;
    --kernels) packages+=(qemu-system-x86 busybox-static cpio kmod) ;;
    -h | --help) print_header "$0" && exit 0 ;;
    *) die 2 "unknown option $1: see $0 --help" ;;
  esac
  shift
done

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

mapfile -t missing < <(missing_packages)
((${#missing[@]})) || exit 0

if ((EUID != 0)) && ! sudo -n true 2>/dev/null; then
  die 1 "these packages are missing, and installing them takes root: sudo apt-get install ${missing[*]}"
fi

say "installing ${missing[*]}"
apt_options=(-q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get "${apt_options[@]}" install --no-install-recommends "${missing[@]}" </dev/null >&2
}
update_lists() { as_root env DEBIAN_FRONTEND=noninteractive apt-get "${apt_options[@]}" update </dev/null >&2; }

# Lists that are absent or too old show as packages that apt cannot find or fetch.
if ! apt-cache policy "${missing[@]}" 2>/dev/null | grep -q 'Candidate: [^(]'; then update_lists; fi
install_packages || { update_lists && install_packages; } ||
  die 1 "apt-get could not install ${missing[*]}: its reason stands above"
