import { open, rename } from 'node:fs/promises'
import type { KubeObject } from '../types.ts'
import { snapshotFile, syncFolder } from './files.ts'
import { encodeRecord } from './record.ts'
import { objectLine, type Saved, startLine } from './saved.ts'

/** About so much is encoded in one go, so that requests are answered in between. */
const sliceBytes = 256 * 1024

/** Writes a snapshot beside, makes it durable and swaps it in. Returns its size in bytes. @throws errors of the file system */
export async function writeSnapshot(
  dir: string,
  number: number,
  { version, objects }: Saved,
  encode: (resource: string, object: KubeObject) => Buffer,
): Promise<number> {
  const file = snapshotFile(dir, number)
  const handle = await open(`${file}.new`, 'w', 0o600)
  let size = 0
  try {
    for (const record of records(version, objects, encode)) {
      await handle.appendFile(record)
      size += record.length
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.new`, file)
  syncFolder(dir)
  return size
}

function* records(
  version: number,
  objects: Saved['objects'],
  encode: (resource: string, object: KubeObject) => Buffer,
): Generator<Buffer> {
  let lines = [startLine(version)]
  let bytes = 0
  for (const { resource, object } of objects) {
    const line = objectLine(resource, object.metadata.resourceVersion, encode(resource, object))
    lines.push(line)
    bytes += line.length
    if (bytes < sliceBytes) continue
    yield encodeRecord(lines)
    lines = []
    bytes = 0
  }
  if (lines.length > 0) yield encodeRecord(lines)
}
