#!/usr/bin/env bash
# Proves the AVX-512 VNNI path on a machine without AVX-512: Bochs emulates an Ice Lake that boots
# Debian's kernel, whose only process runs the kernels' unit tests, unpacks archives made here by
# the path this machine has, and packs the same input again to compare. About 10 minutes.
#
# usage: scripts/avx512.sh [--install]
#
# On a CPU with AVX-512, `LLZ_KERNEL=avx512 cargo test` does more in less time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

install=no
case "$*" in
    --install) install=yes ;;
    "") ;;
    *) fail "usage: scripts/avx512.sh [--install]" ;;
esac
need "$install" bochs isolinux syslinux-common busybox-static xorriso cpio

scratch=$(mktemp -d)
reader=
trap 'kill $reader 2>/dev/null; rm -rf "$scratch"' EXIT

step "build: static programs, as the emulated machine has no libraries"
export RUSTFLAGS="-C target-feature=+crt-static"
target=x86_64-unknown-linux-gnu
cargo build --quiet --locked --release --target $target
tests=$(cargo test --locked --release --target $target --lib --no-run 2>&1 |
    sed -n 's/.*Executable unittests src\/lib\.rs (\(.*\))/\1/p')
llz=$(realpath "${CARGO_TARGET_DIR:-target}/$target/release/llz")

step "pack here"
root=$scratch/root
mkdir -p "$root"/{bin,dev,proc,tmp}
sample "$root/sample"
for level in 1 6; do
    (cd "$root" && "$llz" pack -q --level $level sample -o "here-$level.llz")
done
ls -l "$root"/*.llz

step "boot medium"
# Only the kernel image is wanted; installing the package would touch the boot loader.
package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p')
(cd "$scratch" && apt-get download -qq -o APT::Sandbox::User=root "$package" && dpkg -x "$package"_*.deb kernel)
cp "$tests" "$root/bin/tests"
cp "$llz" "$root/bin/llz"
cp "$(command -v busybox)" "$root/bin/busybox"
cat >"$root/init" <<'END'
#!/bin/busybox sh
export PATH=/bin LLZ_KERNEL=avx512
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
check() {
    busybox grep -q avx512_vnni /proc/cpuinfo || return
    # Fails, too, if this CPU does not offer the path asked for.
    tests --test-threads 1 kernel:: || return
    for level in 1 6; do
        cd / && llz unpack -q -T 1 here-$level.llz -C /tmp || return
        busybox diff -r sample /tmp/sample && busybox rm -r /tmp/sample || return
        llz pack -q -T 1 --level $level sample -o /tmp/there.llz || return
        busybox cmp here-$level.llz /tmp/there.llz && busybox rm /tmp/there.llz || return
        echo "level $level: same bytes"
    done
    echo "AVX-512: all the same"
}
check
busybox sleep 2 # until the serial line has sent everything
busybox poweroff -f
END
chmod +x "$root/init"
mkdir -p "$scratch/iso/isolinux"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$scratch/iso/initrd"
cp "$scratch"/kernel/boot/vmlinuz-* "$scratch/iso/linux"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$scratch/iso/isolinux"
# Bochs 2.7 describes its CPU with small untruths that Linux believes. Hidden from it are fast
# short moves without fast string operations (580: FSRM; memmove would never end), and XSAVEC,
# XSAVES and protection keys, whose state sizes do not add up (321, 323, 515, 516; Linux would turn
# AVX off).
cat >"$scratch/iso/isolinux/isolinux.cfg" <<'END'
default linux
label linux
  kernel /linux
  append initrd=/initrd console=ttyS0 quiet nokaslr mitigations=off random.trust_cpu=on lpj=1000000 clearcpuid=321,323,515,516,580
END
xorriso -report_about WARNING -as mkisofs -quiet -o "$scratch/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$scratch/iso"
cat >"$scratch/bochsrc" <<END
cpu: model=corei7_icelake_u, count=1, ips=50000000
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$scratch/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$scratch/serial
display_library: rfb, options="timeout=0"
log: $scratch/bochs.log
panic: action=fatal
END
echo c >"$scratch/continue" # Debian's Bochs starts in its debugger

step "boot"
: >"$scratch/serial"
tail -f "$scratch/serial" &
reader=$!
# The screen is a VNC server that nobody looks at. Bochs ends with an error when the emulated machine
# switches itself off.
timeout --kill-after 5 "${AVX512_SECONDS:-1500}" \
    bochs -f "$scratch/bochsrc" -rc "$scratch/continue" </dev/null >"$scratch/terminal" 2>&1 ||
    true
sleep 1 # until the last lines are shown
grep -q "AVX-512: all the same" "$scratch/serial" || fail "the emulated machine did not get to the end"
step "done"
