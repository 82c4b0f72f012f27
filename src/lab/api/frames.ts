import type { Form } from './accept.ts'
import type { Json } from './access.ts'
import { bytesOf, type IncludeObject, partial, served, table, tableMeta } from './encoding.ts'
import type { Kind } from './kind.ts'

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

/** How a watch is written. */
export interface FrameForm {
  kind: Kind
  form: Form
  include: IncludeObject
  /** Of a Table: with column definitions, as in the first event of a watch. */
  columns: boolean
}

const end = Buffer.from('}\n')

/** An event as it goes over the wire: a line of JSON. */
export function frameOf(type: EventType, object: Json, form: FrameForm): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), bodyOf(type, object, form), end])
}

function bodyOf(type: EventType, object: Json, { kind, form, include, columns }: FrameForm): Buffer {
  if (type === 'ERROR') return Buffer.from(JSON.stringify(object))
  if (form.type === 'table') {
    const options = { include, version: form.version, now: new Date(), columns }
    return Buffer.from(JSON.stringify(table(kind, tableMeta(object), [object], options)))
  }
  if (form.type === 'metadata') return Buffer.from(JSON.stringify(partial(object, form.version)))
  return type === 'BOOKMARK' ? Buffer.from(JSON.stringify(served(kind, object))) : bytesOf(kind, object)
}

/** The lines that one event of the store becomes, each made once however many watch. */
export class Frames {
  readonly #frames = new Map<string, Buffer>()

  get(type: EventType, object: Json, form: FrameForm): Buffer {
    const { kind, include, columns } = form
    const key = `${type} ${kind.group}/${kind.version} ${form.form.type} ${form.form.version} ${include} ${columns}`
    let frame = this.#frames.get(key)
    if (frame === undefined) {
      frame = frameOf(type, object, form)
      this.#frames.set(key, frame)
    }
    return frame
  }
}
