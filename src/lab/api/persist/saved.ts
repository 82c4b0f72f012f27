import type { KubeObject, StoreEvent } from '../types.ts'

/** Layout of the files; another one is not read. */
const format = 1

/** What a store holds: all that outlives its process. */
export interface Saved {
  /** The last resourceVersion that was given out. */
  version: number
  objects: Iterable<{ resource: string; object: KubeObject }>
}

/** A line of a record: a version that was reached, an object as it is from then on, or one that is gone. */
type Line =
  | { format: number; version: number }
  | { version: number; resource: string; object: KubeObject }
  | { version: number; resource: string; namespace?: string; gone: string }

/** Stands at the beginning of each file, and wherever a new process begins to write. */
export const startLine = (version: number): Buffer => Buffer.from(`${JSON.stringify({ format, version })}\n`)

/** `json`: the object as JSON. */
export function objectLine(resource: string, version: string, json: Buffer): Buffer {
  const head = `{"version":${version},"resource":${JSON.stringify(resource)},"object":`
  return Buffer.concat([Buffer.from(head), json, lineEnd])
}

const lineEnd = Buffer.from('}\n')

export function goneLine({ resource, object }: StoreEvent): Buffer {
  const { namespace, name, resourceVersion } = object.metadata
  return Buffer.from(`${JSON.stringify({ version: Number(resourceVersion), resource, namespace, gone: name })}\n`)
}

/** What the lines read so far add up to. */
export class Replay implements Saved {
  version = 0
  readonly #objects = new Map<string, { resource: string; object: KubeObject }>()

  get objects(): Iterable<{ resource: string; object: KubeObject }> {
    return this.#objects.values()
  }

  /** @throws Error if a line is of another format */
  take(payload: Buffer): void {
    const lines = payload.toString('utf8').split('\n')
    for (const line of lines) if (line !== '') this.#takeLine(JSON.parse(line) as Line)
  }

  #takeLine(line: Line): void {
    if ('format' in line) {
      if (line.format !== format) throw new Error(`layout ${line.format} instead of ${format}`)
    } else if ('gone' in line) {
      this.#objects.delete(keyOf(line.resource, line.namespace, line.gone))
    } else {
      const { namespace, name } = line.object.metadata
      this.#objects.set(keyOf(line.resource, namespace, name), { resource: line.resource, object: line.object })
    }
    this.version = Math.max(this.version, line.version)
  }
}

const keyOf = (resource: string, namespace: string | undefined, name: string): string =>
  `${resource}/${namespace ?? ''}/${name}`
