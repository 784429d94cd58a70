#!/usr/bin/env bash
# Runs the core scenarios on another kernel than this machine's, in a machine that qemu emulates in software.
#
#   tests/kernels/run.sh                                       Debian's own kernel (6.1)
#   tests/kernels/run.sh --kernel linux-image-5.10.0-30-amd64   another package of the configured registries
#   tests/kernels/run.sh --kernel FILE.deb                     or a package in a file
#   tests/kernels/run.sh start_stop refresh                    these scenarios instead of the core ones
#
# The emulated machine sees this machine's files read-only, under a layer in its own memory, and has no network but
# loopback. No KVM is needed, nor root; expect an hour. README.md says what was tried. COPPER_BUILD_DIR names a build
# that is there already.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=jobscripts/common.sh
source "$here/../../jobscripts/common.sh"

package=linux-image-amd64
scenarios=()
while (($#)); do
  case $1 in
    --kernel) package=${2:?--kernel needs a package}; shift ;;
    -h | --help) print_header "$here/run.sh" && exit 0 ;;
    -*) die 2 "unknown option $1: see tests/kernels/run.sh --help" ;;
    *) scenarios+=("$1") ;;
  esac
  shift
done
((${#scenarios[@]})) ||
  scenarios=(whole_source_4 start_stop absent_names read_only mapped_and_executed refresh killed python_import)

"$COPPER_ROOT/jobscripts/install_dependencies.sh" --python --test --kernels
if [[ -z ${COPPER_BUILD_DIR-} ]]; then
  configure_and_build dev
  COPPER_BUILD_DIR=$COPPER_ROOT/build/dev
fi
COPPER_BUILD_DIR=$(realpath -- "$COPPER_BUILD_DIR")

work=$(mktemp -d "${TMPDIR:-/tmp}/copper-kernel-XXXXXX")
trap 'rm -rf -- "$work"' EXIT

# kernel_package: the file of the package; linux-image-amd64 names the current one.
kernel_package() {
  [[ $package == *.deb ]] && { realpath -- "$package" && return; }
  local name=$package
  if [[ $name == linux-image-amd64 ]]; then
    name=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
  fi
  (cd -- "$work" && apt-get download -q "${name:?apt-cache knows no linux-image-amd64: apt-get update}" >&2)
  printf '%s\n' "$work"/linux-image-*.deb
}

# with_needed MODULE...: the files of these modules, each after those that it needs.
with_needed() {
  local module line file
  for module; do
    line=$(grep -E "/$module\.ko(\.xz)?:" "$modules/modules.dep") || continue  # built in
    for file in $(tr ' ' '\n' <<<"${line#*:}" | tac) "${line%%:*}"; do printf '%s\n' "$file"; done
  done | awk 'NF && !seen[$0]++'
}

say "unpacking the kernel of $package"
dpkg-deb -x "$(kernel_package)" "$work/kernel"
version=$(basename -- "$work"/kernel/boot/vmlinuz-*)
version=${version#vmlinuz-}
depmod -b "$work/kernel" "$version"
modules=$work/kernel/lib/modules/$version

mkdir -p "$work/initramfs/bin" "$work/initramfs/modules"
cp /bin/busybox "$work/initramfs/bin/busybox"
install -m 755 "$here/init" "$work/initramfs/init"
with_needed virtio_pci 9pnet_virtio 9p overlay fuse | while read -r file; do
  cp "$modules/$file" "$work/initramfs/modules/"
  printf '/modules/%s\n' "$(basename -- "$file")"
done >"$work/initramfs/modules.order"
(cd -- "$work/initramfs" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs.cpio"

say "booting Linux $version; this takes long"
tests="^scenario\\.($(IFS='|'; printf '%s' "${scenarios[*]}"))\$"
qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "$(nproc)" -m 6G -nographic -no-reboot -nodefaults -serial stdio \
  -kernel "$work/kernel/boot/vmlinuz-$version" -initrd "$work/initramfs.cpio" \
  -append "console=ttyS0 quiet panic=-1 guest=$here/guest.sh build=$COPPER_BUILD_DIR tests=$tests end" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
  </dev/null | tee "$work/output"
grep -q '100% tests passed' "$work/output" || die 1 "not all scenarios passed on Linux $version"
say "all passed on Linux $version: ${scenarios[*]}"
