// An initramfs as the kernel reads it: a "newc" cpio archive (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's sources).

/** @typedef {{ path: string, mode: number, data?: Uint8Array | string }} Entry `mode` with the type bits, e.g. 0o100755 for a program, 0o040755 for a directory. */

/** One archive of these entries, in this order. Archives may follow each other in one file: later ones add to earlier ones. @param {Entry[]} entries */
export function cpio(entries) {
  const parts = entries.map((entry, index) => record(entry, index + 1))
  return Buffer.concat([...parts, record({ path: 'TRAILER!!!', mode: 0 }, 0)])
}

function record({ path, mode, data = '' }, inode) {
  const content = Buffer.from(data)
  const name = Buffer.from(`${path}\0`)
  // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), length of the name, checksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(content)])
}

const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
