#!/bin/busybox sh
# The first process of the VM: mounts the host's root below memory-backed changes, runs /command in it, tells the exit code, powers off.
# The kernel loads modules by itself through /sbin/modprobe of this initramfs, since this process never changes its root.
export PATH=/bin:/sbin
busybox mkdir -p /proc /sys /dev /sbin /host /changes /root /lib
busybox mount -t proc proc /proc
busybox --install -s /bin
ln -s /bin/busybox /sbin/modprobe
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
. /settings
for module in $FIRST_MODULES; do insmod "/modules/$module" || echo "cannot load $module"; done
mount -t virtiofs -o ro host /host || poweroff -f
mount -t tmpfs -o mode=755 tmpfs /changes
mkdir /changes/upper /changes/work
mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work overlay /root || poweroff -f
mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t devtmpfs devtmpfs /root/dev
mkdir -p /root/dev/pts /root/dev/shm
for link in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -s "/proc/self/${link#*:}" "/root/dev/${link%:*}"; done
mount -t devpts devpts /root/dev/pts
# Before these are covered: the checkout may lie in one of them.
mkdir -p /checkout
mount --bind "/root$CHECKOUT" /checkout
for place in /dev/shm /tmp /run /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "/root$place"; done
[ -d "/root$CHECKOUT" ] || { mkdir -p "/root$CHECKOUT" && mount --move /checkout "/root$CHECKOUT"; }
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mount --bind "/host$MODULES" /lib
hostname weft-vm
ip link set lo up
for port in /sys/class/virtio-ports/*; do read -r name <"$port/name"; eval "$name=/dev/${port##*/}"; done
for module in $LATER_MODULES; do modprobe "$module"; done
# shellcheck disable=SC2154 # the ports are named by the loop above
cp /command /root/run/command
chroot /root /bin/sh /run/command </dev/null >"$output" 2>&1
echo "$?" >"$status"
poweroff -f
